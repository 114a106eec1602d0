// What a repository looks like from outside: everything in it that a person or a program could notice, but how its
// objects are packed.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { World } from '../kit/world.ts';

const linesOf = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function filesBelow(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/**
 * `[section] key = value`, by section and key: a section stands where its first key was written, which may be ours.
 * Values of one key keep their order.
 */
function configLines(text: string): readonly string[] {
  const lines: string[] = [];
  let section = '';
  for (const line of linesOf(text)) {
    if (line.startsWith('[')) section = line;
    else lines.push(`${section} ${line.trim()}`);
  }
  const keyOf = (line: string): string => line.split(' = ')[0] ?? line;
  return lines
    .filter((line) => !line.endsWith('] vcs = dvcexp'))
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0));
}

/** Servers that are programs of their own write the time of day. */
const reflogLines = (text: string): readonly string[] => linesOf(text.replace(/> \d+ [+-]\d+\t/g, '> <time>\t'));

/** Where the Git directory of a repository is. */
function gitDirectoryOf(directory: string): string {
  const inside = join(directory, '.git');
  if (!existsSync(inside)) return directory;
  if (statSync(inside).isDirectory()) return inside;
  return join(directory, textOf(inside).trim().replace('gitdir: ', ''));
}

/** The sections of one repository, by their names. Nothing when there is no repository. */
export function snapshot(world: World, directory: string): ReadonlyMap<string, readonly string[]> {
  if (!existsSync(directory)) return new Map([['there', ['no']]]);
  const git = gitDirectoryOf(directory);
  if (!existsSync(join(git, 'HEAD'))) return new Map([['a repository', ['no']]]);
  const file = (name: string): readonly string[] => linesOf(textOf(join(git, name)));
  const packs = filesBelow(join(git, 'objects'));
  return new Map([
    ['refs', linesOf(world.git(git, 'for-each-ref', '--format=%(objectname) %(refname)'))],
    [
      'symbolic refs',
      linesOf(world.git(git, 'for-each-ref', '--format=%(if)%(symref)%(then)%(refname) %(symref)%(end)')),
    ],
    ['HEAD', file('HEAD')],
    ['ORIG_HEAD', file('ORIG_HEAD')],
    ['FETCH_HEAD', file('FETCH_HEAD')],
    ['shallow', [...file('shallow')].sort()],
    ['alternates', file('objects/info/alternates')],
    ['config', configLines(textOf(join(git, 'config')))],
    ...filesBelow(join(git, 'logs')).map((path): [string, readonly string[]] => [
      `reflog ${path.slice(git.length + 6)}`,
      reflogLines(textOf(path)),
    ]),
    ['objects', [...linesOf(world.git(git, 'cat-file', '--batch-all-objects', '--batch-check', '--unordered'))].sort()],
    [
      'left over',
      packs
        .map(
          (path) =>
            /(?:\.(?:keep|promisor|lock)|\/tmp_[^/]*)$/.exec(path)?.[0].replace(/^\/tmp_(.*)_[^_]*$/, '/tmp_$1') ?? '',
        )
        .filter(Boolean),
    ],
    [
      'files',
      readdirSync(git)
        .filter((name) => name !== 'dvcexp')
        .sort(),
    ],
  ]);
}
