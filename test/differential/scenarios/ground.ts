// What scenarios of several themes prepare or ask in the same way.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MoverNote } from '../../kit/mover-script.ts';
import type { Bench, Transport } from '../scenario.ts';

/** A local path is cloned by links and copies, without a conversation. */
export const notPath: readonly Transport[] = ['file', 'ssh', 'git', 'http', 'https'];
/** Where the server program is a child of ours, in our environment. */
export const local: readonly Transport[] = ['path', 'file'];
export const web: readonly Transport[] = ['http', 'https'];
/** Where a program of the Git remote can be named. */
export const named: readonly Transport[] = ['path', 'file', 'ssh'];

export const uploads = (bench: Bench): readonly string[] =>
  bench.notes().flatMap((note) => (note.event === 'upload' ? note.refs.map(({ destination }) => destination) : []));
export const downloads = (bench: Bench): readonly Extract<MoverNote, { event: 'download' }>[] =>
  bench.notes().filter((note) => note.event === 'download');

/** Somebody else pushed a commit onto main. */
export function advanceServer({ server, localIn }: Bench, branch = 'main'): string {
  const tree = localIn(server, 'rev-parse', `${branch}^{tree}`);
  const next = localIn(server, 'commit-tree', '-p', branch, '-m', 'by somebody else', tree);
  localIn(server, 'update-ref', `refs/heads/${branch}`, next);
  return next;
}

/** A Git remote without any ref. */
export function emptyServer({ server, localIn }: Bench): void {
  for (const ref of localIn(server, 'for-each-ref', '--format=%(refname)').split('\n')) {
    localIn(server, 'update-ref', '-d', ref);
  }
}

/** A commit that `git fsck` takes exception to, on top of another. Answers its ID. */
export function badCommit({ outside, localIn }: Bench, repository: string, parent: string): string {
  const text = join(outside, 'bad-commit');
  const tree = localIn(repository, 'rev-parse', `${parent}^{tree}`);
  const who = 'Ada ada@example.com 1700000000 +0000';
  writeFileSync(text, `tree ${tree}\nparent ${parent}\nauthor ${who}\ncommitter ${who}\n\nbad\n`);
  return localIn(repository, 'hash-object', '-t', 'commit', '-w', '--literally', text);
}
