import type { Cache } from '../dvc/cache.ts';
import { openCache } from '../dvc/cache.ts';
import { createCollector } from '../dvc/collector.ts';
import type { LinkType } from '../dvc/config.ts';
import type { Output, Problem } from '../dvc/outputs.ts';
import { withoutFetching } from '../experiments/commits.ts';
import { openRepository } from '../git/repository.ts';
import { openWorkTreeReader } from '../git/work-tree-reader.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { openProjects } from '../transfer/projects.ts';
import type { CommandContext } from './context.ts';
import type { CommandRepository } from './repository.ts';

/** What belongs to DVC in a work tree, and what tells where. */
export const metafilePatterns: readonly string[] = ['dvc.yaml', 'dvc.lock', '.dvcignore', '*.dvc', '.dvc/config'].map(
  (name) => `:(top,glob)**/${name}`,
);

/** A DVC project as it stands in the work tree. */
export interface WorkTreeProject {
  /** From the top of the repository, '' for the top itself. */
  readonly root: string;
  readonly cache: Cache;
  readonly linkTypes: readonly LinkType[];
  readonly outputs: readonly Output[];
}

export interface WorkTreeOutputs {
  readonly projects: readonly WorkTreeProject[];
  /** Metafiles and configurations that cannot be used. */
  readonly problems: readonly Problem[];
  /** Of the DVC configuration, one line each. */
  readonly warnings: readonly string[];
}

/** The outputs that the metafiles of the work tree tell of, in all its DVC projects. Throws `usage` where there is no work tree. */
export async function workTreeOutputs(
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): Promise<WorkTreeOutputs> {
  const { location, git, configuration } = repository;
  if (location.workTree === undefined) throw new HelperError('usage', 'a bare repository has no work tree');
  const tree = await openWorkTreeReader(location.workTree, metafilePatterns, git);
  const found = await createCollector(tree.files, tree.listed).projects(tree.rootId);
  const warnings: string[] = [];
  const fsyncObjects = /(?:^|,)\s*(?:all|loose-object|objects)\b/.test(configuration.get('core.fsync') ?? '');
  const options = { ...context, location, remote: undefined, fsyncObjects };
  const objects = openRepository({ ...withoutFetching(git), cwd: git.cwd, signal: operation.signal });
  try {
    const settings = openProjects(objects, { ...options, warn: (warning) => warnings.push(warning) });
    const projects: WorkTreeProject[] = [];
    const problems: Problem[] = [];
    for (const { root, config, outputs, problems: own } of found) {
      problems.push(...own);
      const settled = await settings.configure(root, config);
      if (settled instanceof HelperError) {
        problems.push({ path: root === '' ? '.dvc/config' : `${root}/.dvc/config`, message: settled.message });
        continue;
      }
      const cache = openCache(settled.cacheDirectory, { shared: settled.cacheShared, fsyncObjects });
      projects.push({ root, cache, linkTypes: settled.linkTypes, outputs });
    }
    return { projects, problems, warnings };
  } finally {
    await objects.close();
  }
}
