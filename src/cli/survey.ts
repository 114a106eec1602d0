import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { type Config, requireRemote } from '../dvc/config.ts';
import { openRepository } from '../git/repository.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import type { Settings } from '../model/settings.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { identityOf } from '../transfer/plan.ts';
import { openProjects, type Projects } from '../transfer/projects.ts';
import type { CommandContext } from './context.ts';
import type { CommandRepository } from './repository.ts';

/** A storage remote, or why it cannot be used; undefined: none is configured. */
export type Destination = StorageConfig | HelperError | undefined;

export interface SurveyedProject {
  /** From the top of the repository, '' for the top itself. */
  readonly root: string;
  /** `committed`: HEAD has it. `new`: only the work tree has. */
  readonly state: 'committed' | 'new';
  /** Where the next push sends its data: what the configuration in HEAD says, of a new project that of the work tree. */
  readonly storage: Destination;
  /** What the work tree's `.dvc/config` would make of it once committed, where that is something else; else undefined. */
  readonly uncommitted: StorageConfig | undefined;
}

/** Where the data of a repository goes, by the commit that is checked out. Nothing outside of this machine was asked. */
export interface Survey {
  readonly projects: readonly SurveyedProject[];
  /** Storage remotes that are in use: of the outputs of HEAD, and the default ones. Each once. */
  readonly storages: readonly StorageConfig[];
  /** What stands in the way of outputs of HEAD, each once. */
  readonly problems: readonly HelperError[];
  /** Outputs of HEAD whose data has no storage remote to go to. */
  readonly homeless: number;
  /** Of the DVC configuration, such as keys that a committed file may not set; one line each. */
  readonly warnings: readonly string[];
}

/** Reads HEAD as a push would. Throws `missing` where a partial clone lacks what that takes. */
export async function surveyRepository(
  repository: CommandRepository,
  settings: Settings,
  context: CommandContext,
  operation: Operation,
): Promise<Survey> {
  const { git, location } = repository;
  // To look into a repository is no reason to ask its Git remote for objects, or a person for a password.
  const env = { ...git.env, GIT_NO_LAZY_FETCH: '1', GIT_TERMINAL_PROMPT: '0' };
  const objects = openRepository({ cwd: git.cwd, env, signal: operation.signal });
  const warnings: string[] = [];
  try {
    const projects = openProjects(objects, {
      ...context,
      location,
      remote: settings.remote,
      fsyncObjects: false,
      warn: (warning) => warnings.push(warning),
    });
    const commit = await objects.resolve('HEAD');
    const data = commit === undefined ? undefined : await projects.of(commit);
    const committed: SurveyedProject[] = [];
    for (const project of data?.projects ?? []) {
      committed.push(await survey(project, 'committed', projects, repository, settings));
    }
    const fresh: SurveyedProject[] = [];
    for (const root of newProjects(committed, repository)) {
      const project = { root, config: workTreeConfig(root, repository) };
      fresh.push(await survey(project, 'new', projects, repository, settings));
    }
    const all = [...committed, ...fresh];
    const places = (data?.outputs ?? []).map(({ place }) => place);
    const used = [
      ...places.map((place) => (place instanceof HelperError ? place : place?.storage)),
      ...all.map(({ storage }) => storage),
    ];
    const unreadable = (data?.problems ?? []).map(
      ({ path, message }) => new HelperError('config', `cannot tell which data '${path}' needs: ${message}`),
    );
    return {
      projects: all,
      storages: distinct(used.filter(isStorage), (storage) => identityOf(storage, undefined)),
      problems: distinct(
        [...used.filter((each) => each instanceof HelperError), ...unreadable],
        ({ message }) => message,
      ),
      homeless: places.filter((place) => place === undefined).length,
      warnings,
    };
  } finally {
    await objects.close();
  }
}

async function survey(
  project: { readonly root: string; readonly config: Uint8Array | undefined },
  state: SurveyedProject['state'],
  projects: Projects,
  repository: CommandRepository,
  settings: Settings,
): Promise<SurveyedProject> {
  const destination = async (config: Uint8Array | undefined): Promise<Destination> =>
    defaultStorage(await projects.configure(project.root, config), settings);
  const storage = await destination(project.config);
  const here = workTreeConfig(project.root, repository);
  const isOther = here !== undefined && !here.equals(project.config ?? Buffer.alloc(0));
  const changed = isOther ? await destination(here) : undefined;
  const other =
    isStorage(changed) && !(isStorage(storage) && identityOf(storage, undefined) === identityOf(changed, undefined));
  return { root: project.root, state, storage, uncommitted: other ? changed : undefined };
}

/** What counts for a project of the work tree, as it stands there; undefined: it has no project there. */
export async function projectConfig(
  root: string | undefined,
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): Promise<Config | HelperError | undefined> {
  if (root === undefined) return undefined;
  const objects = openRepository({ ...repository.git, signal: operation.signal });
  const { location } = repository;
  const options = { ...context, location, remote: undefined, fsyncObjects: false, warn: () => undefined };
  return await openProjects(objects, options).configure(root, workTreeConfig(root, repository));
}

function defaultStorage(config: Config | HelperError, settings: Settings): Destination {
  if (config instanceof HelperError) return config;
  const name = settings.remote ?? config.defaultRemote;
  if (name === undefined) return undefined;
  try {
    return requireRemote(config, name);
  } catch (error) {
    if (error instanceof HelperError) return error;
    throw error;
  }
}

function isStorage(destination: Destination): destination is StorageConfig {
  return destination !== undefined && !(destination instanceof HelperError);
}

function workTreeConfig(root: string, { location }: CommandRepository): Buffer | undefined {
  if (location.workTree === undefined) return undefined;
  try {
    return readFileSync(join(location.workTree, root, '.dvc', 'config'));
  } catch {
    return undefined;
  }
}

/** Projects between the current directory and the top of the work tree that HEAD has not. */
function newProjects(
  committed: readonly SurveyedProject[],
  { location: { workTree }, git: { cwd } }: CommandRepository,
): readonly string[] {
  const roots: string[] = [];
  if (workTree === undefined) return roots;
  for (let folder = realpathSync(cwd); ; folder = dirname(folder)) {
    const root = relative(workTree, folder).split(sep).join('/');
    if (root.startsWith('..')) return roots;
    if (existsSync(join(folder, '.dvc')) && !committed.some((project) => project.root === root)) roots.push(root);
    if (root === '') return roots;
  }
}

function distinct<T>(items: readonly T[], nameOf: (item: T) => string): readonly T[] {
  return [...new Map(items.map((item) => [nameOf(item), item])).values()];
}
