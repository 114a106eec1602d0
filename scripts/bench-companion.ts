// `git dvcexp` beside `dvc exp` on 1,000 experiments of 50 baselines, which share a directory of 200 files: what it takes to list
// and show them, and to push all where nothing is to do. Usage: npm run bench:companion [-- ROUNDS]
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { figure, formatTable, median } from './bench/figures.ts';
import { findPrograms, top } from './bench/programs.ts';

const baselines = 50;
const experimentsEach = 20;
const sharedFiles = 200;
const rounds = Number(process.argv[2] ?? 5);

interface Cost {
  readonly wallS: number;
  readonly userS: number;
  readonly systemS: number;
  readonly peakRssKib: number;
}

const programs = findPrograms({ only: ['ours', 'dvc'], over: 'ssh' });
const directory = mkdtempSync(join(tmpdir(), 'dvcexp-companion-'));
const alice = join(directory, 'alice');
const env = {
  ...process.env,
  PATH: `${join(top, 'bin')}${delimiter}${process.env.PATH}`,
  HOME: directory,
  GIT_CONFIG_NOSYSTEM: '1',
  DVC_NO_ANALYTICS: '1',
  DVC_SITE_CACHE_DIR: join(directory, 'site'),
};
const git = (args: readonly string[], input = ''): string =>
  execFileSync(programs.git, args, { cwd: alice, env, input, encoding: 'utf8', maxBuffer: 1 << 28 });

try {
  makeProject();
  const commands: readonly (readonly [what: string, ours: readonly string[], dvc: readonly string[]])[] = [
    ['list, names alone', ['list', '-A', '--name-only'], ['list', '-A', '--name-only']],
    ['list, ours with the state of data', ['list', '-A'], ['list', '-A']],
    ['list of the Git remote', ['list', '-A', 'origin'], ['list', '-A', 'origin']],
    ['show', ['show', '-A', '--csv'], ['show', '-A', '--csv']],
    ['show, for the first time', ['show', '-A', '--csv'], ['show', '-A', '--csv', '--force']],
    ['push with nothing to do', ['push', '-A', 'origin'], ['push', '-A', 'origin']],
    ['status of all, storage asked', ['status', '-A'], []],
  ];
  say('pushing all of them, once each');
  measure(['git', 'dvcexp', 'push', '-A', '-q', 'origin']);
  measure([programs.dvc, 'exp', 'push', '-A', '-q', 'origin']);
  const rows = [['', 'ours s', 'DVC s', 'ratio', 'ours CPU s', 'DVC CPU s', 'ours MiB', 'DVC MiB']];
  for (const [what, ours, dvc] of commands) {
    say(what);
    const own: Cost[] = [];
    const theirs: Cost[] = [];
    for (let round = 0; round < rounds; round++) {
      own.push(measure(['git', 'dvcexp', ...ours]));
      if (dvc.length > 0) theirs.push(measure([programs.dvc, 'exp', ...dvc]));
    }
    const of = (costs: readonly Cost[], value: (cost: Cost) => number): number => median(costs.map(value));
    const wall = (costs: readonly Cost[]): number => of(costs, ({ wallS }) => wallS);
    const cpu = (costs: readonly Cost[]): number => of(costs, ({ userS, systemS }) => userS + systemS);
    const memory = (costs: readonly Cost[]): number => Math.round(of(costs, ({ peakRssKib }) => peakRssKib / 1024));
    const numbers = [
      wall(own),
      wall(theirs),
      wall(own) / wall(theirs),
      cpu(own),
      cpu(theirs),
      memory(own),
      memory(theirs),
    ];
    rows.push([what, ...numbers.map(figure)]);
  }
  process.stdout.write(`${formatTable(rows)}\n\n${rounds} rounds, ${cpus().length} × ${cpus()[0]?.model}\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Throws when the command fails: what was not done has no price. */
function measure(command: readonly string[]): Cost {
  const [report, log] = [join(directory, 'report.json'), join(directory, 'log.txt')];
  const script = join(top, 'scripts', 'bench', 'measure.py');
  execFileSync(programs.python, [script, report, log, '900', ...command], { cwd: alice, env, stdio: 'inherit' });
  const { status, ...cost } = JSON.parse(readFileSync(report, 'utf8')) as Cost & { status: number };
  if (status !== 0) throw new Error(`${command.join(' ')}: exit code ${status}\n${readFileSync(log, 'utf8')}`);
  return cost;
}

/** An object of DVC's cache; answers its name. */
function put(bytes: string, suffix = ''): string {
  const name = createHash('md5').update(bytes).digest('hex') + suffix;
  const path = join(alice, '.dvc', 'cache', 'files', 'md5', name.slice(0, 2), name.slice(2));
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
    chmodSync(path, 0o444);
  }
  return name;
}

function makeProject(): void {
  mkdirSync(join(alice, '.dvc'), { recursive: true });
  execFileSync(programs.git, ['init', '-q', '--bare', 'team.git'], { cwd: directory, env });
  git(['init', '-q', '-b', 'main']);
  git(['remote', 'add', 'origin', join(directory, 'team.git')]);
  const out = (md5: string, path: string): string => `outs:\n- md5: ${md5}\n  size: 10\n  hash: md5\n  path: ${path}\n`;
  const entries = Array.from({ length: sharedFiles }, (_, index) => ({
    md5: put(`file ${index}\n`),
    relpath: `f${String(index).padStart(3, '0')}.txt`,
  }));
  const listing = `[${entries.map(({ md5, relpath }) => `{"md5": "${md5}", "relpath": "${relpath}"}`).join(', ')}]`;
  const storage = `[core]\n    remote = storage\n['remote "storage"']\n    url = ${join(directory, 'storage')}\n`;
  const stream: string[] = [];
  let mark = 0;
  const commit = (ref: string, parent: number, files: Readonly<Record<string, string>>): number => {
    mark += 1;
    stream.push(
      `commit ${ref}\nmark :${mark}\ncommitter Ada <ada@example.com> ${1_700_000_000 + mark} +0000\ndata 1\nx\n`,
    );
    if (parent > 0) stream.push(`from :${parent}\n`);
    for (const [path, text] of Object.entries(files)) {
      stream.push(`M 100644 inline ${path}\ndata ${Buffer.byteLength(text)}\n${text}\n`);
    }
    return mark;
  };
  const first = {
    '.dvc/config': storage,
    '.dvc/.gitignore': '/cache\n/tmp\n',
    '.gitignore': '/data\n/model.bin\n',
    'dvc.yaml': 'metrics: [metrics.json]\n',
    'data.dvc': out(put(listing, '.dir'), 'data'),
  };
  let main = 0;
  for (let baseline = 0; baseline < baselines; baseline++) {
    main = commit('refs/heads/main', main, {
      ...(baseline === 0 ? first : {}),
      'params.yaml': `base: ${baseline}\n`,
      'metrics.json': `{"loss": ${baseline}}\n`,
    });
    for (let index = 0; index < experimentsEach; index++) {
      const model = put(`model ${baseline} ${index}\n`);
      const params = `base: ${baseline}\nrate: ${index}\n`;
      commit(`refs/made/${baseline}/${index}`, main, {
        'model.bin.dvc': out(model, 'model.bin'),
        'params.yaml': params,
        'metrics.json': `{"loss": ${baseline + index / 7}}\n`,
      });
    }
  }
  git(['fast-import', '--quiet'], stream.join(''));
  const commits = git(['rev-list', '--reverse', 'main']).trim().split('\n');
  const moves = commits.flatMap((commit, baseline) =>
    Array.from({ length: experimentsEach }, (_, index) => {
      const ref = `refs/exps/${commit.slice(0, 2)}/${commit.slice(2)}/exp-${baseline}-${index}`;
      return `create ${ref} refs/made/${baseline}/${index}\ndelete refs/made/${baseline}/${index}\n`;
    }),
  );
  git(['update-ref', '--stdin'], moves.join(''));
  git(['reset', '-q', '--hard', 'main']);
  git(['pack-refs', '--all']);
  git(['push', '-q', 'origin', 'main']);
}
