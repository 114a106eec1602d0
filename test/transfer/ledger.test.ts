import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Key } from '../../src/model/object.ts';
import { noteBatch, settleJournals } from '../../src/transfer/journal.ts';
import { openLedger } from '../../src/transfer/ledger.ts';

const place = { name: 'a'.repeat(32), shared: true };
const key = (digit: string): Key => `files/md5/${digit.repeat(2)}/${digit.repeat(30)}` as Key;
let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dvcexp-ledger-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a ledger remembers over processes, one place apart from the other', () => {
  const ledger = openLedger(directory, place, 1000);
  ledger.add(key('a'));
  ledger.save();
  assert.ok(openLedger(directory, place, 2000).has(key('a')));
  assert.ok(!openLedger(directory, place, 2000).has(key('b')));
  assert.ok(!openLedger(directory, { ...place, name: 'b'.repeat(32) }, 2000).has(key('a')));
});

test('nothing is kept of what is not the same for everybody, or cannot be told', () => {
  for (const nowhere of [undefined, { name: 'b'.repeat(32), shared: false }]) {
    const ledger = openLedger(directory, nowhere, 1000);
    ledger.add(key('a'));
    ledger.save();
    assert.ok(ledger.has(key('a')), 'for this process');
    assert.ok(!openLedger(directory, nowhere, 1000).has(key('a')));
    ledger.forget();
    assert.ok(ledger.empty);
  }
  assert.deepEqual(readdirSync(directory), []);
});

test('a ledger of a place that was left goes once nothing counts in it', () => {
  const week = 7 * 24 * 3600;
  for (const name of ['old', 'young']) {
    const ledger = openLedger(directory, { name, shared: true }, 1000);
    ledger.add(key('a'));
    ledger.save();
  }
  utimesSync(join(directory, 'ledger', 'old'), 1000, 1000);
  utimesSync(join(directory, 'ledger', 'young'), 1000 + week, 1000 + week);
  const ledger = openLedger(directory, place, 1001 + week);
  ledger.add(key('b'));
  ledger.save();
  assert.deepEqual(readdirSync(join(directory, 'ledger')).sort(), [place.name, 'young']);
});

test('entries expire after a week, and a sign of loss forgets all', () => {
  const ledger = openLedger(directory, place, 1000);
  ledger.add(key('a'));
  ledger.save();
  const later = openLedger(directory, place, 1000 + 8 * 24 * 3600);
  assert.ok(!later.has(key('a')));
  later.add(key('b'));
  later.save();
  assert.ok(openLedger(directory, place, 1001 + 8 * 24 * 3600).has(key('b')));
  later.forget();
  assert.ok(!openLedger(directory, place, 1001).has(key('a')));
});

test('a damaged ledger vouches for nothing', () => {
  const ledger = openLedger(directory, place, 1000);
  ledger.add(key('a'));
  ledger.save();
  const [name = ''] = readdirSync(join(directory, 'ledger'));
  writeFileSync(join(directory, 'ledger', name), `garbage\n@1000\n${key('a')}\n`);
  assert.ok(!openLedger(directory, place, 1000).has(key('a')));
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
