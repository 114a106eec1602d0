import { readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/**
 * Where a path leads when every link on the way is followed, also one to a place that is not there yet. What is not there
 * keeps its name.
 *
 * @param links how many more are followed, as systems bound them
 */
export function realPath(path: string, links = 40): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    if (parent === path || links === 0) return path;
    const folder = realPath(parent, links - 1);
    const target = targetOf(join(folder, basename(path)));
    return target === undefined ? join(folder, basename(path)) : realPath(resolve(folder, target), links - 1);
  }
}

function targetOf(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}
