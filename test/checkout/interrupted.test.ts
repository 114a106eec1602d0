import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { checkOut } from '../../src/checkout/checkout.ts';
import { planCheckout } from '../../src/checkout/plan.ts';
import type { CheckoutResult } from '../../src/checkout/terms.ts';
import { openCache } from '../../src/dvc/cache.ts';
import { parseMetafile } from '../../src/dvc/metafile.ts';
import { everything } from '../../src/dvc/targets.ts';
import { openWorld, track, type World } from '../kit/world.ts';

let world: World;
const files = Object.fromEntries(
  Array.from({ length: 400 }, (_, index) => [`${index % 7}/${index}`, `bytes ${index}\n`]),
);
before(() => {
  world = openWorld();
  track(world.directory, 'data', files);
});
after(() => world.remove());

function run(signal: AbortSignal, onFile: () => void): Promise<CheckoutResult> {
  const top = world.directory;
  const place = { file: 'data.dvc', root: '' };
  const [output] = parseMetafile(readFileSync(join(top, 'data.dvc')), place).outputs;
  assert.ok(output);
  const cache = openCache(join(top, '.dvc', 'cache'), { shared: undefined, fsyncObjects: false });
  const plan = planCheckout([{ output, part: everything, root: '', cache, linkTypes: ['copy'] }]);
  const options = { force: false, relink: false, unneeded: true, declared: new Set(['data']), caches: [cache], onFile };
  const tracked = async (): Promise<ReadonlySet<string>> => new Set();
  return checkOut(plan, { ...options, tracked, top, gitDirectory: join(top, '.git') }, { signal });
}

const found = (): readonly string[] =>
  readdirSync(join(world.directory, 'data'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

test('a run that is stopped leaves whole files, and the next one goes on', async () => {
  rmSync(join(world.directory, 'data'), { recursive: true });
  const controller = new AbortController();
  let count = 0;
  const stopped = run(controller.signal, () => {
    count += 1;
    if (count === 100) controller.abort(new Error('stopped'));
  });
  await assert.rejects(stopped, /stopped/);
  const left = found();
  assert.ok(left.length >= 100 && left.length < 400, String(left.length));
  const whole = new Set(Object.values(files));
  for (const path of left) assert.ok(whole.has(readFileSync(path, 'utf8')), path);
  const { changes } = await run(new AbortController().signal, () => undefined);
  assert.deepEqual(
    changes.map(({ kind, added, modified }) => [kind, added, modified]),
    [['modified', 400 - left.length, 0]],
  );
  assert.equal(found().length, 400);
});

test('two runs at once do the same work and take nothing of it for somebody’s hand', async () => {
  rmSync(join(world.directory, 'data'), { recursive: true });
  const { signal } = new AbortController();
  const results = await Promise.all([run(signal, () => undefined), run(signal, () => undefined)]);
  assert.deepEqual(
    results.map(({ kept, missing, refused }) => [kept, missing, refused]),
    [
      [[], [], []],
      [[], [], []],
    ],
  );
  assert.equal(found().length, 400);
});
