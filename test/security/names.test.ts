// Names of objects become paths: whatever is not exactly one is refused at every place where one comes in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseListing, parseListingIds } from '../../src/dvc/listing.ts';
import { parseMetafile } from '../../src/dvc/metafile.ts';
import { parseRun, parseRunPath } from '../../src/dvc/run.ts';
import { HelperError } from '../../src/model/error.ts';
import { keyOf, parseKey, parseObjectId } from '../../src/model/object.ts';
import { type Dice, openDice } from '../fuzz/dice.ts';

const hash = 'd41d8cd98f00b204e9800998ecf8427e';
const key = /^(?:files\/md5\/)?[0-9a-f]{2}\/[0-9a-f]{30}(?:\.dir)?$/;
const whole = /^[0-9a-f]{32}(?:\.dir)?$/;
const odd = [
  '../../../x',
  '/etc/passwd',
  'con',
  '',
  '.',
  '..',
  hash.toUpperCase(),
  hash.slice(1),
  `${hash}0`,
  `${hash}\n`,
  `\n${hash}`,
  `${hash}\0`,
  `${hash}.dir.dir`,
  `${hash}.DIR`,
  `${hash}.dir/`,
  `${hash.slice(0, 31)}\u0661`,
  `${hash.slice(0, 31)}\uff11`,
  ` ${hash}`,
  `${hash.slice(0, 2)}/${hash.slice(2)}`,
  `..${hash.slice(2)}`,
  `./${hash.slice(2)}`,
  `.git${hash.slice(4)}`,
];
const letters = [...'0123456789abcdefABCDEFgxz./\\:\0\n\r\t %~-_\u0660\uff11\u202e', '..', '.dir', 'con'];

function invent(dice: Dice): string {
  if (dice.chance(0.2)) return dice.pick(odd);
  const text = [...(dice.chance(0.3) ? `${hash}.dir` : hash)];
  for (let changes = 1 + dice.below(3); changes > 0; changes--)
    text.splice(dice.below(text.length + 1), dice.below(3), ...(dice.chance(0.7) ? [dice.pick(letters)] : []));
  return text.join('');
}

/** What comes of it; undefined when it was refused in words for people. */
function taken<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof HelperError && error.code === 'corrupt') return undefined;
    throw error;
  }
}

test('ten thousand texts that are none, and some that are', () => {
  const dice = openDice(20_250_101);
  let right = 0;
  for (let count = 0; count < 10_000; count++) {
    const text = invent(dice);
    const good = whole.test(text);
    if (good) right += 1;
    assert.equal(parseObjectId(text) !== undefined, good, JSON.stringify(text));
    const quoted = JSON.stringify(text);
    const place = { file: 'x.dvc', root: '' };

    for (const kind of ['  hash: md5\n', '']) {
      const harvest = taken(() => parseMetafile(Buffer.from(`outs:\n- md5: ${quoted}\n${kind}  path: x\n`), place));
      const objects = (harvest?.outputs ?? []).flatMap(({ object }) => object ?? []);
      assert.equal(objects.length > 0, good, quoted);
      for (const object of objects) assert.match(keyOf(object), key, quoted);
    }
    const listing = Buffer.from(`[{"md5": ${quoted}, "relpath": "a"}]`);
    const leaf = good && !text.endsWith('.dir');
    assert.equal(taken(() => parseListing(listing, 'x')) !== undefined, leaf, quoted);
    assert.equal(taken(() => parseListingIds(listing, 'x')) !== undefined, leaf, quoted);

    // What storage and the disk list.
    for (const path of [text, `files/md5/${text}`, `${text.slice(0, 2)}/${text.slice(2)}`]) {
      const object = parseKey(path);
      if (object !== undefined) assert.equal(keyOf(object), path);
      assert.equal(object !== undefined, key.test(path), quoted);
    }
    const path = parseRunPath(`runs/${text.slice(0, 2)}/${text}${text}/${text}${text}`);
    if (path !== undefined) assert.match(path, /^runs\/[0-9a-f]{2}\/[0-9a-f]{64}\/[0-9a-f]{64}$/);
  }
  assert.ok(right > 50, `${right} of them were names`);
});

test('a run of the run cache names no paths for objects', () => {
  const digest = 'a'.repeat(64);
  const path = parseRunPath(`runs/aa/${digest}/${digest}`);
  assert.ok(path);
  for (const text of odd) {
    const run = `cmd: x\nouts:\n- path: x\n  hash: md5\n  md5: ${JSON.stringify(text)}\n`;
    const outputs = taken(() => parseRun(path, Buffer.from(run))) ?? [];
    for (const { object } of outputs) assert.match(keyOf(object), key, JSON.stringify(text));
  }
});
