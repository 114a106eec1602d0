import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Experiment, parseExperiment } from '../../src/experiments/experiment.ts';
import { resolveExperiments } from '../../src/experiments/resolve.ts';
import { HelperError } from '../../src/model/error.ts';
import type { GitOid } from '../../src/model/git.ts';

const oid = (start: string): string => start.padEnd(40, '0');
function experiment(baseline: string, name: string, id: string): Experiment {
  const full = oid(baseline);
  const parsed = parseExperiment(`refs/exps/${full.slice(0, 2)}/${full.slice(2)}/${name}`, oid(id));
  assert.ok(parsed);
  return parsed;
}

const cnn = experiment('aa', 'cnn-32', '4d16d2b');
const zips = experiment('aa', 'quare-zips', '4d99');
const twice = [experiment('aa', 'twice', '11aa'), experiment('bb', 'twice', '22bb')] as const;
const hexNamed = experiment('aa', '4d99', '33cc');
const experiments = [cnn, zips, ...twice];
const head = oid('cc') as GitOid;
const resolve = (words: readonly string[], more: Partial<Parameters<typeof resolveExperiments>[1]> = {}) =>
  resolveExperiments(words, { experiments, head, where: 'here', ...more });

function refused(work: () => unknown): { message: string; hints: readonly string[] } {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof HelperError);
    assert.equal(error.code, 'usage');
    return error;
  }
  assert.fail('nothing was thrown');
}

describe('an experiment is meant by', () => {
  test('its name, its full ref, its ID or the beginning of that, in any case', () => {
    for (const word of ['cnn-32', cnn.ref, cnn.id, '4d16', '4D16D2B']) assert.deepEqual(resolve([word]), [cnn], word);
  });
  test('several words at once, in their order, each experiment once', () => {
    assert.deepEqual(resolve(['quare-zips', 'cnn-32', '4d16', zips.ref]), [zips, cnn]);
  });
  test('a name that looks like an ID counts as a name', () => {
    assert.deepEqual(resolve(['4d99'], { experiments: [...experiments, hexNamed] }), [hexNamed]);
  });
  test('one of several of a name: the one that was made from the commit that is checked out', () => {
    assert.deepEqual(resolve(['twice'], { head: oid('bb') as GitOid }), [twice[1]]);
  });
});

describe('a word that is none', () => {
  test('is ambiguous where no baseline is checked out: the full refs are told', () => {
    for (const at of [head, undefined]) {
      const { message, hints } = refused(() => resolve(['twice'], { head: at }));
      assert.equal(message, "'twice' is the name of 2 experiments here");
      assert.deepEqual(hints.slice(1), [`    ${twice[0].ref}`, `    ${twice[1].ref}`]);
    }
  });
  test('is ambiguous as the beginning of several IDs', () => {
    const close = [experiment('aa', 'one', 'abcd1'), experiment('aa', 'two', 'abcd2')];
    const { message } = refused(() => resolve(['abcd'], { experiments: close }));
    assert.equal(message, "'abcd' is the beginning of the IDs of 2 experiments here");
  });
  test('too short for an ID', () => {
    assert.match(refused(() => resolve(['4d1'])).message, /no experiment '4d1' here/);
  });
  test('unknown: the nearest name is told, and all such words at once', () => {
    const { message, hints } = refused(() =>
      resolve(['cnn-23', 'cnn-32', 'nothing like it'], { where: "on 'origin'" }),
    );
    assert.equal(message, "there are no experiments 'cnn-23', 'nothing like it' on 'origin'");
    assert.deepEqual(hints, ["did you mean 'cnn-32'?"]);
    assert.deepEqual(refused(() => resolve([`${cnn.ref}x`])).hints, [`did you mean '${cnn.ref}'?`]);
    assert.deepEqual(refused(() => resolve(['cnn-32'], { experiments: [] })).hints, []);
  });
  test('the commit that experiments were made from', () => {
    assert.deepEqual(refused(() => resolve([oid('aa')])).hints, [
      `'${oid('aa')}' is a commit that experiments were made from; those: --rev ${oid('aa')}`,
    ]);
  });
});

test("DVC's internal refs, and whatever else lies below refs/exps, are no experiments", () => {
  const [first, rest] = ['ab', 'c'.repeat(38)];
  for (const ref of [
    'refs/exps/exec/EXEC_HEAD',
    'refs/exps/stash',
    'refs/exps/celery/stash',
    `refs/exps/${first}/${rest}`,
    `refs/exps/${first}/${rest}/a/b`,
    `refs/exps/${first}/short/name`,
    'refs/heads/main',
  ])
    assert.equal(parseExperiment(ref, oid('1')), undefined, ref);
  assert.ok(parseExperiment(`refs/exps/${first}/${rest}/name`, oid('1')));
  assert.ok(parseExperiment(`refs/exps/${first}/${'c'.repeat(62)}/name`, '1'.repeat(64)));
});
