// What `--json` prints is described: every member stands in git-dvcexp(1), and nothing but one object is on stdout.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { addExperiment, createTeam, type Team, trackAndCommit } from '../e2e/team.ts';
import { openWorld, track, type World } from '../kit/world.ts';
import { companion } from './companion.ts';

let world: World;
let team: Team;
before(() => {
  world = openWorld();
  team = createTeam(world, 'team');
  writeFileSync(`${team.alice}/params.yaml`, 'lr: 1\n');
  trackAndCommit(team, 'data', { 'a.txt': 'a' });
  addExperiment(world, team, 'cnn-32', () => track(team.alice, 'model.bin', 'model'));
  world.git(team.alice, 'push', '-q', '../team.git', 'main', 'refs/exps/*:refs/exps/*');
  mkdirSync(team.storage);
  world.git(team.alice, 'config', '--unset', 'remote.origin.vcs');
  world.git(team.alice, 'config', 'dvcexp.https://host/x.trust', 'read');
  world.git(team.alice, 'config', 'dvcexp.https://host/y.allowInsecure', 'true');
  world.git(team.alice, 'config', 'dvcexp.file:../storage.pin', 'storage');
});
after(() => world.remove());

const [, described = ''] = /^## JSON\n(.*?)^## /ms.exec(readFileSync('docs/man/git-dvcexp.1.md', 'utf8')) ?? [];

/** Names of all members below; what `data`, `metrics` and `params` of a table hold is the users' own. */
function membersOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(membersOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, below]) => [
    name,
    ...(name === 'metrics' || name === 'params' ? [] : membersOf(below)),
  ]);
}

const commands: readonly (readonly [words: string, code: number, members: readonly string[]])[] = [
  ['list --storage', 0, ['gitRemote', 'experiments', 'baseline', 'here', 'toPush', 'unknownDirectories']],
  ['list origin', 0, ['gitRemote', 'experiments']],
  ['show -A', 0, ['workspace', 'baselines', 'metrics', 'params']],
  ['status -g origin', 1, ['gitRemote', 'shared', 'commits', 'onGitRemote', 'missing', 'inStorage', 'bytes']],
  ['push --dry-run', 0, ['gitRemote', 'dryRun', 'state', 'replaced', 'other', 'reason', 'data']],
  ['pull --dry-run', 0, ['gitRemote', 'dryRun', 'state']],
  ['doctor', 1, ['errors', 'warnings', 'checks', 'level', 'text', 'hints']],
  ['trust --list', 0, ['places', 'scope', 'url', 'trust', 'allowInsecure', 'metAs']],
  ['credential check', 0, ['errors', 'warnings', 'checks']],
];
for (const [words, code, members] of commands) {
  test(`${words} --json`, async () => {
    const ran = await companion(world, team.alice, [...words.split(' '), '--json']);
    assert.equal(ran.code, code, ran.stdout + ran.stderr);
    const found = new Set(membersOf(JSON.parse(ran.stdout)));
    for (const member of members) assert.ok(found.has(member), `${member} in ${ran.stdout}`);
    assert.deepEqual(
      [...found].filter((name) => !described.includes(`\`${name}\``)),
      [],
      'described',
    );
  });
}

test('the checks of doctor as JSON are those of its lines', async () => {
  const [lines, json] = [
    await companion(world, team.alice, ['doctor']),
    await companion(world, team.alice, ['doctor', '--json']),
  ];
  const { warnings, checks } = JSON.parse(json.stdout);
  assert.ok(warnings > 0);
  for (const { level, text } of checks) assert.ok(lines.stdout.includes(`${level.padEnd(5)}  ${text}\n`), text);
  assert.equal(lines.stdout.match(/^(?:ok|warn|error) /gm)?.length, checks.length);
});
