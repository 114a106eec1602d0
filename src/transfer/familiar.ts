import type { Repository } from '../git/repository.ts';
import { HelperError } from '../model/error.ts';
import type { GitOid } from '../model/git.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import type { Projects } from './projects.ts';

/**
 * The storage remotes that this clone counts as known when it has met none: all those of the commit that is checked
 * out, or else of the first of `commits` that has any. A later commit that names another place is then a change.
 */
export async function familiarRemotes(
  commits: readonly GitOid[],
  repository: Repository,
  projects: Projects,
): Promise<readonly StorageConfig[]> {
  const head = await repository.resolve('HEAD');
  for (const commit of head === undefined ? commits : [head, ...commits]) {
    const remotes: StorageConfig[] = [];
    for (const { root, config } of (await projects.of(commit)).projects) {
      const settled = await projects.configure(root, config);
      if (!(settled instanceof HelperError)) remotes.push(...settled.remotes.values());
    }
    if (remotes.some(({ committed }) => committed.size > 0)) return remotes;
  }
  return [];
}
