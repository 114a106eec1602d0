import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  type Insertion,
  insertionBetween,
  lacksOnly,
  readEntries,
  replaceConfigFile,
  withoutAt,
  withoutInsertion,
} from '../git/config-file.ts';
import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import type { CommandRepository } from './repository.ts';

/** One value that was added to the repository's configuration file, and what it takes to have the file back as it was. */
export interface Edit {
  /** As Git prints it: section and name in lower case. */
  readonly key: string;
  readonly value: string;
  /** undefined: somebody else changed the file in the same moment. */
  readonly insertion: Insertion | undefined;
  /** SHA-256 of the file before and after, hex. */
  readonly before: string;
  readonly after: string;
}

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/**
 * Adds a value with `git config`, which knows about locks, modes and links, and tells what that did to the file.
 * Throws `config` when Git does not read the value back; the file is then as it was.
 */
export async function addValue(repository: CommandRepository, key: string, value: string): Promise<Edit> {
  const { git, configFile } = repository;
  const before = readFileSync(configFile);
  await runGit(['config', '--local', '--add', key, value], git);
  const after = readFileSync(configFile);
  const insertion = insertionBetween(before, after);
  const edit = { key, value, insertion, before: digest(before), after: digest(after) };
  if (insertion === undefined) return edit;
  const [was, is] = await Promise.all([readEntries(before, git), readEntries(after, git)]);
  if (was !== undefined && is !== undefined && lacksOnly(edit, is, was)) return edit;
  replaceConfigFile(configFile, after, before);
  throw new HelperError('config', `Git does not read '${printable(key)}' back from '${printable(configFile)}'`, {
    hints: ['a line there that ends in a backslash swallows the next one: git config --local --edit'],
  });
}

/** What became of edits that were to be taken back. */
export interface Removal {
  /** The file is byte for byte what it was before the first of the edits. */
  readonly exact: boolean;
  /** The bytes of these were not found any more, so `git config --unset` took the value away. */
  readonly unset: readonly Edit[];
  /** These were gone already. */
  readonly gone: readonly Edit[];
}

interface RemovalPlan extends Removal {
  readonly next: Buffer;
}

const tries = 5;

/** Takes edits back, the last one first. Whatever else was changed in the file since is kept. */
export async function removeEdits(repository: CommandRepository, edits: readonly Edit[]): Promise<Removal> {
  const { git, configFile } = repository;
  for (let tried = 1; ; tried += 1) {
    const current = readFileSync(configFile);
    const plan = await planRemoval(current, edits, repository);
    if (!plan.next.equals(current) && !replaceConfigFile(configFile, current, plan.next)) {
      if (tried < tries) continue;
      throw new HelperError('io', `'${printable(configFile)}' is being changed by others`, {
        hints: ['try again when they have ended'],
      });
    }
    for (const { key, value } of plan.unset) {
      await runGit(['config', '--local', '--fixed-value', '--unset-all', key, value], git);
    }
    return plan;
  }
}

async function planRemoval(current: Buffer, edits: readonly Edit[], { git }: CommandRepository): Promise<RemovalPlan> {
  let next = current;
  let exact = true;
  const unset: Edit[] = [];
  const gone: Edit[] = [];
  for (const edit of edits.toReversed()) {
    const before = asItWas(next, edit);
    if (before !== undefined) {
      next = before;
      continue;
    }
    exact = false;
    const entry = Buffer.from(`${edit.key}\n${edit.value}`).toString('latin1');
    if (!(await readEntries(next, git))?.includes(entry)) {
      gone.push(edit);
      continue;
    }
    const without = edit.insertion === undefined ? undefined : await withoutInsertion(next, edit.insertion, edit, git);
    if (without === undefined) unset.push(edit);
    else next = without;
  }
  return { next, exact, unset, gone };
}

/** The file before the edit; undefined when it has been changed since. */
function asItWas(bytes: Buffer, { insertion, before, after }: Edit): Buffer | undefined {
  if (insertion === undefined || digest(bytes) !== after) return undefined;
  const result = withoutAt(bytes, insertion);
  return result !== undefined && digest(result) === before ? result : undefined;
}
