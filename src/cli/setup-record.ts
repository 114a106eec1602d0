import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RepositoryLocation } from '../git/work-tree.ts';
import type { Edit } from './config-edit.ts';

/**
 * What `setup` added for one Git remote, in `<common Git directory>/dvcexp/setup/`, so that `--undo` can have the
 * configuration back byte for byte. Safe to delete: then the values are taken away with `git config --unset`.
 */
export interface SetupRecord {
  readonly remote: string;
  /** In the order in which they were made. */
  readonly edits: readonly Edit[];
}

const format = 1;

function folderOf({ commonDirectory }: RepositoryLocation): string {
  return join(commonDirectory, 'dvcexp', 'setup');
}

/** A remote's name may hold slashes and be longer than a file's name. */
function fileOf(location: RepositoryLocation, remote: string): string {
  return join(folderOf(location), createHash('sha256').update(remote).digest('hex').slice(0, 32));
}

/** The record of one remote; without edits when there is none, or none that can be understood. */
export function readRecord(location: RepositoryLocation, remote: string): SetupRecord {
  const record = parse(fileOf(location, remote));
  return record?.remote === remote ? record : { remote, edits: [] };
}

/** The records of all remotes. */
export function allRecords(location: RepositoryLocation): readonly SetupRecord[] {
  let names: string[];
  try {
    names = readdirSync(folderOf(location));
  } catch {
    return [];
  }
  return names.map((name) => parse(join(folderOf(location), name))).filter((record) => record !== undefined);
}

/** Writes the record, or removes it when it has no edits. Throws the system's error. */
export function writeRecord(location: RepositoryLocation, { remote, edits }: SetupRecord): void {
  const file = fileOf(location, remote);
  if (edits.length === 0) {
    rmSync(file, { force: true });
    removeEmpty(folderOf(location), join(location.commonDirectory, 'dvcexp'));
    return;
  }
  const text = JSON.stringify({
    format,
    remote,
    edits: edits.map(({ insertion, ...edit }) => ({
      ...edit,
      insertion: insertion && { at: insertion.at, bytes: insertion.bytes.toString('base64') },
    })),
  });
  mkdirSync(folderOf(location), { recursive: true });
  writeFileSync(`${file}.tmp`, `${text}\n`);
  renameSync(`${file}.tmp`, file);
}

function removeEmpty(...folders: readonly string[]): void {
  try {
    for (const folder of folders) rmdirSync(folder);
  } catch {
    // Not there, or not empty.
  }
}

function parse(file: string): SetupRecord | undefined {
  try {
    const { format: found, remote, edits } = JSON.parse(readFileSync(file, 'utf8'));
    if (found !== format || typeof remote !== 'string' || !Array.isArray(edits)) return undefined;
    return { remote, edits: edits.map(parseEdit) };
  } catch {
    return undefined;
  }
}

function parseEdit({ key, value, before, after, insertion }: Record<string, unknown>): Edit {
  return {
    key: String(key),
    value: String(value),
    before: String(before),
    after: String(after),
    insertion: parseInsertion(insertion),
  };
}

function parseInsertion(found: unknown): Edit['insertion'] {
  if (typeof found !== 'object' || found === null || !('at' in found) || !('bytes' in found)) return undefined;
  if (typeof found.at !== 'number' || typeof found.bytes !== 'string') return undefined;
  return { at: found.at, bytes: Buffer.from(found.bytes, 'base64') };
}
