import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { damaged, filesBelow, readRecorded } from '../../scripts/demo/recorded.ts';

const recorded = readRecorded();
const refs = ['refs/heads/main', 'refs/heads/more-pictures', recorded.experiment('cnn-32')] as const;

function play(folder: string, environment: Record<string, string> = {}) {
  return spawnSync(process.execPath, ['--import', 'tsx', 'scripts/demo.ts', folder], {
    encoding: 'utf8',
    timeout: 110_000,
    env: { ...process.env, ...environment },
  });
}

function git(folder: string, ...args: string[]): string {
  const { stdout } = spawnSync('git', args, { cwd: folder, encoding: 'utf8', timeout: 20_000 });
  return stdout.trim();
}

describe('npm run demo', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'dvcexp-demo-test-'));
  const folder = join(scratch, 'played');
  let played: ReturnType<typeof play>;
  // A configuration of the user that would break every push and clone, if it played a part.
  before(() => {
    const home = join(scratch, 'home');
    mkdirSync(home);
    writeFileSync(join(home, '.gitconfig'), '[core]\n\thooksPath = /nowhere\n[protocol]\n\tallow = never\n');
    played = play(folder, { HOME: home, GIT_DIR: '/nowhere', DVCEXP_FETCH_DATA: 'none' });
  });
  after(() => rmSync(scratch, { recursive: true, force: true }));

  it('tells the story to its end', () => {
    assert.equal(played.status, 0, `${played.stdout}\n${played.stderr}`);
    assert.match(played.stdout, /\nalice\$ git push origin main v1\.0 /);
    assert.match(played.stdout, /\ndemo\$ git clone -c remote\.origin\.vcs=dvcexp "file:\/\/\$PWD\/team\.git" bob\n/);
    assert.match(played.stdout, /All of it worked/);
    assert.match(played.stderr, /! \[remote rejected\] more-pictures -> more-pictures \(dvc: /);
    assert.equal(played.stdout.includes('\u001b'), false, 'no colour into a pipe');
  });

  it('leaves every ref at the team, with all data in storage', () => {
    const team = git(join(folder, 'team.git'), 'for-each-ref', '--format=%(refname)').split('\n');
    assert.deepEqual(team.sort(), [...refs, recorded.experiment('quare-zips'), 'refs/tags/v1.0'].sort());
    const expected = recorded.objects(...refs, recorded.experiment('quare-zips'));
    assert.deepEqual(filesBelow(join(folder, 'storage')), expected);
    assert.deepEqual(damaged(join(folder, 'storage')), []);
  });

  it('leaves what Bob fetched in his cache, read-only as DVC wants it', () => {
    const cache = join(folder, 'bob/.dvc/cache');
    assert.deepEqual(filesBelow(cache), recorded.objects(...refs));
    assert.deepEqual(damaged(cache), []);
    const modes = new Set(filesBelow(cache).map((path) => statSync(join(cache, path)).mode & 0o777));
    assert.deepEqual([...modes], [0o444]);
    assert.equal(git(join(folder, 'bob'), 'status', '--porcelain'), '');
  });

  it('refuses a folder that is not empty, and leaves it alone', () => {
    const full = join(scratch, 'full');
    mkdirSync(full);
    writeFileSync(join(full, 'mine'), '');
    const { status, stderr } = play(full);
    assert.equal(status, 1);
    assert.match(stderr, /demo failed: '.*full' is not empty/);
    assert.deepEqual(readdirSync(full), ['mine']);
  });

  it('fails when a command does not do what the story says', () => {
    const broken = join(scratch, 'broken');
    const programs = join(scratch, 'programs');
    mkdirSync(programs);
    // A Git whose pushes say all is well and move nothing.
    const real = spawnSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).stdout.trim();
    writeFileSync(join(programs, 'git'), `#!/bin/sh\n[ "$1" = push ] && exit 0\nexec '${real}' "$@"\n`);
    chmodSync(join(programs, 'git'), 0o755);
    const { status, stderr } = play(broken, { PATH: [programs, process.env.PATH].join(delimiter) });
    assert.equal(status, 1);
    assert.match(stderr, /demo failed: not so: storage\/ has the \d+ objects/);
    assert.equal(existsSync(join(broken, 'bob')), false);
  });
});
