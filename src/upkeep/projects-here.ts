import type { Cache } from '../dvc/cache.ts';
import { createCollector } from '../dvc/collector.ts';
import { type Config, requireRemote } from '../dvc/config.ts';
import type { Project } from '../dvc/outputs.ts';
import { openWorkTreeReader } from '../git/work-tree-reader.ts';
import { HelperError } from '../model/error.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import type { Session } from '../transfer/context.ts';
import type { GitOptions } from './commits.ts';

/** What belongs to DVC in a work tree, and what tells where. */
const metafiles = ['dvc.yaml', 'dvc.lock', '.dvcignore', '*.dvc', '.dvc/config', '.dvc/.gitignore'].map(
  (name) => `:(top,glob)**/${name}`,
);

/** The DVC projects in a work tree as it is now, committed or not. Ignored metafiles are none, as in DVC. */
export async function projectsIn(workTree: string, git: GitOptions): Promise<readonly Project[]> {
  const tree = await openWorkTreeReader(workTree, metafiles, git);
  // Templates may name files that are not among these.
  const reader = { tree: tree.listed.tree, blob: tree.files.blob };
  return createCollector(reader).projects(tree.rootId);
}

/** A DVC project of this repository, with what counts for it on this machine. */
export interface ProjectHere {
  readonly root: string;
  readonly config: Config;
  readonly cache: Cache | undefined;
}

/** Those of the work tree; in a bare repository those of HEAD. Throws `usage` when there is none, `config` for one that cannot be used. */
export async function projectsHere(
  { projects, repository, location }: Pick<Session, 'projects' | 'repository' | 'location'>,
  git: GitOptions,
): Promise<readonly ProjectHere[]> {
  const { workTree } = location;
  const head = workTree === undefined ? await repository.resolve('HEAD') : undefined;
  const found: readonly Pick<Project, 'root' | 'config'>[] =
    workTree !== undefined
      ? await projectsIn(workTree, git)
      : head === undefined
        ? []
        : (await projects.of(head)).projects;
  const here: ProjectHere[] = [];
  for (const { root, config: committed } of found) {
    const config = await projects.configure(root, committed);
    if (config instanceof HelperError) throw config;
    here.push({ root, config, cache: await projects.cacheFor(root, committed) });
  }
  if (here.length > 0) return here;
  throw new HelperError('usage', 'there is no DVC project in this repository', {
    hints: ["a project has a '.dvc' directory: dvc init"],
  });
}

/** Distinct caches of the projects. */
export function cachesOf(projects: readonly ProjectHere[]): readonly Cache[] {
  return [
    ...new Map(projects.flatMap(({ cache }) => (cache === undefined ? [] : [[cache.directory, cache]]))).values(),
  ];
}

/** Default storage remotes of the projects. */
export function defaultStorages(projects: readonly ProjectHere[], named: string | undefined): readonly StorageConfig[] {
  return projects.flatMap(({ config }) => config.remotes.get(named ?? config.defaultRemote ?? '') ?? []);
}
/** The storage remote of this name, of every project that has it. Throws `config` when none has. */
export function storagesNamed(name: string, projects: readonly ProjectHere[]): readonly StorageConfig[] {
  const found = projects.flatMap(({ config }) => config.remotes.get(name.toLowerCase()) ?? []);
  const [first] = projects;
  return found.length > 0 || first === undefined ? found : [requireRemote(first.config, name)];
}
