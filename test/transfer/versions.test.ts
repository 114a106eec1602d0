import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import type { GitOid, RefName } from '../../src/model/git.ts';
import { keyOf } from '../../src/model/object.ts';
import { readSettings, type Settings } from '../../src/model/settings.ts';
import { openVoice } from '../../src/report/voice.ts';
import { type Downloaded, downloadGroup } from '../../src/transfer/download.ts';
import { openLedger } from '../../src/transfer/ledger.ts';
import { type Plan, planFetch, planPush } from '../../src/transfer/plan.ts';
import { openProjects } from '../../src/transfer/projects.ts';
import { reportUnrecorded } from '../../src/transfer/upload-refusals.ts';
import { type MemoryStorage, openMemoryStorage } from '../kit/memory-storage.ts';
import { openWorld, type World } from '../kit/world.ts';

const main = 'refs/heads/main' as RefName;
const operation = { signal: new AbortController().signal };
let world: World;
let top: string;
let repository: Repository;
let said = '';

before(() => {
  world = openWorld();
  top = world.path('p');
  world.git(world.directory, 'init', '-q', top);
  mkdirSync(`${top}/inner/.dvc`, { recursive: true });
  mkdirSync(`${top}/.dvc`);
  repository = openRepository({ cwd: top, env: world.env, signal: operation.signal });
});
after(async () => {
  await repository.close();
  world.remove();
});

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const remote = (name: string, ...options: string[]): string =>
  `['remote "${name}"']\nurl = s3://bucket/${name}\n${options.join('\n')}\n`;
const versioned = (name: string): string => remote(name, 'version_aware = true');
const cloud = (versions: Readonly<Record<string, string>>): string =>
  Object.keys(versions).length === 0
    ? ''
    : `, cloud: {${Object.entries(versions).map(([name, version]) => `${name}: {etag: x, version_id: ${version}}`)}}`;
/** A `.dvc` file of one file. */
const file = (text: string, versions: Readonly<Record<string, string>> = {}, extra = ''): string =>
  `outs:\n- {path: x, hash: md5, md5: ${md5(text)}${cloud(versions)}${extra}}\n`;
/** A `.dvc` file of a folder; relpath → bytes and versions. */
const folder = (files: Readonly<Record<string, readonly [string, Readonly<Record<string, string>>]>>): string => {
  const entries = Object.entries(files).map(
    ([relpath, [text, versions]]) => `{relpath: ${relpath}, md5: ${md5(text)}${cloud(versions)}}`,
  );
  return `outs:\n- {path: x, hash: md5, files: [${entries.join(', ')}]}\n`;
};

/** Commits just these files on top of nothing. */
function commit(config: string, files: Readonly<Record<string, string>>): GitOid {
  world.git(top, 'checkout', '-q', '--orphan', `c${Math.random()}`);
  world.git(top, 'rm', '-rqf', '--ignore-unmatch', '.');
  mkdirSync(`${top}/inner/.dvc`, { recursive: true });
  mkdirSync(`${top}/.dvc`, { recursive: true });
  for (const [path, text] of Object.entries({ '.dvc/config': `[core]\nremote = store\n${config}`, ...files })) {
    writeFileSync(`${top}/${path}`, text);
    world.git(top, 'add', path);
  }
  world.git(top, 'commit', '-qm', 'x');
  return world.git(top, 'rev-parse', 'HEAD') as GitOid;
}

const projects = (name?: string): ReturnType<typeof openProjects> =>
  openProjects(repository, {
    location: { gitDirectory: `${top}/.git`, commonDirectory: `${top}/.git`, workTree: top },
    env: world.env,
    platform: 'linux',
    home: world.path('home'),
    remote: name,
    fsyncObjects: false,
    warn: () => undefined,
  });

const push = (oid: GitOid, name?: string): Promise<Plan> =>
  planPush(
    [{ source: oid, destination: main }],
    [],
    repository,
    projects(name),
    readSettings(() => undefined, {}),
  );
const unrecorded = async (plan: Promise<Plan>): Promise<readonly string[]> =>
  (await plan).unrecorded.map(({ edge, storage }) => `${edge.path} ${storage.name}`);
const fetch = (oid: GitOid): Promise<Plan> => planFetch([{ commit: oid, names: [main] }], projects());
/** `storage path key@version,…` for each need. */
const needs = async (oid: GitOid): Promise<readonly string[]> =>
  [...(await fetch(oid)).groups.values()].flatMap((group) =>
    [...group.needs.values()].map(({ edges, sources = [], listing }) => {
      const from = sources.map(({ key, version }) => `${key}@${version}`).join(',');
      return `${group.storage.name} ${edges[0]?.path} ${listing === undefined ? from : 'listing'}`;
    }),
  );

async function bring(oid: GitOid, objects: Readonly<Record<string, string>>): Promise<[Downloaded, MemoryStorage]> {
  const [group, ...others] = [...(await fetch(oid)).groups.values()];
  assert.ok(group !== undefined && others.length === 0);
  const storage = openMemoryStorage(new Map(Object.entries(objects).map(([key, text]) => [key, Buffer.from(text)])));
  said = '';
  const tools = {
    voice: openVoice({ stderr: (text) => (said += text), progress: false, env: {}, verbosity: 1 }),
    ledger: openLedger(world.path('git'), { name: 'store', shared: true }, 1000),
    open: async () => storage,
    throttled: () => 0,
    announce: async () => undefined,
    jobs: 2,
    directory: world.path('git'),
  };
  return [await downloadGroup(group, tools, operation), storage];
}

test('a push needs every version of what is new, recorded for the storage remote it belongs to', async () => {
  const config = versioned('store') + versioned('other');
  const all = { 'a.dvc': file('a', { store: 'v' }), 'b.dvc': folder({ f: ['f', { store: 'v' }] }) };
  const whole = await push(commit(config, all));
  assert.deepEqual([whole.unrecorded, whole.groups.size], [[], 0]);
  const some = folder({ f: ['f', { store: 'v' }], g: ['g', {}] });
  assert.deepEqual(await unrecorded(push(commit(config, { ...all, 'c.dvc': some, 'd.dvc': file('d') }))), [
    'x store',
    'x store',
  ]);
  assert.deepEqual(await unrecorded(push(commit(config, { 'a.dvc': file('a', { other: 'v' }) }))), ['x store']);
  const elsewhere = file('a', { other: 'v' }, ', remote: other');
  assert.deepEqual(await unrecorded(push(commit(config, { 'a.dvc': elsewhere }))), []);
  assert.deepEqual(await unrecorded(push(commit(config, { 'a.dvc': file('a', {}, ', push: false') }))), []);
});

test('a push to a storage remote without versions carries objects as ever', async () => {
  const config = versioned('store') + remote('plain');
  const plan = await push(commit(config, { 'a.dvc': folder({ f: ['f', { store: 'v' }] }) }), 'plain');
  assert.deepEqual(
    [...plan.groups.values()].map(({ storage, needs: { size } }) => [storage.name, size]),
    [['plain', 1]],
  );
});

test('a fetch reads versions at their paths below the project, and makes the listing from the metafile', async () => {
  const config = versioned('store');
  const oid = commit(config, {
    'inner/.dvc/config': `[core]\nremote = store\n${versioned('store')}`,
    'inner/d.dvc': folder({ 'sub/f': ['f', { store: 'v1' }], g: ['f', { store: 'v2' }] }),
  });
  assert.deepEqual(await needs(oid), ['store inner/x/sub/f x/sub/f@v1,x/g@v2', 'store inner/x listing']);
  const [result, storage] = await bring(oid, { 'x/g@v2': 'f' });
  assert.deepEqual(storage.calls, ['read x/sub/f@v1', 'read x/g@v2']);
  assert.deepEqual([result.objects, result.bytes, result.absent.length], [1, 1, 0]);
  const [again, untouched] = await bring(oid, {});
  assert.deepEqual([again.objects, again.absent.length, untouched.calls], [0, 0, []]);
});

test('what no version is recorded of, and a version that is gone, are absent and told by their paths', async () => {
  const oid = commit(versioned('store'), {
    'a.dvc': folder({ one: ['1', { store: 'gone' }], two: ['2', {}] }),
    'b.dvc': `outs:\n- {path: y, hash: md5, md5: ${md5('y')}.dir}\n`,
    'c.dvc': `outs:\n- {path: z, hash: md5, md5: ${md5('z')}, push: false}\n`,
  });
  const [result, storage] = await bring(oid, {});
  assert.deepEqual(result.absent.map(result.describe).sort(), [
    `x/one (md5 ${md5('1')}), version gone`,
    `x/two (md5 ${md5('2')}), no version recorded`,
    `y (md5 ${md5('y')}.dir), no version recorded`,
  ]);
  assert.deepEqual(storage.calls, ['read x/one@gone']);
});

test('other bytes than those recorded are damage, unless another version has the right ones', async () => {
  const oid = commit(versioned('store'), { 'a.dvc': folder({ one: ['first', { store: 'v' }] }) });
  const [result] = await bring(oid, { 'x/one@v': 'foreign' });
  assert.deepEqual([result.objects, result.breakage], [0, 'damage']);
  assert.match(said, /x\/one \(md5 \w+\), version v in s3:\/\/bucket\/store is damaged: its bytes hash to/);
  const twice = folder({ one: ['first', { store: 'v' }], two: ['first', { store: 'w' }] });
  const [mended] = await bring(commit(versioned('store'), { 'a.dvc': twice }), {
    'x/one@v': 'foreign',
    'x/two@w': 'first',
  });
  assert.deepEqual([mended.objects, mended.breakage], [1, undefined]);
});

test('versions of another name: of a storage remote that has it, else of one that was renamed', async () => {
  const files = { 'a.dvc': file('a', { other: 'v' }) };
  assert.deepEqual(await needs(commit(versioned('store') + versioned('other'), files)), ['other x x@v']);
  assert.deepEqual(await needs(commit(versioned('store'), files)), ['store x x@v']);
  assert.deepEqual(await unrecorded(push(commit(versioned('store'), files))), []);
  assert.deepEqual(await needs(commit(versioned('store') + remote('other'), files)), ['store x ']);
});

test('nothing of a cloud-versioned storage remote is vouched for under an object name', async () => {
  const oid = commit(versioned('store'), { 'a.dvc': file('vouched', { store: 'v' }) });
  const [{ objects }] = await bring(oid, { 'x@v': 'vouched' });
  assert.equal(objects, 1);
  const [group] = [...(await fetch(oid)).groups.values()];
  assert.ok(group !== undefined);
  const [need] = [...group.needs.values()];
  assert.ok(
    need !== undefined && !openLedger(world.path('git'), { name: 'store', shared: true }, 1000).has(keyOf(need.object)),
  );
});

test('what a push without versions is told: paths and the way out, for a branch and for an experiment', async () => {
  const experiment = `refs/exps/${'a'.repeat(2)}/${'b'.repeat(38)}/e` as RefName;
  const { unrecorded: found } = await push(commit(versioned('store'), { 'a.dvc': file('a') }));
  const tell = (refs: readonly RefName[], extra: Partial<Settings> = {}): [string, Map<RefName, string>] => {
    said = '';
    const voice = openVoice({ stderr: (text) => (said += text), progress: false, env: {}, verbosity: 1 });
    const failed = new Map<RefName, string>();
    const settings = { ...readSettings(() => undefined, {}), ...extra };
    reportUnrecorded(
      found.map(({ edge, storage }) => ({ edge: { ...edge, refs }, storage })),
      settings,
      voice,
      failed,
    );
    return [said, failed];
  };
  const [words, failed] = tell([main]);
  assert.match(
    words,
    /^error: 1 output has no version .* 'store' \(s3:\/\/bucket\/store\):\n {4}x\nhint: upload with 'dvc push'/,
  );
  assert.doesNotMatch(words, /experiment/);
  assert.deepEqual([...failed], [[main, 'dvc: data without a recorded version']]);
  assert.match(tell([experiment])[0], /hint: an experiment needs a branch for that: dvc exp branch/);
  const [warning, none] = tell([main], { allowMissing: true });
  assert.match(warning, /^warning: 1 output has no version recorded .*, the first is 'x'\n$/);
  assert.equal(none.size, 0);
});
