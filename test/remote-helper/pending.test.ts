import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openPending } from '../../src/remote-helper/pending.ts';

const one = '1'.repeat(40);
const two = '2'.repeat(64);

test('what is pending is remembered by the next session, and forgotten when it is done', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dvcexp-pending-'));
  try {
    const first = openPending(directory);
    assert.deepEqual([...first.oids], []);
    first.remove([one]);
    first.add([one, two, '../../evil', one]);
    const other = openPending(directory);
    assert.deepEqual([...other.oids].sort(), [one, two]);
    // Two sessions at once: neither undoes what the other did.
    first.remove([one]);
    other.add(['3'.repeat(40)]);
    other.remove([one]);
    assert.deepEqual([...openPending(directory).oids].sort(), [two, '3'.repeat(40)]);
    writeFileSync(join(directory, 'dvcexp', 'pending', 'notes.txt'), '');
    assert.equal(openPending(directory).oids.size, 2);
    openPending(directory).remove([two, '3'.repeat(40)]);
    assert.deepEqual(readdirSync(join(directory, 'dvcexp', 'pending')), ['notes.txt']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
