import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Key } from '../../src/model/object.ts';
import { noteBatch, settleJournals } from '../../src/transfer/journal.ts';
import { openLedger, placeOf } from '../../src/transfer/ledger.ts';

const storage = { name: 's', scheme: 's3', url: 's3://bucket/x', options: {}, committed: new Set<string>() };
const key = (digit: string): Key => `files/md5/${digit.repeat(2)}/${digit.repeat(30)}` as Key;
let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dvcexp-ledger-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a ledger remembers over processes, one storage remote apart from the other', () => {
  const ledger = openLedger(directory, storage, 1000);
  ledger.add(key('a'));
  ledger.save();
  assert.ok(openLedger(directory, storage, 2000).has(key('a')));
  assert.ok(!openLedger(directory, storage, 2000).has(key('b')));
  assert.ok(!openLedger(directory, { ...storage, url: 's3://bucket/y' }, 2000).has(key('a')));
});

test('the same container of another account is another place', () => {
  const at = (options: Record<string, string>): typeof storage => ({
    ...storage,
    scheme: 'azure',
    url: 'azure://c/x',
    options,
  });
  const places = [{}, { account_name: 'one' }, { account_name: 'two' }].map(at);
  places.push(
    at({ connection_string: 'AccountName=one;AccountKey=k' }),
    at({ connection_string: 'BlobEndpoint=http://x' }),
  );
  assert.equal(new Set(places.map(placeOf)).size, places.length);
  const rotated = at({ connection_string: 'AccountKey=other;AccountName=one' });
  assert.equal(placeOf(rotated), placeOf(at({ connection_string: 'AccountName=one;AccountKey=k' })));
});

test('entries expire after a week, and a sign of loss forgets all', () => {
  const ledger = openLedger(directory, storage, 1000);
  ledger.add(key('a'));
  ledger.save();
  const later = openLedger(directory, storage, 1000 + 8 * 24 * 3600);
  assert.ok(!later.has(key('a')));
  later.add(key('b'));
  later.save();
  assert.ok(openLedger(directory, storage, 1001 + 8 * 24 * 3600).has(key('b')));
  later.forget();
  assert.ok(!openLedger(directory, storage, 1001).has(key('a')));
});

test('a damaged ledger vouches for nothing', () => {
  const ledger = openLedger(directory, storage, 1000);
  ledger.add(key('a'));
  ledger.save();
  const [name = ''] = readdirSync(join(directory, 'ledger'));
  writeFileSync(join(directory, 'ledger', name), `garbage\n@1000\n${key('a')}\n`);
  assert.ok(!openLedger(directory, storage, 1000).has(key('a')));
});

test('a batch noted in this boot is only dropped when old, one of another boot is checked', async () => {
  noteBatch(directory, '/cache', [key('a'), key('b')]);
  const folder = join(directory, 'journal');
  const [name = ''] = readdirSync(folder);
  await settleJournals(directory, async () => assert.fail('checked'));
  assert.equal(readdirSync(folder).length, 1);
  utimesSync(join(folder, name), 1000, 1000);
  await settleJournals(directory, async () => assert.fail('checked'));
  assert.equal(readdirSync(folder).length, 0);

  writeFileSync(join(folder, 'crashed'), `another-boot\n/cache\n${key('a')}\n${key('b')}\n`);
  const checked: string[] = [];
  await settleJournals(directory, async (cache, each) => void checked.push(`${cache} ${each}`));
  assert.deepEqual(checked, [`/cache ${key('a')}`, `/cache ${key('b')}`]);
  assert.equal(readdirSync(folder).length, 0);
});
