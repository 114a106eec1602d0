import { randomBytes } from 'node:crypto';
import type { Link, Task } from './link.ts';

/** The names under which objects are written on the server until they are whole. */
export interface Temporaries {
  /** A new path in the folder, which ends in a slash. */
  create(folder: string): string;
  /** Its connection was lost before it could be removed. */
  leave(path: string): void;
  readonly left: boolean;
  /** Removes over another connection what was left. Never rejects. */
  tidy(link: Link): Promise<void>;
}

// Ends in `.tmp`, as DVC's own do, which every reader of such a directory skips; the middle says that it is ours.
const pattern = /^\.[\w-]{22}\.dvcexp\.tmp$/;
/** Nobody writes to one file for so long without a byte; clocks may differ by some of it. */
const staleMs = 24 * 60 * 60 * 1000;

export function openTemporaries(): Temporaries {
  const left = new Set<string>();
  return {
    create: (folder) => `${folder}.${randomBytes(16).toString('base64url')}.dvcexp.tmp`,
    leave: (path) => void left.add(path),
    get left() {
      return left.size > 0;
    },
    async tidy(link) {
      const paths = [...left];
      left.clear();
      const task = link.begin(new AbortController().signal);
      await Promise.all(paths.map((path) => task.tidy((sftp, done) => sftp.unlink(path, done))));
      task.end();
      if (link.lost !== undefined) for (const path of paths) left.add(path);
    },
  };
}

/**
 * Removes a file that a killed run of this program left, whoever's it was.
 *
 * @param modified as the server tells it, seconds since 1970
 */
export async function removeStale(task: Task, folder: string, name: string, modified: number): Promise<void> {
  if (!pattern.test(name) || Date.now() - modified * 1000 < staleMs) return;
  await task.tidy((sftp, done) => sftp.unlink(`${folder}${name}`, done));
}
