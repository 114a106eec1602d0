// Who moves data now, as `git dvcexp gc` asks before it removes any.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { liveMarks, markLive } from '../../src/transfer/live.ts';

let top: string;
let directory: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'dvcexp-live-'));
  directory = join(top, 'dvcexp');
});
afterEach(() => rmSync(top, { recursive: true, force: true }));

test('a mark is there while it counts, and nothing is left of it', () => {
  const ends = [markLive(directory), markLive(directory)];
  assert.equal(readdirSync(join(directory, 'live')).length, 2);
  assert.deepEqual(liveMarks(directory), [], 'our own are no reason to wait');
  for (const end of ends) end();
  assert.ok(!existsSync(directory));
  writeFileSync(top.concat('/file'), '');
  markLive(join(top, 'file'))();
});

test('of another process as long as that runs', { skip: process.platform !== 'linux' }, () => {
  const script = `import(${JSON.stringify(join(import.meta.dirname, '../../src/transfer/live.ts'))}).then(({ markLive }) => {
    markLive(${JSON.stringify(directory)}); console.log('marked'); process.stdin.resume(); process.stdin.on('end', () => process.exit()); })`;
  const said = execFileSync('node', ['--import', 'tsx', '-e', script], { input: '', encoding: 'utf8' });
  assert.match(said, /marked/);
  assert.equal(readdirSync(join(directory, 'live')).length, 1, 'it was killed, as it were');
  assert.deepEqual(liveMarks(directory), []);
  assert.deepEqual(readdirSync(join(directory, 'live')), [], 'and tidied up after');
});

test('of a machine that nobody can ask, for a day', () => {
  mkdirSync(join(directory, 'live'), { recursive: true });
  for (const name of ['000000000000-0-0.abc', '0123456789ab-12-34.abc', 'README']) {
    writeFileSync(join(directory, 'live', name), '');
  }
  assert.equal(liveMarks(directory).length, 2);
});
