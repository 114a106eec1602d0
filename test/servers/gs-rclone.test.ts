// rclone as judge, which uses Google's own client for Go: what we wrote it reads, what it wrote we read, whole and in
// chunks. It also judges what stands in for the service: the server, the tokens, and the uploads in front of both.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { contentOf, listAll, noise, operation, readAll } from '../conformance/storage.ts';
import { bucket, type FakeGcs, startFakeGcs } from '../kit/fake-gcs.ts';
import { type GcsFront, openGcsFront } from '../kit/gcs-front.ts';
import { type GoogleTokens, startGoogleTokens } from '../kit/google-tokens.ts';
import { freshUrl, openGs } from './gs-remote.ts';

let server: FakeGcs;
let front: GcsFront;
let google: GoogleTokens;
let top: string;
before(
  async () => {
    server = await startFakeGcs();
    front = await openGcsFront(server);
    google = await startGoogleTokens();
    front.whose = (token) => google.whose(token)?.who;
    top = mkdtempSync(join(tmpdir(), 'dvcexp-rclone-'));
  },
  { timeout: 60_000 },
);
after(async () => {
  await front?.close();
  await server?.close();
  await google?.close();
  rmSync(top, { recursive: true, force: true });
});

/** Runs rclone to its end; throws with what it said when it fails. */
async function rclone(...args: string[]): Promise<void> {
  const env = { PATH: process.env.PATH, HOME: top, RCLONE_CONFIG: '/dev/null' };
  const program = process.env.DVCEXP_TEST_RCLONE || 'rclone';
  const child = spawn(program, [...args, '--retries', '1'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const code = await new Promise((resolve, reject) => {
    child.on('error', () => reject(new Error('this test needs rclone: put it on PATH or set DVCEXP_TEST_RCLONE')));
    child.on('close', resolve);
  });
  assert.equal(code, 0, `rclone ${args.join(' ')}\n${said}`);
}

for (const [kind, account] of [
  ['serviceAccount', 'service_account_file'],
  ['user', 'token'],
] as const) {
  test(`objects are the same to both (${kind})`, { timeout: 60_000 }, async () => {
    const url = freshUrl();
    const prefix = url.slice(`gs://${bucket}/`.length);
    const key = join(top, `${kind}.json`);
    writeFileSync(key, JSON.stringify(google[kind]));
    const { client_id: id = '', client_secret: secret = '', refresh_token: refresh = '' } = google.user;
    const expired = JSON.stringify({ access_token: 'old', refresh_token: refresh, expiry: '2020-01-01T00:00:00Z' });
    const who =
      account === 'service_account_file'
        ? ['--gcs-service-account-file', key]
        : [
            '--gcs-token',
            expired,
            '--gcs-client-id',
            id,
            '--gcs-client-secret',
            secret,
            '--gcs-token-url',
            `${google.url}/token`,
          ];
    const remote = `:gcs,endpoint="${front.endpoint}/storage/v1/":${bucket}/${prefix}`;
    const common = [...who, '--gcs-bucket-policy-only'];
    const storage = await openGs(front.endpoint, { credentialpath: key }, { url });
    try {
      const objects = { 'files/md5/00/empty': 0, 'files/md5/00/a b ü': 5000, 'files/md5/01/big': (40 << 20) + 7 };
      for (const [name, size] of Object.entries(objects)) await storage.write(name, contentOf(noise(size)), operation);
      const down = join(top, kind, 'down');
      await rclone('copy', remote, down, ...common);
      for (const [name, size] of Object.entries(objects)) {
        assert.ok(readFileSync(join(down, name)).equals(noise(size)), name);
      }
      await rclone('check', down, remote, '--download', ...common);

      const up = join(top, kind, 'up', 'theirs');
      mkdirSync(up, { recursive: true });
      const theirs = { 'a ü': 5, big: (40 << 20) + 9, empty: 0 };
      for (const [name, size] of Object.entries(theirs)) writeFileSync(join(up, name), noise(size));
      await rclone('copy', join(up, '..'), remote, ...common);
      const listed = await listAll(storage, 'theirs/');
      assert.deepEqual(Object.fromEntries(listed.map((entry) => [entry.key.slice(7), entry.size])), theirs);
      for (const [name, size] of Object.entries(theirs)) {
        assert.ok((await readAll(storage, `theirs/${name}`)).equals(noise(size)), name);
      }
    } finally {
      await storage.close();
    }
  });
}
