// The judge over a real repository's configuration.
import assert from 'node:assert/strict';
import { rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { readConfiguration } from '../../src/git/configuration.ts';
import type { StorageConfig } from '../../src/model/storage-config.ts';
import { locateStorage } from '../../src/storage/open.ts';
import type { SecretUse } from '../../src/storage/remote.ts';
import { type JudgeOptions, openJudge, type RepositoryJudge } from '../../src/trust/judge.ts';
import { isTrustedBy, remember } from '../../src/trust/pins.ts';
import { failsWith } from '../conformance/storage.ts';
import { openWorld } from '../kit/world.ts';

const world = openWorld();
after(() => world.remove());
const { signal } = new AbortController();
let repository = '';
let serial = 0;
let asked: string[] = [];
let said: string[] = [];
beforeEach(() => {
  world.git(world.directory, 'init', '-q', `repository${serial}`);
  repository = world.path(`repository${serial++}`);
  [asked, said] = [[], []];
});

const surroundings = { env: {}, home: '/nonexistent' };
const ambient: SecretUse = { from: 'ambient', shows: 'proof' };
const password: SecretUse = { from: 'options', shows: 'secret' };

function s3(endpointurl: string | undefined, bucket = 'bucket', name = 'store', url = 's3://'): StorageConfig {
  const options: Record<string, string> = endpointurl === undefined ? {} : { endpointurl };
  const committed = new Set(['url', ...Object.keys(options)]);
  return { name, scheme: 's3', url: `${url}${bucket}`, options, committed };
}
const web = (url: string, name = 'web'): StorageConfig => ({
  ...{ name, scheme: 'webdavs', url },
  ...{ options: { password: 'x' }, committed: new Set(['url']) },
});

async function open(
  more: Partial<JudgeOptions> & { answer?: boolean; familiars?: StorageConfig[] } = {},
): Promise<RepositoryJudge> {
  const git = { cwd: repository, env: world.env, signal };
  const configuration = await readConfiguration(git);
  const { answer, familiars = [], ...rest } = more;
  return openJudge({
    ...{ direction: 'fetch', surroundings, git, workTree: repository, remembers: true },
    settings: (name) => configuration.subsections('dvcexp', name),
    familiar: async () => familiars,
    ask:
      answer === undefined
        ? undefined
        : async (lines) => {
            asked.push(lines.join(' '));
            return answer;
          },
    say: (line) => void said.push(line),
    ...rest,
  });
}

/** `go`, or the message of the refusal; of a push too, where it is thrown. */
async function verdict(judge: RepositoryJudge, config: StorageConfig, use?: SecretUse): Promise<string> {
  const origin = await locateStorage(config, surroundings);
  try {
    const guard = await judge.guardFor(config, origin);
    const refusal = use === undefined ? undefined : await guard.admit(use);
    return refusal === undefined ? 'go' : [refusal.code, refusal.message, ...refusal.hints].join('\n');
  } catch (error) {
    failsWith('trust')(error);
    return `thrown: ${(error as Error).message}`;
  }
}
const written = (): string => world.run(repository, 'git', ['config', '--get-regexp', '^dvcexp\\.']).stdout;

test('the common case: Amazon with ambient keys is met, pinned and never asked about', async () => {
  assert.equal(await verdict(await open({ answer: false }), s3(undefined), ambient), 'go');
  assert.equal(written(), 'dvcexp.https://s3.amazonaws.com/bucket.pin store\n');
  const next = await open({ answer: false });
  assert.equal(await verdict(next, s3('https://s3.eu-west-1.amazonaws.com'), ambient), 'go');
  assert.deepEqual(asked, []);
  assert.equal(written(), 'dvcexp.https://s3.amazonaws.com/bucket.pin store\n');
});

test('another bucket is asked about once, and the answer is remembered for reading or writing', async () => {
  await verdict(await open(), s3(undefined), ambient);
  const other = s3(undefined, 'elsewhere');
  assert.match(
    await verdict(await open(), other, ambient),
    /^trust\n.*elsewhere, where this clone has not been before.*\n.*git dvcexp trust https:\/\/s3\.amazonaws\.com\/elsewhere$/,
  );
  const asking = await open({ answer: true });
  assert.equal(await verdict(asking, other, ambient), 'go');
  assert.equal(await verdict(asking, other, ambient), 'go');
  assert.deepEqual(asked.length, 1);
  assert.match(written(), /^dvcexp\.https:\/\/s3\.amazonaws\.com\/elsewhere\.trust read$/m);
  assert.equal(await verdict(await open(), other, ambient), 'go');
  assert.match(await verdict(await open({ direction: 'push' }), other), /^thrown: .*nothing is sent there/);
  assert.equal(await verdict(await open({ direction: 'push', answer: true }), other, ambient), 'go');
  assert.match(written(), /elsewhere\.trust write$/m);
});

test('another host gets ambient keys only after a yes; a no holds for the whole run', async () => {
  const strange = s3('http://minio.corp:9000');
  const judge = await open({ answer: false });
  assert.match(await verdict(judge, strange, ambient), /which nobody but the repository names: your own access keys/);
  assert.match(await verdict(judge, strange, ambient), /^trust/);
  assert.match(
    asked.join(),
    /^dvcexp: .*'store' at http:\/\/minio\.corp:9000\/bucket \(unencrypted\).* Use your own access keys there\? \[y\/N\] $/,
  );
  assert.equal(asked.length, 1);
  assert.doesNotMatch(written(), /\.trust/);
  assert.equal(await verdict(await open({ answer: true }), strange, ambient), 'go');
});

test("the user's own endpoint, by option or environment, is never judged", async () => {
  const own = { ...s3('http://minio.corp:9000'), committed: new Set(['url']) };
  assert.equal(await verdict(await open(), own, ambient), 'go');
  const env = { AWS_ENDPOINT_URL: 'http://minio.corp:9000' };
  const origin = await locateStorage(s3('http://minio.corp:9000'), { ...surroundings, env });
  const guard = await (await open()).guardFor(s3('http://minio.corp:9000'), origin);
  assert.equal(await guard.admit(ambient), undefined);
  assert.equal(written(), '');
});

test('a password in the options is for the storage remote that it was set for, at the place that was met', async () => {
  const [first, second] = [web('webdavs://one.example/x', 'first'), web('webdavs://two.example/x', 'second')];
  const familiars = [first, second];
  assert.equal(await verdict(await open({ familiars }), first, password), 'go');
  assert.equal(written().match(/\.pin /g)?.length, 2, 'all that the repository names at the first meeting');
  // A later commit sends the first to where the second is.
  const moved = web('webdavs://two.example/x', 'first');
  assert.match(await verdict(await open(), moved, password), /'first' at https:\/\/two\.example\/x, where this clone/);
  assert.equal(await verdict(await open(), second, password), 'go');
  assert.match(await verdict(await open(), web('webdavs://one.example/y', 'first'), password), /^trust/);
});

test('what is checked out counts as known, not what a commit to fetch says', async () => {
  const judge = await open({ familiars: [web('webdavs://good.example/x')] });
  assert.match(await verdict(judge, web('webdavs://evil.example/x'), password), /^trust/);
  assert.equal(await verdict(judge, web('webdavs://good.example/x'), password), 'go');
});

test('in clear no password goes, whatever was said, until that is allowed for the place', async () => {
  const clear = { ...web('webdav://nas.example/x'), scheme: 'webdav' };
  const refused = await verdict(await open({ answer: true }), clear, password);
  assert.match(refused, /\(unencrypted\), and whoever listens would read the password/);
  const command = /to send it all the same: (git config .*)$/.exec(refused)?.[1] ?? '';
  assert.equal(world.run(repository, 'sh', ['-c', command]).code, 0, command);
  assert.equal(await verdict(await open(), clear, password), 'go');
  assert.deepEqual(asked, []);
});

test('public data asks nothing and leaves no trace', async () => {
  const judge = await open({ familiars: [s3(undefined)] });
  assert.equal(await verdict(judge, web('webdavs://anywhere.example/x')), 'go');
  assert.equal(written(), '');
  assert.match(await verdict(judge, s3('http://169.254.169.254')), /^thrown: .*tells this machine's own secrets/);
});

test('DVCEXP_TRUST and configuration by URL, matched by whole parts', async () => {
  const origin = await locateStorage(s3('https://minio.corp:9000', 'team'), surroundings);
  for (const word of [
    'all',
    'https://minio.corp:9000',
    'https://MINIO.corp:9000/team/',
    'http://x,https://minio.corp:9000/team',
  ])
    assert.ok(isTrustedBy(word, origin), word);
  for (const word of [
    '',
    'https://minio.corp',
    'http://minio.corp:9000',
    'https://minio.corp:9000/tea',
    'minio.corp:9000',
    'https://evil/https://minio.corp:9000',
    'ALL',
  ])
    assert.ok(!isTrustedBy(word, origin), word);
  const inCi = await open({
    direction: 'push',
    surroundings: { ...surroundings, env: { DVCEXP_TRUST: 'https://minio.corp:9000' } },
  });
  assert.equal(await verdict(inCi, s3('https://minio.corp:9000', 'team'), ambient), 'go');

  world.git(repository, 'config', '--global', 'dvcexp.https://*.corp:9000.trust', 'write');
  world.git(repository, 'config', 'dvcexp.https://minio.corp:9000/secret.trust', 'never');
  const judge = await open({ direction: 'push' });
  assert.equal(await verdict(judge, s3('https://minio.corp:9000', 'team'), ambient), 'go');
  assert.match(await verdict(judge, s3('https://minio.corp:9000', 'secret'), ambient), /^thrown: .*you said 'never'/);
  assert.match(await verdict(judge, s3('https://minio.other:9000', 'team'), ambient), /^thrown/);
  world.git(repository, 'config', '--global', '--unset', 'dvcexp.https://*.corp:9000.trust');
  world.git(repository, 'config', 'dvcexp.https://minio.corp:9000/secret.trust', 'maybe');
  await assert.rejects(
    async () =>
      (await open()).guardFor(
        s3('https://minio.corp:9000', 'secret'),
        await locateStorage(s3('https://minio.corp:9000', 'secret'), surroundings),
      ),
    failsWith('config', /none of read, write, never/),
  );
});

test('where data goes is said before the first upload, and once', async () => {
  const judge = await open({ direction: 'push', familiars: [] });
  const config = s3(undefined);
  assert.equal(await verdict(judge, config, ambient), 'go');
  assert.deepEqual(said, []);
  await judge.announce(config);
  await judge.announce(config);
  assert.deepEqual(said, ['dvcexp: uploading to https://s3.amazonaws.com/bucket (named by .dvc/config)']);
  const again = await open({ direction: 'push' });
  await verdict(again, config, ambient);
  await again.announce(config);
  assert.equal(said.length, 1);
});

test('a folder: outside of the work tree it is met like any place; near ones move with the clone', async () => {
  const at = (url: string): StorageConfig => ({ ...s3(undefined), scheme: 'local', url, committed: new Set(['url']) });
  const push = async (url: string): Promise<string> => verdict(await open({ direction: 'push' }), at(url));
  assert.equal(await push(`${repository}/data`), 'go');
  assert.equal(written(), '');
  assert.equal(await push(`${repository}/../store a`), 'go');
  assert.equal(written(), 'dvcexp.file:../store%20a.pin store\n');
  assert.match(await push('/etc'), /^thrown: .*file:\/\/\/etc, where this clone has not been before/);
  assert.match(await push(`${repository}/.GIT/hooks`), /^thrown/);
  assert.equal(
    await verdict(await open(), at('/etc')),
    'go',
    'to read, since only objects that match their name count',
  );
});

test('a folder is where its links lead: one in the work tree that leads out is no folder of the work tree', async () => {
  const at = (url: string): StorageConfig => ({ ...s3(undefined), scheme: 'local', url, committed: new Set(['url']) });
  const push = async (url: string): Promise<string> => verdict(await open({ direction: 'push' }), at(url));
  const outside = world.path(`first${serial}`);
  const link = join(repository, 'data');
  symlinkSync(outside, link);
  assert.equal(await push(`${repository}/../store`), 'go', 'the first place is met');
  assert.match(await push(link), new RegExp(`^thrown: .*file://${outside}, where this clone has not been before`));
  assert.match(await push(join(link, 'below')), /^thrown/);
  rmSync(link);
  symlinkSync('.git/hooks', link);
  assert.match(await push(link), /^thrown/);
  rmSync(link);
  symlinkSync('elsewhere/in/here', link);
  assert.equal(await push(link), 'go');
});

test('eight at once remember all they met', async () => {
  const git = { cwd: repository, env: world.env, signal };
  const urls = Array.from({ length: 8 }, (_, index) => `https://host${index}`);
  await Promise.all(urls.map((url) => remember(url, 'pin', 'store', git)));
  assert.equal(written().split('\n').length - 1, 8);
});

test('a configuration that cannot be written is no error', async () => {
  writeFileSync(join(repository, '.git', 'config.lock'), '');
  const judge = await open();
  assert.equal(await verdict(judge, s3(undefined), ambient), 'go');
});
