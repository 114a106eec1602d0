import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cache, openCache } from '../dvc/cache.ts';
import { createCollector } from '../dvc/collector.ts';
import { type Config, type ConfigLayer, configLayerPaths, mergeConfig, requireRemote } from '../dvc/config.ts';
import type { Output, Problem } from '../dvc/outputs.ts';
import type { Repository } from '../git/repository.ts';
import type { RepositoryLocation } from '../git/work-tree.ts';
import { HelperError } from '../model/error.ts';
import type { GitOid } from '../model/git.ts';
import { isCloudVersioned } from '../model/storage-config.ts';
import { requireOwnCache } from './own-cache.ts';
import { findOwnLayer, type OwnLayer } from './own-layer.ts';
import type { PlacedOutput, RunPlace } from './placed-output.ts';
import { versionsAt } from './versions.ts';

export interface CommitData {
  readonly outputs: readonly PlacedOutput[];
  readonly problems: readonly Problem[];
  /** The DVC projects of the commit: where they are, from the top of the repository, and their `.dvc/config`. */
  readonly projects: readonly ProjectOfCommit[];
}

interface ProjectOfCommit {
  readonly root: string;
  readonly config: Uint8Array | undefined;
  /** Outputs that are never pushed or have a storage remote of their own, computed or not. */
  readonly apart: readonly Output[];
}

export interface Projects {
  /** Outputs of every DVC project of a commit, with the configuration that counts for that commit. */
  of(commit: GitOid): Promise<CommitData>;
  /** The run caches of a commit's DVC projects. Projects without a usable default storage remote have none to share. */
  runPlaces(commit: GitOid): Promise<readonly RunPlace[]>;
  /** What counts for a project whose own `.dvc/config` is `config`. An error: it cannot be used. */
  configure(root: string, config: Uint8Array | undefined): Promise<Config | HelperError>;
  /** The cache of such a project; undefined in a bare repository without a configured one, and where the configuration cannot be used. */
  cacheFor(root: string, config: Uint8Array | undefined): Promise<Cache | undefined>;
}

export interface ProjectsOptions {
  readonly location: RepositoryLocation;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly home: string;
  /** Storage remote that takes the place of `core.remote`. */
  readonly remote: string | undefined;
  readonly fsyncObjects: boolean;
  /** Called once for each distinct warning. */
  readonly warn: (warning: string) => void;
}

/** The configuration of a project: the commit's own `.dvc/config`, with this machine's layers around it. */
interface Settled {
  readonly config: Config | HelperError;
  readonly cache: Cache | undefined;
}

export function openProjects(repository: Repository, options: ProjectsOptions): Projects {
  const collector = createCollector(repository);
  const readLayer = (level: ConfigLayer['level'], path: string, directory: string): readonly ConfigLayer[] => {
    try {
      return [{ level, text: readFileSync(path, 'utf8'), path, directory }];
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
      throw new HelperError('config', `cannot read '${path}'`, { cause: error });
    }
  };
  const machine = configLayerPaths(options.env, options.platform, options.home);
  const machineLayers = (): readonly ConfigLayer[] => [
    ...readLayer('system', machine.system, join(machine.system, '..')),
    ...readLayer('global', machine.global, join(machine.global, '..')),
  ];
  const settled = new Map<string, Promise<Settled>>();
  const warned = new Set<string>();
  const caches = new Map<string, Cache>();

  const warn = (warning: string): void => {
    if (!warned.has(warning)) options.warn(warning);
    warned.add(warning);
  };
  const ownLayers = new Map<string, Promise<OwnLayer>>();
  const ownLayer = async (dvc: string): Promise<readonly ConfigLayer[]> => {
    if (options.location.workTree === undefined) return [];
    const finding = ownLayers.get(dvc) ?? findOwnLayer(dvc, options.env);
    ownLayers.set(dvc, finding);
    const { path, warning } = await finding;
    if (warning !== undefined) warn(warning);
    return path === undefined ? [] : readLayer('local', path, dvc);
  };
  const settle = (root: string, committed: Uint8Array | undefined): Promise<Settled> => {
    const text = committed === undefined ? '' : Buffer.from(committed).toString('utf8');
    const key = `${root}\0${text}`;
    const settling = settled.get(key) ?? merge(root, text);
    settled.set(key, settling);
    return settling;
  };

  const merge = async (root: string, text: string): Promise<Settled> => {
    const top = options.location.workTree ?? options.location.gitDirectory;
    const project = join(top, root);
    const dvc = join(project, '.dvc');
    try {
      const config = mergeConfig(
        [
          ...machineLayers(),
          { level: 'repo', text, path: join(root, '.dvc/config'), directory: dvc },
          ...(await ownLayer(dvc)),
        ],
        { projectDirectory: project, home: options.home, workTree: top },
      );
      for (const warning of config.warnings) warn(warning);
      if (options.location.workTree !== undefined) await requireOwnCache(config.cacheDirectory, top, options.env);
      // A bare repository has no project directory: only a cache configured elsewhere exists for it.
      const homeless = options.location.workTree === undefined && config.cacheDirectory.startsWith(dvc);
      return { config, cache: homeless ? undefined : cacheOf(config) };
    } catch (error) {
      if (!(error instanceof HelperError)) throw error;
      return { config: error, cache: undefined };
    }
  };

  const cacheOf = (config: Config): Cache => {
    const known = caches.get(config.cacheDirectory);
    if (known !== undefined) return known;
    const cache = openCache(config.cacheDirectory, { shared: config.cacheShared, fsyncObjects: options.fsyncObjects });
    caches.set(config.cacheDirectory, cache);
    return cache;
  };

  const place = (output: Output, root: string, { config, cache }: Settled): PlacedOutput => {
    const nowhere = (why: HelperError | undefined): PlacedOutput => ({
      output,
      place: why,
      cache,
      root,
      versions: undefined,
    });
    if (config instanceof HelperError) return nowhere(config);
    const name = output.remote ?? options.remote ?? config.defaultRemote;
    if (name === undefined) return nowhere(undefined);
    try {
      const storage = requireRemote(config, name);
      const versions = isCloudVersioned(storage) ? versionsAt(output, storage, config) : undefined;
      return { output, place: { storage, cache }, cache, root, versions };
    } catch (error) {
      if (error instanceof HelperError) return nowhere(error);
      throw error;
    }
  };

  const byTree = new Map<GitOid, Promise<CommitData>>();
  const collect = async (tree: GitOid): Promise<CommitData> => {
    const projects = await collector.projects(tree);
    const outputs: PlacedOutput[] = [];
    for (const project of projects) {
      const around = await settle(project.root, project.config);
      for (const output of project.outputs) {
        if (output.cache && (output.object !== undefined || output.versioned !== undefined)) {
          outputs.push(place(output, project.root, around));
        }
      }
    }
    return {
      outputs,
      problems: projects.flatMap((project) => project.problems),
      projects: projects.map(({ root, config, outputs: all }) => ({ root, config, apart: all.filter(isApart) })),
    };
  };

  const read = async (commit: GitOid): Promise<CommitData> => {
    const { tree } = await repository.commit(commit);
    const known = byTree.get(tree);
    if (known !== undefined) return known;
    const data = collect(tree);
    byTree.set(tree, data);
    return data;
  };
  // A plan asks once more for what was looked at before, one commit after the other: each would be a question to Git.
  const byCommit = new Map<GitOid, Promise<CommitData>>();
  const of = (commit: GitOid): Promise<CommitData> => {
    const reading = byCommit.get(commit) ?? read(commit);
    byCommit.set(commit, reading);
    return reading;
  };

  return {
    configure: async (root, config) => (await settle(root, config)).config,
    cacheFor: async (root, config) => (await settle(root, config)).cache,
    of,
    async runPlaces(commit) {
      const { projects } = await of(commit);
      const places: RunPlace[] = [];
      for (const { root, config: committed, apart } of projects) {
        const { config, cache } = await settle(root, committed);
        if (config instanceof HelperError || cache === undefined) continue;
        const storage = config.remotes.get(options.remote ?? config.defaultRemote ?? '');
        if (storage !== undefined) places.push({ storage, cache, apart });
      }
      return places;
    },
  };
}

const isApart = ({ push, remote }: Output): boolean => !push || remote !== undefined;
