import { posix } from 'node:path';
import { HelperError } from '../model/error.ts';
import type { GitOid, ObjectReader } from '../model/git.ts';
import { type CommitTree, createCommitTree } from './commit-tree.ts';
import { createIgnoreRules, type IgnoreRules } from './ignore.ts';
import { createInventory, type Folder, isMetafile } from './inventory.ts';
import { createMetafiles, type Found, type Metafiles } from './metafiles.ts';
import type { Output, Problem, Project } from './outputs.ts';

/** Finds the DVC outputs of commits. What commits share, folders and metafiles alike, is read once. */
export interface Collector {
  /**
   * Every DVC project of a commit, parents before their subdirectories. What cannot be understood is among a
   * project's problems. Throws `missing` when the repository lacks an object, `corrupt` for a tree nobody can check out.
   *
   * @param tree root tree of the commit
   */
  projects(tree: GitOid): Promise<readonly Project[]>;
}

/** A few trees that contain each other can stand for more paths than there is time for. */
const mostMetafiles = 1_000_000;

/**
 * @param reader all files, also those that templates take values from
 * @param listed the files among which metafiles are looked for, if not among all; IDs of trees are the same in both
 */
export function createCollector(reader: ObjectReader, listed: ObjectReader = reader): Collector {
  const inventory = createInventory(listed);
  const metafiles = createMetafiles(reader);
  const configs = new Map<GitOid, Promise<Uint8Array | undefined>>();
  const configOf = ({ dvc }: Folder): Promise<Uint8Array | undefined> => {
    if (dvc === undefined) return Promise.resolve(undefined);
    const reading = configs.get(dvc) ?? readConfig(dvc, reader);
    configs.set(dvc, reading);
    return reading;
  };
  return {
    async projects(tree) {
      const top = await inventory.folder(tree);
      if (top.count > mostMetafiles)
        throw new HelperError('corrupt', `tree ${tree} has more than ${mostMetafiles} DVC files`);
      const commit = createCommitTree(reader, tree);
      const projects: Project[] = [];
      for (const { root, folder } of findRoots(top, '')) {
        projects.push(await collectProject(root, folder, { reader, metafiles, commit, configOf }));
      }
      return projects;
    },
  };
}

/** A DVC project of a commit. */
export interface Root {
  readonly root: string;
  readonly folder: Folder;
}

/** The projects of a commit, parents before their subdirectories. `path` is '' for its top. */
export function* findRoots(folder: Folder, path: string): Iterable<Root> {
  if (folder.dvc !== undefined) yield { root: path, folder };
  for (const [name, below] of folder.folders) yield* findRoots(below, posix.join(path, name));
}

interface Sources {
  readonly reader: ObjectReader;
  readonly metafiles: Metafiles;
  readonly commit: CommitTree;
  /** `.dvc/config` of a project. */
  configOf(top: Folder): Promise<Uint8Array | undefined>;
}

const readAtOnce = 64;

async function collectProject(root: string, top: Folder, sources: Sources): Promise<Project> {
  const found = await findMetafiles(root, top, sources);
  const outputs: Output[] = [];
  const problems: Problem[] = [];
  for (let at = 0; at < found.length; at += readAtOnce) {
    const harvests = found.slice(at, at + readAtOnce).map((each) => sources.metafiles.read(each, sources.commit));
    for (const harvest of await Promise.all(harvests)) {
      for (const output of harvest.outputs) outputs.push(output);
      for (const problem of harvest.problems) problems.push(problem);
    }
  }
  return { root, config: await sources.configOf(top), outputs, problems };
}

/** The metafiles of a project that are not ignored, other projects below it left out. */
export async function findMetafiles(
  root: string,
  top: Folder,
  sources: Pick<Sources, 'reader' | 'commit'>,
): Promise<readonly Found[]> {
  const found: Found[] = [];
  const walk = async (folder: Folder, path: string, above: IgnoreRules): Promise<void> => {
    const inProject = root === '' ? path : path.slice(root.length + 1);
    const rules = await rulesOf(folder, path, inProject, above, sources);
    const visible = folder.files.filter(({ name }) => !rules.ignores(posix.join(inProject, name), false));
    const lock = visible.find(({ name }) => name === 'dvc.lock');
    for (const entry of visible) {
      if (isMetafile(entry.name)) found.push({ entry, lock, place: { file: posix.join(path, entry.name), root } });
    }
    for (const [name, below] of folder.folders) {
      if (below.dvc === undefined && !rules.ignores(posix.join(inProject, name), true))
        await walk(below, posix.join(path, name), rules);
    }
  };
  await walk(top, root, createIgnoreRules());
  return found;
}

/** The rules for what is in a folder: those from above and of its own `.dvcignore`, unless that is ignored itself. */
async function rulesOf(
  folder: Folder,
  path: string,
  inProject: string,
  above: IgnoreRules,
  { reader, commit }: Pick<Sources, 'reader' | 'commit'>,
): Promise<IgnoreRules> {
  const own = folder.files.find(({ name }) => name === '.dvcignore');
  if (own === undefined || above.ignores(posix.join(inProject, own.name), false)) return above;
  const blob = own.kind === 'file' ? own.oid : await commit.find(posix.join(path, own.name));
  if (blob === undefined) return above;
  return above.below(inProject, Buffer.from(await reader.blob(blob)).toString('utf8'));
}

/** @param dvc tree of the folder `.dvc` */
async function readConfig(dvc: GitOid, reader: ObjectReader): Promise<Uint8Array | undefined> {
  const config = (await reader.tree(dvc)).find(({ name, kind }) => name === 'config' && kind === 'file');
  return config === undefined ? undefined : reader.blob(config.oid);
}
