// The way experiments are shared, typed as DVC's documentation has it, with `git dvcexp` for `dvc exp`: over SSH, and over HTTPS
// with a password. The project is one that the real DVC recorded. Nobody has set up anything.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { readRecorded } from '../../scripts/demo/recorded.ts';
import { makeCertificate } from '../differential/servers.ts';
import { type GitServer, startHttpServer, startSshd } from '../kit/git-servers.ts';
import { objectsIn, openWorld, type Ran, type World } from '../kit/world.ts';

const login = { user: 'ada', password: 'in the clear' };

async function serve(kind: 'SSH' | 'HTTPS', world: World): Promise<GitServer> {
  mkdirSync(world.path('srv'));
  if (kind === 'SSH') return await startSshd(world.path('srv'), world.path('ssh'));
  const { key, cert } = makeCertificate(world, 'server');
  const files = { key: readFileSync(key), cert: readFileSync(cert), ca: readFileSync(cert) };
  const server = await startHttpServer(world.path('srv'), { tls: files, credentials: login });
  const answer = `!f() { test "$1" = get && echo username=${login.user} && echo 'password=${login.password}'; }; f`;
  world.git(world.directory, 'config', '--global', 'credential.helper', answer);
  return { ...server, env: { GIT_SSL_CAINFO: cert } };
}

for (const kind of ['SSH', 'HTTPS'] as const) {
  describe(`over ${kind}`, () => {
    const recorded = readRecorded();
    let world: World;
    let server: GitServer;
    let [alice, bob, url] = ['', '', ''];

    before(async () => {
      world = openWorld();
      server = await serve(kind, world);
      Object.assign(world.env, server.env);
      world.git(world.directory, 'init', '-q', '--bare', world.path('srv', 'team.git'));
      url = server.url('team.git');
      [alice, bob] = [world.path('alice'), world.path('bob')];
      world.git(world.directory, 'clone', '-q', '-b', 'main', recorded.bundle, alice);
      world.git(alice, 'fetch', '-q', 'origin', 'refs/exps/*:refs/exps/*');
      world.git(alice, 'remote', 'set-url', 'origin', url);
      recorded.fillCache(`${alice}/.dvc/cache`);
      assert.equal((await type(alice, 'git push origin main')).code, 0);
    });
    after(async () => {
      await server?.stop();
      world?.remove();
    });

    /** As at a prompt; the server lives in this process, so nothing may block it. */
    const type = async (cwd: string, line: string): Promise<Ran> => {
      const [command = '', ...args] = line.split(' ');
      const ran = await world.runAsync(cwd, command, args);
      assert.doesNotMatch(ran.stdout + ran.stderr, /in the clear/);
      return ran;
    };
    const done = async (cwd: string, line: string): Promise<Ran> => {
      const ran = await type(cwd, line);
      assert.equal(ran.code, 0, `$ ${line}\n${ran.stdout}${ran.stderr}`);
      return ran;
    };
    const id = (name: string): string => world.git(alice, 'rev-parse', recorded.experiment(name));
    const short = (name: string): string => id(name).slice(0, 7);
    const holds = (at: string, name: string): void => {
      const [cache, wanted] = [objectsIn(`${at}/.dvc/cache`), recorded.objects(recorded.experiment(name))];
      assert.deepEqual(
        wanted.filter((key) => !cache.has(key)),
        [],
      );
    };

    test('an experiment becomes a branch, and is pushed as one', async () => {
      const { stdout } = await done(alice, 'git dvcexp branch cnn-32 cnn-branch');
      assert.equal(
        stdout,
        `branch 'cnn-branch' created from experiment 'cnn-32' (${short('cnn-32')})\nto switch to it: git checkout cnn-branch\n`,
      );
      await done(alice, 'git push origin cnn-branch');
      await done(alice, 'git push origin --delete cnn-branch');
    });

    test('experiments are listed here and pushed by name, with their data', async () => {
      const { stdout } = await done(alice, 'git dvcexp list --all-commits');
      assert.equal(
        stdout,
        `main:\n\t${short('cnn-32')} [cnn-32]      data in the cache\n\t${short('quare-zips')} [quare-zips]  data in the cache\n`,
      );
      const pushed = await done(alice, 'git dvcexp push origin quare-zips');
      assert.equal(pushed.stdout, `pushed      quare-zips (${short('quare-zips')})\n`);
      assert.match(pushed.stderr, /^dvcexp: uploaded \d+ objects, /m);
      const stored = objectsIn(world.path('storage'));
      for (const key of recorded.objects(recorded.experiment('quare-zips'))) assert.ok(stored.has(key), key);
      assert.equal(
        (await done(alice, 'git dvcexp list origin')).stdout,
        `main:\n\t${short('quare-zips')} [quare-zips]  data in the cache\n`,
      );
    });

    test('--rev HEAD pushes all that were made from it', async () => {
      const { stdout } = await done(alice, 'git dvcexp push origin --rev HEAD');
      assert.equal(
        stdout,
        `pushed      cnn-32 (${short('cnn-32')})\nup to date  quare-zips (${short('quare-zips')})\n`,
      );
    });

    test('a clone has no experiments; they are listed, and one is pulled by name', async () => {
      await done(world.directory, `git clone ${url} bob`);
      assert.equal((await done(bob, 'git dvcexp list')).stdout, '');
      assert.equal(
        (await done(bob, 'git dvcexp list origin')).stdout,
        `main:\n\t${short('cnn-32')} [cnn-32]      not here\n\t${short('quare-zips')} [quare-zips]  not here\n`,
      );
      const { stdout, stderr } = await done(bob, 'git dvcexp pull origin cnn-32');
      assert.equal(stdout, `pulled      cnn-32 (${short('cnn-32')})\n`);
      assert.match(stderr, /^dvcexp: downloaded \d+ objects, /m);
      holds(bob, 'cnn-32');
      assert.equal(
        (await done(bob, 'git dvcexp list')).stdout,
        `main:\n\t${short('cnn-32')} [cnn-32]  data in the cache\n`,
      );
    });

    test('one that differs is overwritten neither there nor here, and both with --force', async () => {
      const ref = recorded.experiment('cnn-32');
      const other = world.git(bob, 'commit-tree', '-p', 'HEAD', '-m', 'another cnn-32', `${ref}^{tree}`);
      world.git(bob, 'update-ref', ref, other);
      const refused = await type(bob, 'git dvcexp push origin cnn-32');
      assert.equal(refused.code, 1);
      assert.equal(
        refused.stdout,
        `diverged    cnn-32 (${other.slice(0, 7)}): it is ${short('cnn-32')} on 'origin'\nto replace those on 'origin': git dvcexp push --force ...\n`,
      );
      const kept = await type(bob, 'git dvcexp pull origin cnn-32');
      assert.equal(kept.code, 1);
      assert.match(kept.stdout, /^diverged {4}cnn-32 \(\w{7}\): it is \w{7} here\n/);
      const forced = await done(bob, 'git dvcexp push --force origin cnn-32');
      assert.equal(forced.stdout, `pushed      cnn-32 (${other.slice(0, 7)}): in place of ${short('cnn-32')}\n`);
      const replaced = await done(alice, 'git dvcexp pull --force origin cnn-32');
      assert.match(replaced.stdout, new RegExp(`^pulled {6}cnn-32 \\(${other.slice(0, 7)}\\): in place of `));
    });

    test('refs alone, and their data later', async () => {
      const cached = objectsIn(`${bob}/.dvc/cache`).size;
      const { stdout } = await done(bob, 'git dvcexp pull --no-cache origin quare-zips');
      assert.equal(
        stdout,
        `pulled      quare-zips (${short('quare-zips')})\ntheir data was not pulled (--no-cache); to do that: git dvcexp pull origin quare-zips\n`,
      );
      assert.equal(objectsIn(`${bob}/.dvc/cache`).size, cached);
      await done(bob, 'git dvcexp pull origin quare-zips');
      holds(bob, 'quare-zips');
      assert.equal(
        (await done(bob, 'git dvcexp status quare-zips -g origin')).stdout.split(';')[0],
        `quare-zips (${short('quare-zips')}): shared`,
      );
    });

    test('an experiment is renamed and removed on the Git remote', async () => {
      const was = short('quare-zips');
      const { stdout } = await done(alice, 'git dvcexp rename -g origin quare-zips best');
      assert.equal(stdout, `experiment 'quare-zips' (${was}) is 'best' now on 'origin'\n`);
      await done(alice, 'git dvcexp remove -g origin best cnn-32');
      assert.equal((await done(alice, 'git dvcexp list -A origin')).stdout, '');
      assert.equal((await done(alice, 'git dvcexp list -A --name-only')).stdout, 'cnn-32\nquare-zips\n');
    });
  });
}
