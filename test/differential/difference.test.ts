import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSame, differences } from './difference.ts';
import type { Difference, Outcome } from './scenario.ts';

const outcome = (sections: Record<string, readonly string[]>): Outcome => ({
  seen: [],
  serverRefs: [],
  clientRefs: [],
  sections: new Map(Object.entries(sections)),
});

test('lines that only one has are told, in their order and by their section', () => {
  const plain = outcome({ stdout: ['a', 'b', 'c', 'd'], refs: ['x'], gone: ['y'] });
  const ours = outcome({ stdout: ['a', 'c', 'e', 'd'], refs: ['x'], added: ['z'] });
  assert.deepEqual(differences(plain, ours), [
    { where: 'stdout', plain: ['b'], ours: ['e'] },
    { where: 'gone', plain: ['y'], ours: [] },
    { where: 'added', plain: [], ours: ['z'] },
  ]);
  assert.deepEqual(differences(outcome({ order: ['a', 'b'] }), outcome({ order: ['b', 'a'] })).length, 1);
});

test('what was accepted must be there, and nothing else', () => {
  const compared = { plain: outcome({ stderr: ['a', 'b'] }), ours: outcome({ stderr: ['b'] }) };
  const accepted: readonly Difference[] = [{ where: 'stderr', plain: ['a'], ours: [] }];
  assertSame(compared, accepted, 'vcs');
  assert.throws(() => assertSame(compared, [], 'vcs'), 'a difference that nobody accepted');
  assert.throws(() => assertSame({ ...compared, ours: compared.plain }, accepted, 'vcs'), 'one that has vanished');
  assert.throws(() => assertSame({ ...compared, ours: outcome({}) }, accepted, 'vcs'), 'one that has grown');
});
