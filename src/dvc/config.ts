import { isAbsolute, join, posix, win32 } from 'node:path';
import { HelperError } from '../model/error.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { printable } from '../report/printable.ts';
import {
  type ConfigLayer,
  createMerged,
  levels,
  type Merged,
  type MergeOptions,
  refusalWarnings,
  takeLayer,
} from './config-layer.ts';
import { buildRemotes, plainText, typed } from './config-remotes.ts';

export type { ConfigLayer, MergeOptions };

const allLinkTypes = ['reflink', 'hardlink', 'symlink', 'copy'] as const;
export type LinkType = (typeof allLinkTypes)[number];

export interface Config {
  /** Absolute. */
  readonly cacheDirectory: string;
  readonly cacheShared: 'group' | undefined;
  /** How files get from the cache into the work tree: what the first of them cannot do, the next does. */
  readonly linkTypes: readonly LinkType[];
  /** Name of the default storage remote, lower case; it need not be configured. */
  readonly defaultRemote: string | undefined;
  /** `exp.git_remote`, name or URL of a Git remote, and whether it came with the repository, so from a stranger. */
  readonly experimentRemote: { readonly address: string; readonly committed: boolean } | undefined;
  /** By name, lower case. */
  readonly remotes: ReadonlyMap<string, StorageConfig>;
  /** Remotes that cannot work, with what is wrong; see requireRemote. */
  readonly broken: ReadonlyMap<string, HelperError>;
  /** For people, one line each. */
  readonly warnings: readonly string[];
  /** Keys that were not understood and do no harm, one line each; worth a line when somebody asks for details. */
  readonly ignored: readonly string[];
}

/**
 * Merges the layers key by key, the later level over the earlier, as DVC does; but from the committed layer only
 * what a stranger may say. Throws `config`, naming file and line, when a layer cannot be parsed or the cache or the
 * default remote is not understood; a remote that cannot work is only reported when it is asked for.
 */
export function mergeConfig(layers: readonly ConfigLayer[], options: MergeOptions): Config {
  const merged = createMerged();
  const ordered = [...layers].sort((one, other) => levels.indexOf(one.level) - levels.indexOf(other.level));
  for (const layer of ordered) takeLayer(layer, merged, options);
  const { remotes, broken, warnings } = buildRemotes(merged.remotes);
  return {
    cacheDirectory: cacheDirectory(merged, options),
    cacheShared: cacheShared(merged),
    linkTypes: linkTypes(merged),
    defaultRemote: defaultRemote(merged),
    experimentRemote: experimentRemote(merged),
    remotes,
    broken,
    warnings: [...merged.warnings, ...refusalWarnings(merged), ...warnings],
    ignored: merged.ignored,
  };
}

/** The storage remote of this name. Throws `config` when there is none or it cannot work. */
export function requireRemote(config: Config, name: string): StorageConfig {
  const remote = config.remotes.get(name.toLowerCase());
  if (remote !== undefined) return remote;
  const broken = config.broken.get(name.toLowerCase());
  if (broken !== undefined) throw broken;
  const known = [...config.remotes.keys()].map((other) => `'${printable(other)}'`).join(', ');
  throw new HelperError('config', `storage remote '${printable(name)}' is not configured`, {
    hints: [`dvc remote add ${typed(name)} <url>`, ...(known === '' ? [] : [`configured are ${known}`])],
  });
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The two configuration files that belong to no repository, as platformdirs places them for DVC. `platform` is
 * Node's `process.platform`. They need not exist.
 */
export function configLayerPaths(
  env: Env,
  platform: string,
  home: string,
): { readonly system: string; readonly global: string } {
  const path = platform === 'win32' ? win32 : posix;
  const [system, global] = platformDirectories(env, platform, home);
  return {
    system: path.join(env.DVC_SYSTEM_CONFIG_DIR || system, 'config'),
    global: path.join(env.DVC_GLOBAL_CONFIG_DIR || global, 'config'),
  };
}

function platformDirectories(env: Env, platform: string, home: string): readonly [string, string] {
  if (platform === 'win32') {
    const shared = env.PROGRAMDATA || env.ALLUSERSPROFILE || 'C:\\ProgramData';
    const own = env.LOCALAPPDATA || win32.join(home, 'AppData', 'Local');
    return [win32.join(shared, 'iterative', 'dvc'), win32.join(own, 'iterative', 'dvc')];
  }
  const mac = platform === 'darwin';
  // The XDG specification has relative entries ignored; platformdirs asks these variables on macOS too.
  const shared = (env.XDG_CONFIG_DIRS ?? '').split(':').find((entry) => posix.isAbsolute(entry));
  const own = posix.isAbsolute(env.XDG_CONFIG_HOME ?? '') ? env.XDG_CONFIG_HOME : undefined;
  return [
    posix.join(shared ?? (mac ? '/Library/Application Support' : '/etc/xdg'), 'dvc'),
    posix.join(own ?? posix.join(home, mac ? 'Library/Application Support' : '.config'), 'dvc'),
  ];
}

function cacheDirectory(merged: Merged, options: MergeOptions): string {
  const setting = merged.cache.get('dir');
  const directory = setting === undefined ? '' : plainText(setting, `'cache.dir'`);
  if (merged.cache.has('local')) {
    merged.warnings.push(
      `ignoring 'cache.local' of ${merged.cache.get('local')?.where}: old configuration (use 'cache.dir')`,
    );
  }
  if (setting === undefined || directory === '') return join(options.projectDirectory, '.dvc', 'cache');
  if (!isAbsolute(directory)) {
    throw new HelperError('config', `${setting.where}: 'cache.dir' is not a path of this machine`, {
      hints: ['dvc cache dir --local <directory>'],
    });
  }
  return directory;
}

function cacheShared(merged: Merged): 'group' | undefined {
  const setting = merged.cache.get('shared');
  if (setting === undefined) return undefined;
  if (typeof setting.value === 'string' && setting.value.toLowerCase() === 'group') return 'group';
  merged.warnings.push(`ignoring 'cache.shared' of ${setting.where}: the only value is 'group'`);
  return undefined;
}

function linkTypes(merged: Merged): readonly LinkType[] {
  const setting = merged.cache.get('type');
  if (setting === undefined) return ['reflink', 'copy'];
  const words = (typeof setting.value === 'string' ? setting.value.split(',') : setting.value).map((word) =>
    word.trim().toLowerCase(),
  );
  const known = words.flatMap((word) => allLinkTypes.find((type) => type === word) ?? []);
  if (known.length === words.length) return known;
  // DVC gives up. Whoever moves data only need not care.
  merged.ignored.push(`'cache.type' of ${setting.where}: known are ${allLinkTypes.join(', ')}`);
  return known.length > 0 ? known : ['reflink', 'copy'];
}

function defaultRemote(merged: Merged): string | undefined {
  const setting = merged.core.get('remote');
  // An empty name is how a layer takes back what a lower one said.
  return setting === undefined ? undefined : plainText(setting, `'core.remote'`).toLowerCase() || undefined;
}

function experimentRemote(merged: Merged): Config['experimentRemote'] {
  const setting = merged.exp.get('git_remote');
  const address = setting === undefined ? '' : plainText(setting, `'exp.git_remote'`);
  return setting === undefined || address === '' ? undefined : { address, committed: setting.committed };
}
