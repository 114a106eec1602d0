import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { themes } from '../differential/scenarios.ts';

test('docs/differential.md names every difference that is accepted, and no other', () => {
  const page = readFileSync('docs/differential.md', 'utf8');
  const [, list = ''] = /## What differs, and why\n(.*)\nBeyond the table:/s.exec(page) ?? [];
  const named = [...list.matchAll(/^- (.*)$/gm)].map(([, reason]) => reason);
  const reasons = Object.values(themes)
    .flat()
    .flatMap(({ accepted }) => accepted ?? [])
    .map(({ reason }) => reason);
  assert.deepEqual([...new Set(named)].sort(), [...new Set(reasons)].sort());
});
