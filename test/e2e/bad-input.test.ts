// Whatever a user, a repository or storage presents: a message that says what to do, and nothing lost, written or moved.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { openWorld, type Ran, type World } from '../kit/world.ts';
import { badCommands } from './bad-commands.ts';
import { badConfigurations } from './bad-configurations.ts';
import { type BadInput, fillStorage, type Scene } from './bad-input.ts';
import { badListings } from './bad-listings.ts';
import { badMetafiles } from './bad-metafiles.ts';
import { copyTeam, createTeam, damagedIn, insides, snapshot, strangersIn, type Team, trackAndCommit } from './team.ts';

const tables = {
  'DVC configuration': badConfigurations,
  Metafiles: badMetafiles,
  Listings: badListings,
  'Settings and addresses': badCommands,
};
const longestMs = 30_000;
const messages = new Map<BadInput, Ran>();
let world: World;
let template: Team;

before(() => {
  world = openWorld();
  template = createTeam(world, 'template');
  trackAndCommit(template, 'model.bin', 'first model');
  trackAndCommit(template, 'data', { 'a.txt': 'a', 'sub/b.txt': 'b' });
});
after(() => {
  world.remove();
  const table = process.env.DVCEXP_TEST_TABLE;
  if (table !== undefined) writeFileSync(table, tableOfMessages());
});

for (const [title, inputs] of Object.entries(tables)) {
  describe(title, { concurrency: 3 }, () => {
    for (const [index, input] of inputs.entries()) {
      test(input.name, { timeout: 2 * longestMs }, () => judge(input, `${title.slice(0, 3)}${index}`.replace(' ', '')));
    }
  });
}

async function judge(input: BadInput, name: string): Promise<void> {
  const scene: Scene = { ...copyTeam(world, template, name), world };
  input.arrange?.(scene);
  const before = (): string[] => snapshot(scene.directory, ['team.git', 'storage', 'alice/.dvc/cache', 'bob']);
  const { ran, moved } = await perform(input, scene, before);
  messages.set(input, ran);

  assert.equal(ran.code, input.code, ran.stderr);
  for (const pattern of input.says) assert.match(ran.stderr, pattern);
  assert.equal(ran.stdout, '');
  assert.doesNotMatch(ran.stderr, insides);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  assert.doesNotMatch(ran.stderr, /[\x00-\x08\x0b-\x1f\x7f]/);
  assert.equal(moved, input.moves, 'refs');
  for (const place of [scene.storage, scene.path('bob', '.dvc', 'cache')]) {
    assert.deepEqual(strangersIn(place), []);
    if (input.act === 'push') assert.deepEqual(damagedIn(place), []);
  }
  assert.deepEqual(damagedIn(scene.path('bob', '.dvc', 'cache')), []);
}

interface Performance {
  readonly ran: Ran;
  /** Did refs get to the other end? */
  readonly moved: boolean;
}

async function perform(input: BadInput, scene: Scene, look: () => string[]): Promise<Performance> {
  if (input.act === 'fetch' || input.act === 'clone') return receive(input.act, scene, look);
  if (input.act === 'push') scene.commit();
  const earlier = look();
  const { args, env } = input.act === 'push' ? { args: ['push', 'origin', 'main'] } : { env: {}, ...input.act };
  const ran = await timed(scene.git(scene.alice, args, env));
  assert.deepEqual(look(), earlier, 'nothing is written outside');
  return { ran, moved: scene.refs() !== '' };
}

/** The commit comes by plain Git, since the helper would not have let it through. */
async function receive(act: 'fetch' | 'clone', scene: Scene, look: () => string[]): Promise<Performance> {
  scene.commit();
  fillStorage(scene);
  const baseline = '0123456789012345678901234567890123456789';
  const experiment = `refs/exps/${baseline.slice(0, 2)}/${baseline.slice(2)}/evil`;
  world.git(scene.alice, 'push', '-q', '../team.git', act === 'clone' ? 'main' : `main:${experiment}`);
  if (act === 'fetch') {
    world.git(scene.directory, 'init', '-q', 'bob');
    world.git(scene.path('bob'), 'remote', 'add', 'origin', '../team.git');
    world.git(scene.path('bob'), 'config', 'remote.origin.vcs', 'dvcexp');
  }
  const earlier = look();
  const ran = await timed(
    act === 'clone' ? scene.clone('bob') : scene.git(scene.path('bob'), ['fetch', 'origin', 'refs/exps/*:refs/exps/*']),
  );
  assert.deepEqual(look(), earlier, 'nothing is written outside');
  assert.equal(world.git(scene.path('bob'), 'status', '--porcelain', ...(act === 'fetch' ? [':!.dvc'] : [])), '');
  return { ran, moved: world.git(scene.path('bob'), 'for-each-ref', 'refs/exps', 'refs/remotes') !== '' };
}

async function timed(running: Promise<Ran>): Promise<Ran> {
  const since = Date.now();
  const ran = await running;
  assert.ok(Date.now() - since < longestMs, 'it hangs');
  return ran;
}

/** Markdown, for whoever wants to read what people get: DVCEXP_TEST_TABLE=<file>. */
function tableOfMessages(): string {
  const cell = (text: string): string => text.replaceAll(/\/tmp\/dvcexp-world-\w+\/\w+/g, '…').replaceAll('|', '\\|');
  return Object.entries(tables)
    .map(([title, inputs]) => {
      const rows = inputs.map((input) => {
        const lines = (messages.get(input)?.stderr ?? '')
          .trim()
          .split('\n')
          .map((line) => `\`${cell(line)}\``);
        return `| ${cell(input.name)} | ${messages.get(input)?.code ?? '?'} | ${lines.join('<br>')} |`;
      });
      return `### ${title}\n\n| what | exit | stderr |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
    })
    .join('\n');
}
