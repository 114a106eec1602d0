import { lstatSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { isInside } from '../dvc/config-paths.ts';
import type { Environment } from '../git/process.ts';
import { isTracked } from '../git/tracked.ts';
import { HelperError } from '../model/error.ts';
import { realPath } from '../model/real-path.ts';
import { printable } from '../report/printable.ts';

/**
 * A person may put a link in the place of the cache, to a larger disk. A repository that brings one would choose where
 * on this machine we write: throws `config` where a link that Git tracks leads out of the work tree, or into Git's own folder.
 *
 * @param directory the cache's, absolute
 */
export async function requireOwnCache(directory: string, workTree: string, env: Environment): Promise<void> {
  if (!isInside(directory, workTree)) return;
  const top = realPath(workTree);
  const real = realPath(directory);
  if (isInside(real, top) && !relative(top, real).split(sep).some(isGits)) return;
  let path = top;
  for (const part of relative(workTree, directory).split(sep)) {
    path = join(path, part);
    if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() !== true) continue;
    if (await isTracked(path, { env })) throw strayed(path, real);
    path = realPath(path);
  }
}

const isGits = (part: string): boolean => part.toLowerCase() === '.git';

function strayed(link: string, real: string): HelperError {
  const text = `'${printable(link)}' comes with the repository and leads to '${printable(real)}': no cache is kept there`;
  return new HelperError('config', text, {
    hints: ['name a cache on this machine: dvc cache dir --local <directory>'],
  });
}
