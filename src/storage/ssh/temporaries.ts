import { isLeftOver, temporaryName } from '../temporary.ts';
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

export function openTemporaries(): Temporaries {
  const left = new Set<string>();
  return {
    create: (folder) => folder + temporaryName(),
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
  if (!isLeftOver(name, modified * 1000)) return;
  await task.tidy((sftp, done) => sftp.unlink(`${folder}${name}`, done));
}
