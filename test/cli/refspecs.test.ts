import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  experimentRefspecs,
  foreignExperimentFetches,
  pruningFetches,
  publishingPushes,
} from '../../src/cli/refspecs.ts';
import { isExperiment, isInternal } from '../../src/model/git.ts';

const harmless = ['+refs/heads/*:refs/remotes/origin/*', 'refs/tags/*:refs/tags/*', 'main', '^refs/exps/*', ':'];

test('refspecs that fetch experiments, all but those of setup', () => {
  const found = [
    'refs/exps/*:refs/exps/*',
    '+refs/*:refs/*',
    'refs/exps/ae/*:refs/x/*',
    'refs/e*:refs/e*',
    'refs/exps/a/b/c',
  ];
  assert.deepEqual(foreignExperimentFetches('origin', [...harmless, ...found, ...experimentRefspecs('origin')]), found);
  assert.deepEqual(foreignExperimentFetches('other', experimentRefspecs('origin')), [experimentRefspecs('origin')[0]]);
});

test('refspecs with which pruning reaches local experiments: patterns that write below refs/exps/', () => {
  const found = ['refs/exps/*:refs/exps/*', '+refs/*:refs/*', 'refs/heads/*:refs/exps/x/*'];
  const single = `refs/exps/aa/${'b'.repeat(38)}/cnn`;
  const safe = [
    ...harmless,
    ...experimentRefspecs('origin'),
    `${single}:${single}`,
    'refs/exps/*:refs/mine/*',
    'refs/exps/*',
  ];
  assert.deepEqual(pruningFetches([...safe, ...found]), found);
});

test('refspecs that publish experiments with every push', () => {
  const found = ['refs/exps/*:refs/exps/*', '+refs/*:refs/*', 'refs/exps/a/b/c'];
  assert.deepEqual(publishingPushes([...harmless, 'refs/heads/*:refs/exps/*', ...found]), found);
});

test('what setup writes leaves out just what DVC keeps to itself', () => {
  const [shown, ...left] = experimentRefspecs('origin');
  assert.equal(shown, '+refs/exps/*:refs/remotes/origin/exps/*');
  const isLeft = (ref: string): boolean =>
    left.some((text) => {
      const [prefix = '', suffix] = text.slice(1).split('*');
      return suffix === undefined ? ref === prefix : ref.startsWith(prefix);
    });
  const experiment = `refs/exps/ae/${'0'.repeat(38)}/stash`;
  const internal = ['exec/EXEC_HEAD', 'stash', 'celery/stash', 'celery/failed', 'apply/ORIG_HEAD', 'temp/a1'];
  for (const ref of [experiment, ...internal.map((name) => `refs/exps/${name}`)]) {
    assert.equal(isLeft(ref), isInternal(ref), ref);
    assert.equal(isLeft(ref), !isExperiment(ref), ref);
  }
});
