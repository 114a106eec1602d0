import { type Config, requireRemote } from '../dvc/config.ts';
import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { isMetadataService, type Origin, originUrl } from '../model/origin.ts';
import { readSettings } from '../model/settings.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { printable } from '../report/printable.ts';
import { locateStorage } from '../storage/open.ts';
import { parseOriginUrl, pinKey } from '../trust/pins.ts';
import { word } from './commands.ts';
import type { CommandContext } from './context.ts';
import { projectAround } from './dvc-settings.ts';
import { type CommandRepository, gitOptions, requireRepository } from './repository.ts';
import { projectConfig } from './survey.ts';

export interface TrustOptions {
  /** Name of a storage remote, or the URL of a place as a refusal names it; undefined: the default storage remote. */
  readonly storage: string | undefined;
  readonly list: boolean;
  readonly remove: boolean;
  /** For all repositories of the user. */
  readonly global: boolean;
  /** To fetch from, not to push to. */
  readonly read: boolean;
  readonly never: boolean;
  /** Of `list` alone. */
  readonly json: boolean;
}

const keys = ['trust', 'pin', 'pushed', 'allowinsecure'] as const;

/** `git dvcexp trust [<storage remote>|<url>] [--read|--never|--remove] [--global]`, `git dvcexp trust --list`. */
export async function trustCommand(
  options: TrustOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  if ([options.list, options.remove, options.read, options.never].filter(Boolean).length > 1) {
    throw new HelperError('usage', "'--list', '--remove', '--read' and '--never' exclude each other");
  }
  if (options.json && !options.list) throw new HelperError('usage', "'--json' goes with '--list' alone");
  const url = options.storage === undefined ? undefined : parseOriginUrl(options.storage);
  // A URL for all repositories needs none to stand in.
  const repository = options.global && url !== undefined ? undefined : await requireRepository(context, operation);
  const git = repository?.git ?? gitOptions(context, operation);
  if (options.list) return await list(options, git, context);
  const place = url === undefined ? await placeOf(options.storage, repository, context, operation) : { origin: url };
  if (options.remove) return await remove(place, options, git, repository, context);
  return await trust(place, options, git, context);
}

type Git = ReturnType<typeof gitOptions>;

interface Place {
  readonly origin: Origin;
  /** undefined when the place was named by its URL. */
  readonly config?: StorageConfig;
}

async function trust({ origin }: Place, options: TrustOptions, git: Git, context: CommandContext): Promise<number> {
  const url = originUrl(origin);
  if (isMetadataService(origin)) {
    throw new HelperError('trust', `${url} tells this machine's own secrets and stores nothing`);
  }
  const value = options.never ? 'never' : options.read ? 'read' : 'write';
  const key = `dvcexp.${url}.trust`;
  await runGit(['config', scopeOf(options), '--replace-all', key, value], git);
  const what = {
    never: 'neither keys nor data go to',
    read: 'keys may be used to fetch from',
    write: 'keys and data may go to',
  };
  context.stdout(`${what[value]} ${url} (${key} = ${value})\n`);
  context.stdout(`take it back: git dvcexp trust ${options.global ? '--global ' : ''}--remove ${word(url)}\n`);
  return 0;
}

const scopeOf = ({ global }: TrustOptions): string => (global ? '--global' : '--local');

async function remove(
  { origin, config }: Place,
  options: TrustOptions,
  git: Git,
  repository: CommandRepository | undefined,
  context: CommandContext,
): Promise<number> {
  const pinned = config === undefined ? [] : [pinKey(origin, config, repository?.location.workTree)];
  const urls = new Set([originUrl(origin), ...pinned]);
  let removed = 0;
  for (const key of [...urls].flatMap((url) => keys.map((name) => `dvcexp.${url}.${name}`))) {
    const { code } = await runGit(['config', scopeOf(options), '--unset-all', key], { ...git, accept: [0, 5] });
    if (code === 0) removed += 1;
  }
  context.stdout(removed > 0 ? `forgot ${originUrl(origin)}\n` : `nothing is remembered of ${originUrl(origin)}\n`);
  return removed > 0 ? 0 : 1;
}

/** One setting about a place. */
interface Remembered {
  /** As `git config --show-scope` calls it. */
  readonly scope: string;
  readonly url: string;
  readonly key: (typeof keys)[number];
  readonly value: string;
}

async function list({ json }: TrustOptions, git: Git, context: CommandContext): Promise<number> {
  const found = (await remembered(git)).filter(({ key }) => key !== 'pushed');
  if (json) {
    const places = found.map(({ scope, url, key, value }) => ({ scope, url, [members[key]]: value }));
    context.stdout(`${JSON.stringify({ places }, null, 2)}\n`);
    return 0;
  }
  for (const { scope, url, key, value } of found)
    context.stdout(`${scope.padEnd(6)}  ${words(key, value).padEnd(12)}  ${printable(url)}\n`);
  return 0;
}

const members = { trust: 'trust', pin: 'metAs', pushed: 'pushed', allowinsecure: 'allowInsecure' } as const;

async function remembered(git: Git): Promise<readonly Remembered[]> {
  const pattern = `^dvcexp\\..*\\.(${keys.join('|')})$`;
  const args = ['config', '--show-scope', '-z', '--get-regexp', pattern];
  const { stdout } = await runGit(args, { ...git, accept: [0, 1] });
  const fields = stdout.toString().split('\0').slice(0, -1);
  const found: Remembered[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [scope = '', entry = ''] = fields.slice(at, at + 2);
    const [name = '', value = ''] = entry.split(/\n(.*)/s);
    const key = keys.find((each) => name.endsWith(`.${each}`));
    if (key !== undefined) found.push({ scope, url: name.slice('dvcexp.'.length, -key.length - 1), key, value });
  }
  return found;
}

function words(key: Remembered['key'], value: string): string {
  if (key === 'pin') return `met as '${printable(value)}'`;
  return key === 'trust' ? printable(value) : `unencrypted: ${printable(value)}`;
}

/** Where the storage remote of the project around the current directory is, by the work tree's own `.dvc/config`. */
async function placeOf(
  name: string | undefined,
  repository: CommandRepository | undefined,
  context: CommandContext,
  operation: Operation,
): Promise<Place> {
  if (repository === undefined) {
    throw new HelperError('usage', "'--global' without a repository needs the URL of a place");
  }
  const config = requireProject(await projectConfig(projectAround(repository), repository, context, operation));
  const settings = readSettings(repository.configuration.get, context.env);
  const chosen = name ?? settings.remote ?? config.defaultRemote;
  if (chosen === undefined) {
    throw new HelperError('usage', 'no default storage remote is configured', {
      hints: ['name one: git dvcexp trust <storage remote>'],
    });
  }
  const storage = requireRemote(config, chosen);
  const origin = await locateStorage(storage, { ...context, configuration: repository.configuration.get });
  if (origin.namedBy === 'user') {
    const text = `storage remote '${printable(chosen)}' is at ${originUrl(origin)} by your own configuration`;
    throw new HelperError('usage', `${text}: it needs no trust`);
  }
  return { origin, config: storage };
}

function requireProject(config: Config | HelperError | undefined): Config {
  if (config instanceof HelperError) throw config;
  if (config !== undefined) return config;
  throw new HelperError('usage', 'there is no DVC project here', { hints: ['name the URL of a place instead'] });
}
