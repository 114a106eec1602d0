import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { placedValues } from '../git/config-file.ts';
import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import type { CommandContext } from './context.ts';
import { type CommandRepository, firstLine, requireRepository } from './repository.ts';

/** githooks(5) that follow a change of the work tree, and when each is about all of it. */
const conditions: Readonly<Record<string, string | undefined>> = {
  // Not after a checkout of single files.
  'post-checkout': '[ "$3" = 1 ]',
  'post-merge': undefined,
  'post-rewrite': '[ "$1" = rebase ]',
};
const command = 'git dvcexp checkout --quiet';

/** Never fails what Git does, and does nothing below itself, nor where we are not installed. */
function scriptOf(hook: string): string {
  const condition = conditions[hook];
  return [
    '#!/bin/sh',
    "# Written by 'git dvcexp setup --checkout': puts the data in place. 'git dvcexp setup --checkout --undo' takes it away.",
    ...(condition === undefined ? [] : [`${condition} || exit 0`]),
    '[ -z "$DVCEXP_HOOK" ] || exit 0',
    'command -v git-dvcexp >/dev/null 2>&1 || exit 0',
    `DVCEXP_HOOK=1 ${command} || :`,
    '',
  ].join('\n');
}

/** What to add to a hook of somebody else's. */
function lineOf(hook: string): string {
  const condition = conditions[hook];
  return condition === undefined ? `${command} || :` : `if ${condition}; then ${command} || :; fi`;
}

interface Hook {
  readonly name: string;
  readonly path: string;
  /** `other`: somebody else's. `by hand`: somebody else's, which runs us. */
  readonly state: 'absent' | 'ours' | 'by hand' | 'other';
}

/** `git dvcexp setup --checkout [--undo]`: hooks that run `git dvcexp checkout`. Throws `config` where others are in the way. */
export async function setupCheckout(undo: boolean, context: CommandContext, operation: Operation): Promise<number> {
  const repository = await requireRepository(context, operation);
  if (repository.location.workTree === undefined) throw new HelperError('usage', 'a bare repository has no work tree');
  const { folder, sharedBy } = await hooksFolder(repository);
  const hooks = Object.keys(conditions).map((name) => lookAt(name, folder));
  const say = (line: string): void => context.stdout(`${line}\n`);
  if (undo) {
    takeAway(hooks, say);
    return 0;
  }
  if (sharedBy !== undefined && hooks.some(({ state }) => state === 'absent' || state === 'other')) {
    throw new HelperError(
      'config',
      `core.hooksPath in '${printable(sharedBy)}' has other repositories share its hooks`,
      {
        hints: Object.keys(conditions).map(
          (name) => `to have it in all of them, add to '${shown(folder, name)}': ${lineOf(name)}`,
        ),
      },
    );
  }
  const others = hooks.filter(({ state }) => state === 'other');
  if (others.length > 0) {
    throw new HelperError(
      'config',
      `there is a hook already: ${others.map(({ path }) => `'${printable(path)}'`).join(', ')}`,
      {
        hints: [
          ...others.flatMap(({ name, path }) => hintsFor(name, path)),
          ...(others.length < hooks.length ? ['then run this command again, for the others'] : []),
        ],
      },
    );
  }
  const added = hooks.filter(({ state }) => state === 'absent');
  mkdirSync(folder, { recursive: true });
  for (const { name, path } of added) writeFileSync(path, scriptOf(name), { mode: 0o777, flag: 'wx' });
  if (added.length === 0) say(`data is put in place already, by hooks in '${printable(folder)}'`);
  else {
    const names = added.map(({ name }) => name).join(', ');
    say(
      `git checkout, switch, pull, merge and rebase put data in place from now on: ${names} in '${printable(folder)}'`,
    );
  }
  say('back: git dvcexp setup --checkout --undo');
  return 0;
}

async function hooksFolder({
  git,
}: CommandRepository): Promise<{ readonly folder: string; readonly sharedBy: string | undefined }> {
  const { stdout } = await runGit(['rev-parse', '--path-format=absolute', '--git-path', 'hooks'], git);
  const place = (await placedValues('core.hooksPath', git)).at(-1);
  const isShared = place !== undefined && place.scope !== 'local' && place.scope !== 'worktree';
  return { folder: firstLine(stdout), sharedBy: isShared ? place.file : undefined };
}

function lookAt(name: string, folder: string): Hook {
  const path = join(folder, name);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { name, path, state: 'absent' };
    throw error;
  }
  if (text === scriptOf(name)) return { name, path, state: 'ours' };
  const own = isHusky(folder) ? readOr(join(dirname(folder), name)) : text;
  return { name, path, state: own.includes('git dvcexp checkout') ? 'by hand' : 'other' };
}

/** Husky's hooks lead to those in the folder above, which are for people to write. */
const isHusky = (folder: string): boolean => basename(folder) === '_' && basename(dirname(folder)) === '.husky';

const shown = (folder: string, name: string): string =>
  printable(join(isHusky(folder) ? dirname(folder) : folder, name));

function hintsFor(name: string, path: string): readonly string[] {
  const text = readOr(path);
  const line = lineOf(name);
  if (/\bexec dvc git-hook\b/.test(text)) {
    return [
      `it is DVC's, which puts data in place by itself; to have ours do it, put in place of its 'exec' line: ${line}`,
    ];
  }
  if (/generated by pre-commit/i.test(text)) {
    return [`it is pre-commit's, which first runs an executable '${printable(path)}.legacy': #!/bin/sh, and: ${line}`];
  }
  return [`add this line to '${shown(dirname(path), name)}': ${line}`];
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function takeAway(hooks: readonly Hook[], say: (line: string) => void): void {
  const ours = hooks.filter(({ state }) => state === 'ours');
  for (const { path } of ours) rmSync(path);
  if (ours.length === 0) say('nothing to undo: there are no hooks that setup wrote');
  else say(`hooks taken away: ${ours.map(({ path }) => printable(path)).join(', ')}`);
  for (const { path } of hooks.filter(({ state }) => state === 'by hand'))
    say(`'${printable(path)}' runs git dvcexp checkout too, and setup did not write it so`);
}
