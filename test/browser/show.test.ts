// The page of `git dvcexp show --html` in a real browser, opened from disk without network.
// DVCEXP_TEST_SCREENSHOTS=<folder> keeps what it looked like.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { companion } from '../cli/companion.ts';
import { type Browser, openBrowser, type Tab } from '../kit/chromium.ts';
import { openWorld, type World } from '../kit/world.ts';

const pageAssets = join(import.meta.dirname, '..', '..', 'dist', 'page');
const screenshots = process.env.DVCEXP_TEST_SCREENSHOTS ?? mkdtempSync(join(tmpdir(), 'dvcexp-screenshots-'));
let world: World;
let browser: Browser;

before(async () => {
  world = openWorld();
  mkdirSync(screenshots, { recursive: true });
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  world.remove();
  if (process.env.DVCEXP_TEST_SCREENSHOTS === undefined) rmSync(screenshots, { recursive: true });
});

/** A page of so many experiments, made from so many commits. */
async function makePage(experiments: number, baselines: number): Promise<string> {
  const at = world.path(`r${experiments}`);
  world.git(world.directory, 'init', '-q', at);
  const made = world.run(at, 'git', ['fast-import', '--quiet'], { input: history(experiments, baselines) });
  assert.equal(made.code, 0, made.stderr);
  const commits = world.git(at, 'rev-list', '--reverse', 'main').split('\n');
  const moves = world
    .git(at, 'for-each-ref', '--format=%(refname) %(objectname)', 'refs/made')
    .split('\n')
    .map((line) => {
      const [, , baseline = '', name = '', id = ''] = line.split(/[/ ]/);
      const commit = commits[Number(baseline)] ?? '';
      return `create refs/exps/${commit.slice(0, 2)}/${commit.slice(2)}/${name} ${id}\n`;
    });
  assert.equal(world.run(at, 'git', ['update-ref', '--stdin'], { input: moves.join('') }).code, 0);
  world.git(at, 'reset', '-q', '--hard', 'main');
  const file = world.path(`${experiments}.html`);
  const { code, stderr } = await companion(world, at, ['show', '-A', '--html', file], { pageAssets });
  assert.deepEqual([code, stderr], [0, '']);
  return file;
}

function history(experiments: number, baselines: number): string {
  const stream: string[] = [];
  let mark = 0;
  const commit = (ref: string, from: number, files: Readonly<Record<string, string>>): number => {
    mark += 1;
    stream.push(
      `commit ${ref}\nmark :${mark}\ncommitter Ada <ada@example.com> ${1_700_000_000 + mark} +0000\ndata 1\nx\n`,
    );
    if (from > 0) stream.push(`from :${from}\n`);
    for (const [path, text] of Object.entries(files))
      stream.push(`M 100644 inline ${path}\ndata ${Buffer.byteLength(text)}\n${text}\n`);
    return mark;
  };
  const values = (index: number): Record<string, string> => {
    const [rate, depth] = [10 ** -(1 + (index % 4)), 2 + (index % 7)];
    const accuracy = 0.7 + 0.2 * Math.sin(index) ** 2;
    return {
      'params.yaml': `lr: ${rate}\ndepth: ${depth}\noptimizer: ${index % 3 === 0 ? 'adam' : 'sgd'}\nseed: 7\n`,
      'metrics.json': JSON.stringify({ accuracy, loss: { train: 1 / (1 + index), test: 1 - accuracy } }),
    };
  };
  const project = { '.dvc/config': '', 'dvc.yaml': 'metrics: [metrics.json]\n' };
  let main = 0;
  for (let baseline = 0; baseline < baselines; baseline++) {
    main = commit('refs/heads/main', main, { ...(baseline === 0 ? project : {}), ...values(baseline) });
    for (let index = baseline; index < experiments; index += baselines)
      commit(`refs/made/${baseline}/exp-${index}`, main, values(index + 1));
  }
  return stream.join('');
}

const rows = '[...document.querySelectorAll("tbody tr")]';
const column = (head: string): string =>
  `(() => { const at = [...document.querySelectorAll('thead th')].findIndex((each) => each.textContent.trim() === '${head}');
    return ${rows}.filter((row) => row.className === 'experiment').map((row) => Number.parseFloat(row.children[at].textContent)); })()`;
const isSorted = (values: readonly number[]): boolean =>
  values.every((value, at) => at === 0 || (values[at - 1] ?? 0) <= value);

for (const [experiments, baselines] of [
  [20, 2],
  [1000, 50],
] as const) {
  describe(`${experiments} experiments`, () => {
    let file: string;
    before(async () => {
      file = await makePage(experiments, baselines);
    });

    for (const dark of [false, true]) {
      const look = dark ? 'dark' : 'light';
      test(`in ${look}: shown, sorted by a click, filtered by typing, without a complaint or a request`, async () => {
        const tab = await browser.open(file, { dark, width: 1280, height: 1600 });
        const counted = (): Promise<string> => tab.evaluate('document.querySelector("output").textContent');
        assert.equal(await counted(), `${experiments} of ${experiments} experiments`);
        assert.equal(await tab.evaluate(`${rows}.length`), experiments + baselines + 1, 'work tree and baselines too');
        const color = await tab.evaluate<string>('getComputedStyle(document.body).backgroundColor');
        const [red = 0] = /\d+/.exec(color)?.map(Number) ?? [];
        assert.equal(red < 128, dark, color);
        for (const mark of ['polyline.line', 'circle.point'])
          assert.ok((await tab.evaluate<number>(`document.querySelectorAll('${mark}').length`)) >= experiments, mark);
        writeFileSync(join(screenshots, `show-${experiments}-${look}.png`), await tab.screenshot());
        await sorts(tab, baselines);
        await filters(tab, experiments, counted);
        writeFileSync(join(screenshots, `show-${experiments}-${look}-filtered.png`), await tab.screenshot());
        assert.deepEqual(tab.complaints, []);
      });
    }
  });
}

async function sorts(tab: Tab, baselines: number): Promise<void> {
  // Grouped by baseline, experiments are sorted within each; ungrouped all of them.
  if (baselines > 1) await tab.click('section .options input[type=checkbox]');
  const head = '[...document.querySelectorAll("thead button")].find((each) => each.textContent === "accuracy")';
  await tab.evaluate(`${head}.id = "by-accuracy"`);
  await tab.click('#by-accuracy');
  assert.ok(isSorted(await tab.evaluate(column('accuracy'))), 'least first');
  await tab.click('#by-accuracy');
  assert.ok(isSorted((await tab.evaluate<number[]>(column('accuracy'))).reverse()), 'most first');
}

async function filters(tab: Tab, experiments: number, counted: () => Promise<string>): Promise<void> {
  await tab.click('input[type=search]');
  await tab.type('optimizer=adam accuracy>0.75');
  const wanted = `${experiments} experiments`;
  for (let tries = 0; tries < 100 && (await counted()).startsWith(wanted.split(' ')[0] ?? ''); tries++)
    await tab.evaluate('new Promise((resolve) => setTimeout(resolve, 20))');
  const [shown = 0] = (await counted()).split(' ').map(Number);
  assert.ok(shown > 0 && shown < experiments / 2, await counted());
  const accuracies = await tab.evaluate<number[]>(column('accuracy'));
  assert.equal(accuracies.length, shown);
  assert.ok(accuracies.every((value) => value > 0.75));
  await tab.click('tbody tr.experiment');
  await tab.press('ArrowDown');
  assert.equal(
    await tab.evaluate(`${rows}.findIndex((row) => row.ariaCurrent === 'true')`),
    1,
    'by keyboard to the next',
  );
}
