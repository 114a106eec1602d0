import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../git/process.ts';
import { isTracked } from '../git/tracked.ts';
import { printable } from '../report/printable.ts';

/** The `config.local` of one project: the user's own, or what a repository would like to be taken for that. */
export interface OwnLayer {
  /** undefined: there is none that counts. */
  readonly path: string | undefined;
  /** For people. */
  readonly warning: string | undefined;
}

/**
 * Finds `config.local`. All rules about what a stranger may say rest on a clone not being able to write it, so one that
 * Git tracks does not count; links are followed first, for a folder that is one.
 *
 * @param directory `.dvc` of the project
 */
export async function findOwnLayer(directory: string, env: Environment): Promise<OwnLayer> {
  const path = join(directory, 'config.local');
  let real: string;
  try {
    real = realpathSync(path);
  } catch {
    return { path: undefined, warning: undefined };
  }
  if (!(await isTracked(real, { env }))) return { path, warning: undefined };
  const remedy = 'git rm --cached .dvc/config.local';
  const warning = `ignoring '${printable(path)}': Git tracks it, so that it is not this machine's own (${remedy})`;
  return { path: undefined, warning };
}
