// What real shells make of the completion, and what man(1) makes of the manual pages.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { findProgram } from '../kit/git-servers.ts';
import { openWorld, type World } from '../kit/world.ts';

let world: World;
let at: string;
before(() => {
  world = openWorld();
  at = world.path('r');
  world.git(world.directory, 'init', '-q', at);
  world.git(at, 'commit', '-q', '--allow-empty', '-m', 'one');
  world.git(world.directory, 'init', '-q', '--bare', 'team.git');
  world.git(at, 'remote', 'add', 'origin', world.path('team.git'));
  const baseline = world.git(at, 'rev-parse', 'HEAD');
  const ref = (name: string): string => `refs/exps/${baseline.slice(0, 2)}/${baseline.slice(2)}/${name}`;
  for (const name of ['cnn-32', 'quare-zips']) world.git(at, 'update-ref', ref(name), 'HEAD');
  world.git(at, 'update-ref', 'refs/exps/exec/EXEC_HEAD', 'HEAD');
  world.git(at, 'push', '-q', 'origin', `HEAD:${ref('theirs')}`);
});
after(() => world.remove());

const completion = (shell: string): string => {
  const { code, stdout } = world.run(at, 'git', ['dvcexp', 'completion', shell]);
  assert.equal(code, 0);
  return stdout;
};

/** Line, and what is offered at its end. */
const lines: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ['git dvcexp pu', ['pull', 'push']],
  ['git -C . dvcexp sta', ['status']],
  ['git dvcexp push o', ['origin']],
  ['git dvcexp push origin c', ['cnn-32']],
  ['git dvcexp branch ', ['cnn-32', 'quare-zips']],
  ['git dvcexp rm --ke', ['--keep']],
  ['git dvcexp push --no-c', ['--no-cache']],
  ['git dvcexp rename --git-remote ', ['origin']],
  ['git dvcexp show --sort-order ', ['asc', 'desc']],
  ['git dvcexp show --only', ['--only-changed']],
  ['git dvcexp show q', ['quare-zips']],
  ['git dvcexp completion f', ['fish']],
];

test("bash, inside Git's own completion, which finds it by its name", () => {
  const git = ['/usr/share/bash-completion/completions/git', '/usr/share/git/completion/git-completion.bash'].find(
    existsSync,
  );
  assert.ok(git, "Git's completion for bash is installed");
  writeFileSync(world.path('git-dvcexp'), completion('bash'));
  const ask = (line: string): string[] => {
    const words = line.split(' ');
    const script = [
      `_completion_loader () { . '${world.path()}'/"$1"; }`,
      `. '${git}'`,
      'COMP_POINT=$1; COMP_CWORD=$2; shift 2; COMP_LINE="$*"; COMP_WORDS=("$@"); __git_wrap__git_main',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: bash's own
      'set -- "${COMPREPLY[@]}"; for word; do echo "$word"; done',
    ].join('\n');
    const counts = [String(line.length), String(words.length - 1)];
    const args = ['--norc', '-c', script, 'bash', ...counts, ...words];
    const { stdout, stderr } = world.run(at, 'bash', args);
    assert.equal(stderr, '', line);
    return stdout
      .split('\n')
      .map((word) => word.trim())
      .filter((word) => word !== '')
      .sort();
  };
  for (const [line, offered] of lines) assert.deepEqual(ask(line), offered, line);
  assert.deepEqual(ask('git dvcexp pull origin '), ['theirs'], 'the Git remote is asked');
});

test('fish, inside its completion of git', () => {
  findProgram('fish');
  const folder = world.path('home', '.config', 'fish', 'conf.d');
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/git-dvcexp.fish`, completion('fish'));
  for (const [line, offered] of lines) {
    const { stdout } = world.run(at, 'fish', ['-c', `complete -C '${line}'`]);
    const words = stdout.split('\n').map((each) => each.split('\t')[0] ?? '');
    assert.deepEqual([...new Set(words)].filter((word) => word !== '').sort(), offered, line);
  }
});

test('zsh, inside its completion of git', () => {
  findProgram('zsh');
  mkdirSync(world.path('zfunc'));
  writeFileSync(world.path('zfunc', '_git-dvcexp'), completion('zsh'));
  // An interactive shell on a terminal of its own: what the line has become after one Tab.
  const script = `
zmodload zsh/zpty
zpty -b shell zsh -f -i
upto () {
  local all part; integer tries=200
  while (( tries-- )) && [[ $all != *$1* ]]; do while zpty -rt shell part; do all+=$part; done; sleep 0.05; done
  print -r -- $all
}
zpty -w shell "PS1=; fpath=(\${(q)1} \\$fpath); autoload -Uz compinit; compinit -u -D; bindkey '^X' show; show () { BUFFER='print -r -- \\"line:'\\$BUFFER':\\"'; zle accept-line }; zle -N show; print rea''dy"
upto ready >/dev/null
zpty -w -n shell $2$'\\t'
sleep 1
zpty -w -n shell $'\\C-x'
sleep 0.3
zpty -w shell "print do''ne"
upto done
zpty -d shell`;
  for (const [line, offered] of lines.filter((each) => each[1].length === 1)) {
    const { stdout } = world.run(at, 'zsh', ['-f', '-c', script, 'zsh', world.path('zfunc'), line]);
    const completed = /^line:(.*?) *:\s*$/m.exec(stdout.replaceAll('\r', ''))?.[1];
    assert.equal(completed, line.replace(/[^ ]*$/, offered[0] ?? ''), `${line}\n${stdout}`);
  }
});

test('man shows the pages, also as git dvcexp --help once they are installed', () => {
  findProgram('man');
  const manual = `${import.meta.dirname}/../../dist/man`;
  for (const page of ['git-dvcexp', 'git-remote-dvcexp']) {
    const strict = world.run(at, 'man', ['--warnings=w', '-l', `${manual}/man1/${page}.1`], {
      env: { MANROFFOPT: '' },
    });
    assert.deepEqual([strict.code, strict.stderr], [0, ''], page);
    assert.match(strict.stdout, new RegExp(`^${page.toUpperCase()}\\(1\\)`));
  }
  const env = { MANPATH: `${manual}:`, GIT_PAGER: 'cat', MANPAGER: 'cat' };
  for (const [args, installed] of [
    [['dvcexp', '--help'], true],
    [['dvcexp', 'push', '--help'], false],
    [['dvcexp', 'help'], false],
  ] as const) {
    const { code, stdout } = world.run(at, 'git', args, { env: installed ? env : { MANPAGER: 'cat' } });
    assert.equal(code, 0, args.join(' '));
    assert.match(stdout, /^NAME\n +git-dvcexp - share DVC experiments/m, args.join(' '));
  }
});
