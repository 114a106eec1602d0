import { createHash } from 'node:crypto';
import fs from 'node:fs';
import git from 'isomorphic-git';
import type { GitOid, ObjectReader, TreeEntry } from '../../src/model/git.ts';

const kinds = { blob: 'file', tree: 'directory', commit: 'submodule' } as const;

/** A second reading of a repository, by other code than Git's own. */
export function readRepository(directory: string): ObjectReader & { root(commit: string): Promise<GitOid> } {
  const cache = {};
  const where = { fs, dir: directory, cache };
  return {
    async root(commit) {
      const { commit: body } = await git.readCommit({ ...where, oid: commit });
      return body.tree as GitOid;
    },
    async tree(oid) {
      const { tree } = await git.readTree({ ...where, oid });
      return tree.map(({ path, mode, type, oid: child }) => ({
        name: path,
        kind: mode === '120000' ? 'symlink' : kinds[type],
        oid: child as GitOid,
      }));
    },
    async blob(oid) {
      const { blob } = await git.readBlob({ ...where, oid });
      return blob;
    },
  };
}

type Pair = readonly ['symlink' | 'submodule', string];

/** A folder of a commit made up for a test: text is a file, an object a folder, a pair one of Git's other things. */
export interface MadeFolder {
  readonly [name: string]: string | Uint8Array | MadeFolder | Pair;
}

export interface MadeReader extends ObjectReader {
  /** Stores a commit's root; equal folders and files get equal IDs. */
  root(folder: MadeFolder): GitOid;
  /** How many trees and blobs have been read so far. */
  readonly reads: { trees: number; blobs: number };
}

const isPair = (value: MadeFolder | Pair): value is Pair => Array.isArray(value);

/** Trees and blobs in memory, named by their content like Git's. */
export function makeReader(): MadeReader {
  const trees = new Map<string, readonly TreeEntry[]>();
  const blobs = new Map<string, Uint8Array>();
  const reads = { trees: 0, blobs: 0 };
  const name = (content: string | Uint8Array): GitOid => createHash('sha1').update(content).digest('hex') as GitOid;
  const store = (content: string | Uint8Array): GitOid => {
    const bytes = Buffer.from(content as string);
    const oid = name(bytes);
    blobs.set(oid, bytes);
    return oid;
  };
  const entryOf = (key: string, value: MadeFolder[string]): TreeEntry => {
    if (typeof value === 'string' || value instanceof Uint8Array) return { name: key, kind: 'file', oid: store(value) };
    if (isPair(value)) return { name: key, kind: value[0], oid: store(value[1]) };
    return { name: key, kind: 'directory', oid: root(value) };
  };
  const known = new WeakMap<MadeFolder, GitOid>();
  const root = (folder: MadeFolder): GitOid => {
    const made = known.get(folder);
    if (made !== undefined) return made;
    const entries = Object.entries(folder).map(([key, value]) => entryOf(key, value));
    const oid = name(JSON.stringify(entries));
    trees.set(oid, entries);
    known.set(folder, oid);
    return oid;
  };
  const required = <T>(value: T | undefined, oid: string): T => {
    if (value === undefined) throw new Error(`no object ${oid}`);
    return value;
  };
  return {
    root,
    reads,
    async tree(oid) {
      reads.trees += 1;
      return required(trees.get(oid), oid);
    },
    async blob(oid) {
      reads.blobs += 1;
      return required(blobs.get(oid), oid);
    },
  };
}
