import { isAbsolute, join } from 'node:path';
import { HelperError } from '../model/error.ts';
import { isCloudVersioned, type StorageConfig } from '../model/storage-config.ts';
import { conceal } from '../report/conceal.ts';
import { displayUrl, printable } from '../report/printable.ts';
import { placeKeys, remoteOptions, secretKeys } from './config-options.ts';
import { isNetworkShare, isUrl } from './config-paths.ts';
import type { ConfigValue } from './configobj-line.ts';

/** One key of the merged configuration. Paths are absolute, but for those that cannot be made so. */
export interface Setting {
  readonly value: ConfigValue;
  readonly committed: boolean;
  /** `'.dvc/config' line 3`, for messages. */
  readonly where: string;
}

export type RemoteSettings = ReadonlyMap<string, Setting>;

/** `remote://` references that lead from one remote to the next; real ones have one or two. */
const chainLimit = 10;

/**
 * The storage remotes that can be opened, and for every other one the error to throw when somebody wants it: a
 * remote that is never used must not stop a push.
 */
export function buildRemotes(all: ReadonlyMap<string, RemoteSettings>): {
  readonly remotes: ReadonlyMap<string, StorageConfig>;
  readonly broken: ReadonlyMap<string, HelperError>;
  /** For people, one line each. */
  readonly warnings: readonly string[];
} {
  const remotes = new Map<string, StorageConfig>();
  const warnings: string[] = [];
  const broken = new Map<string, HelperError>();
  for (const name of all.keys()) {
    try {
      const { config, strays } = withoutStrays(buildRemote(name, all, []));
      requireVersions(config);
      remotes.set(name, config);
      if (strays.length > 0) warnings.push(strayWarning(config, strays));
    } catch (error) {
      if (!(error instanceof HelperError)) throw error;
      broken.set(name, error);
    }
  }
  return { remotes, broken, warnings };
}

/**
 * A secret that was committed is for the place that was committed beside it: where the user's own layers name the
 * place, it does not go there.
 */
function withoutStrays(config: StorageConfig): { readonly config: StorageConfig; readonly strays: readonly string[] } {
  const { options, committed } = config;
  const own = placeKeys.some((key) => (key === 'url' || Object.hasOwn(options, key)) && !committed.has(key));
  const strays = own ? [...committed].filter((key) => secretKeys.has(key)) : [];
  if (strays.length === 0) return { config, strays };
  const left = Object.entries(options).filter(([key]) => !strays.includes(key));
  const keys = [...committed].filter((key) => !strays.includes(key));
  return { config: { ...config, options: Object.fromEntries(left), committed: new Set(keys) }, strays };
}

function strayWarning({ name }: StorageConfig, strays: readonly string[]): string {
  const list = strays.map((key) => `'${key}'`).join(', ');
  return (
    `ignoring ${list} of storage remote '${printable(name)}': committed for another place than the one your own ` +
    `configuration names (to use it: dvc remote modify --local ${typed(name)} ${strays[0]} <value>)`
  );
}

/** A name to put into a command that people copy; a placeholder for one that a shell would read as more than a name. */
export function typed(name: string): string {
  return /^[\w.][\w.-]*$/.test(name) ? name : '<name>';
}

function buildRemote(name: string, all: ReadonlyMap<string, RemoteSettings>, trail: readonly string[]): StorageConfig {
  const subject = `storage remote '${printable(name)}'`;
  const settings = all.get(name);
  if (settings === undefined) {
    throw new HelperError('config', `${subject} is not configured, but 'remote://${printable(name)}' refers to it`, {
      hints: [`dvc remote add ${typed(name)} <url>`],
    });
  }
  if (trail.includes(name) || trail.length > chainLimit) {
    const way = [...trail, name].map((part) => `'${printable(part)}'`).join(' → ');
    throw new HelperError('config', `storage remotes refer to one another without end: ${way}`, {
      hints: [`dvc remote modify ${typed(name)} url <url of the storage>`],
    });
  }
  const url = settings.get('url');
  const text = url === undefined ? '' : plainText(url, `'url' of ${subject}`);
  if (url === undefined || text === '') {
    throw new HelperError('config', `${subject} has no 'url'`, {
      hints: [`dvc remote modify ${typed(name)} url <url>`],
    });
  }
  const { options, committed } = readOptions(settings, subject);
  if (url.committed) committed.add('url');
  for (const key of secretKeys) conceal(options[key]);
  const reference = /^remote:\/\/([^/?#]*)([^?#]*)/i.exec(text);
  if (reference === null) return { name, ...locate(text, url, name), options, committed };

  const base = buildRemote((reference[1] ?? '').toLowerCase(), all, [...trail, name]);
  const below = (reference[2] ?? '').replace(/^\/+/, '');
  // An option stands for itself: what the base's repository said of a key that is set here does not matter.
  for (const key of base.committed) if (key === 'url' || !Object.hasOwn(options, key)) committed.add(key);
  const joined = base.scheme === 'local' ? join(base.url, below) : `${base.url}/${below}`;
  return {
    name,
    scheme: base.scheme,
    url: below === '' ? base.url : joined,
    options: { ...base.options, ...options },
    committed,
  };
}

/** Services whose versions DVC can name. */
const versioned = ['s3', 'gs', 'azure'];

/** Throws where versions are asked for that there cannot be. */
function requireVersions(remote: StorageConfig): void {
  if (!isCloudVersioned(remote)) return;
  const fail = (what: string, hint: string): HelperError =>
    new HelperError('config', `storage remote '${printable(remote.name)}' ${what}`, { hints: [hint] });
  const change = (option: string): string => `dvc remote modify ${typed(remote.name)} ${option}`;
  const { version_aware: aware, worktree } = remote.options;
  if (aware === 'false')
    throw fail(
      "has 'worktree = true', which needs versions, and 'version_aware = false'",
      change('version_aware true'),
    );
  if (versioned.includes(remote.scheme)) return;
  const option = worktree === 'true' ? 'worktree' : 'version_aware';
  const kind = remote.scheme === 'local' ? 'a directory' : `'${printable(remote.scheme)}'`;
  throw fail(`has '${option} = true', and ${kind} keeps no versions`, change(`--unset ${option}`));
}

/** Scheme and URL, checked; what DVC would silently take for a path of this machine is refused. */
function locate(text: string, url: Setting, name: string): { readonly scheme: string; readonly url: string } {
  const subject = `storage remote '${printable(name)}'`;
  const change = `dvc remote modify ${typed(name)} url`;
  const fail = (what: string, ...hints: string[]): HelperError =>
    new HelperError('config', `${url.where}: ${subject} ${what}`, { hints });
  if (!isUrl(text)) {
    if (url.committed && isNetworkShare(text)) {
      throw fail(
        `names the network share '${printable(text)}', which a repository may not`,
        `if you trust it: dvc remote modify --local ${typed(name)} url <share>`,
      );
    }
    if (!isAbsolute(text))
      throw fail(`names the home directory of another user: '${printable(text)}'`, `${change} <path>`);
    return { scheme: 'local', url: text };
  }
  const [scheme = '', rest = ''] = text.split(/:\/\/(.*)/s);
  if (/^file$/i.test(scheme)) {
    throw fail(`has the URL '${displayUrl(text)}', and DVC knows no 'file://'`, `${change} <absolute path>`);
  }
  if (/^(?:$|[/?#])/.test(rest)) {
    throw fail(
      `has the URL '${displayUrl(text)}' without a bucket or host`,
      `${change} ${scheme.toLowerCase()}://<bucket or host>/<path>`,
    );
  }
  return { scheme: scheme.toLowerCase(), url: text };
}

function readOptions(
  settings: RemoteSettings,
  subject: string,
): { readonly options: Readonly<Record<string, string>>; readonly committed: Set<string> } {
  const options: [string, string][] = [];
  const committed = new Set<string>();
  for (const [key, setting] of settings) {
    if (key === 'url') continue;
    const of = `'${key}' of ${subject}`;
    options.push([key, checked(key, plainText(setting, of), `${setting.where}: ${of}`)]);
    if (setting.committed) committed.add(key);
  }
  return { options: Object.fromEntries(options), committed };
}

function checked(key: string, value: string, subject: string): string {
  const kind = remoteOptions.get(key)?.kind;
  if (kind === 'boolean' && !/^(?:true|false)$/i.test(value)) {
    throw new HelperError('config', `${subject} is neither true nor false`);
  }
  if (kind === 'number' && !/^[0-9]{1,9}(?:\.[0-9]+)?$/.test(value)) {
    throw new HelperError('config', `${subject} is not a number`);
  }
  if (kind === 'path' && !isAbsolute(value)) {
    throw new HelperError('config', `${subject} is not a path of this machine`);
  }
  return kind === 'boolean' ? value.toLowerCase() : value;
}

/** The value of a setting that must be one line of text: it will stand in headers, paths and messages. */
export function plainText(setting: Setting, subject: string): string {
  if (typeof setting.value !== 'string') {
    throw new HelperError('config', `${setting.where}: ${subject} is a list`, {
      hints: ['put a value that holds a comma in double quotes'],
    });
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  if (/[\u0000-\u001f\u007f]/.test(setting.value)) {
    throw new HelperError('config', `${setting.where}: ${subject} holds a control character`);
  }
  return setting.value;
}
