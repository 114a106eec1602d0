// Pushes and fetches one object of many GiB by real git and the built helper, against SeaweedFS: beyond what S3 takes in
// one request (5 GiB), and what fits into memory. Run by `npm run large`.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { addExperiment, createTeam } from '../test/e2e/team.ts';
import { admin, bucket, startWeed } from '../test/kit/weed.ts';
import { openWorld, type Ran } from '../test/kit/world.ts';

const gib = Number(process.argv[2] ?? 5.1);
const size = Math.ceil(gib * 2 ** 30) + 12_345;
const seconds = (since: number): string => `${((Date.now() - since) / 1000).toFixed(0)} s`;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function md5Of(path: string): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) hash.update(chunk);
  return hash.digest('hex');
}

const weed = await startWeed({ args: ['-volume.max=200'] });
const world = openWorld();
try {
  const team = createTeam(world, 'team');
  team.write('readme', 'a project');
  team.commit();
  // Nothing but holes, and a few bytes that tell one place from another.
  const aside = team.path('sparse');
  const file = openSync(aside, 'w');
  ftruncateSync(file, size);
  for (let at = 0; at < size; at += 2 ** 28) writeSync(file, Buffer.from(`at ${at}`), 0, undefined, at);
  closeSync(file);
  const name = await md5Of(aside);
  const object = join(team.alice, '.dvc', 'cache', 'files', 'md5', name.slice(0, 2), name.slice(2));
  mkdirSync(dirname(object), { recursive: true });
  renameSync(aside, object);
  const experiment = addExperiment(world, team, 'large', () => {
    const out = `outs:\n- md5: ${name}\n  size: ${size}\n  hash: md5\n  path: model.bin\n`;
    writeFileSync(join(team.alice, 'model.bin.dvc'), out);
  });
  const env = { AWS_ACCESS_KEY_ID: admin.id, AWS_SECRET_ACCESS_KEY: admin.secret, AWS_EC2_METADATA_DISABLED: 'true' };
  const local = `['remote "storage"']\n    url = s3://${bucket}/large\n    endpointurl = ${weed.endpoint}\n`;
  /** GNU time says what the largest of git and the helper took. */
  const git = (cwd: string, ...args: string[]): Promise<Ran> => {
    writeFileSync(join(cwd, '.dvc', 'config.local'), local);
    const child = spawn('/usr/bin/time', ['-f', 'peak %M KiB', 'git', ...args], { cwd, env: { ...world.env, ...env } });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.stdout.resume();
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? 128, stdout: '', stderr }));
    });
  };
  world.git(team.alice, 'push', '-q', '../team.git', 'main');
  let since = Date.now();
  const pushed = await git(team.alice, 'push', 'origin', experiment);
  assert.equal(pushed.code, 0, pushed.stderr);
  const { text } = await weed.request('GET', `/${bucket}`, 'list-type=2&prefix=large');
  const parts = Number(/-(\d+)(?:&quot;|&#34;|")<\/ETag>/.exec(text)?.[1]);
  say(`pushed ${size} bytes in ${parts} parts, ${seconds(since)}, ${/peak .*/.exec(pushed.stderr)?.[0]}`);
  assert.ok(parts >= size / (8 * 2 ** 20) && parts <= 10_000, String(parts));

  world.git(team.directory, 'clone', '-q', team.bare, 'bob');
  const bob = team.path('bob');
  world.git(bob, 'config', 'remote.origin.vcs', 'dvcexp');
  since = Date.now();
  const fetched = await git(bob, 'fetch', 'origin', `${experiment}:${experiment}`);
  assert.equal(fetched.code, 0, fetched.stderr);
  const there = join(bob, '.dvc', 'cache', 'files', 'md5', name.slice(0, 2), name.slice(2));
  say(`fetched in ${seconds(since)}, ${/peak .*/.exec(fetched.stderr)?.[0]}`);
  assert.equal(statSync(there).size, size);
  assert.equal(await md5Of(there), name);
  assert.deepEqual(readdirSync(dirname(there)), [name.slice(2)]);
  say('whole');
} finally {
  world.remove();
  await weed.close();
}
