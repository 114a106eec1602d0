import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from '../../src/experiments/nearest.ts';

test('the least different names, and none when all are far', () => {
  const known = ['cnn-32', 'cnn-64', 'quare-zips', 'a'];
  const cases: readonly (readonly [word: string, found: readonly string[]])[] = [
    ['cnn-23', ['cnn-32']],
    ['cnn-3', ['cnn-32']],
    ['CNN-32', ['cnn-32']],
    ['cnn-99', ['cnn-32', 'cnn-64']],
    ['quare-zip', ['quare-zips']],
    ['square-zips', ['quare-zips']],
    ['resnet-152', []],
    ['', ['a']],
  ];
  for (const [word, found] of cases) assert.deepEqual(nearest(word, known), found, word);
});
