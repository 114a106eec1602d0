import { HelperError } from './error.ts';

/** What the user told us, from `git config dvcexp.*`, the environment and push options; see docs/configuration.md. */
export interface Settings {
  /** Which data a fetch brings. */
  readonly fetchData: 'auto' | 'all' | 'exps' | 'none';
  /** How Git is served in a fetch; undefined: as suits the system. See docs/decisions, "Fetch by fetch". */
  readonly fetchBy: 'connect' | 'fetch' | undefined;
  /** When storage breaks during a fetch; undefined: fail for experiments, warn for the rest and in clone. */
  readonly onFetchError: 'fail' | 'warn' | undefined;
  /** When storage answers that it has not got an object. */
  readonly onAbsent: 'warn' | 'fail';
  /** Data of commits between: `new` takes along what the cache has, `tips` leaves it. */
  readonly history: 'new' | 'tips';
  /** Push refs although new objects are in neither cache nor storage. */
  readonly allowMissing: boolean;
  /** A push of data outputs without any storage remote is an error. */
  readonly requireStorage: boolean;
  /** Move refs only. */
  readonly noCache: boolean;
  /** Upload what is named by the tips without asking storage what it has. */
  readonly forceUpload: boolean;
  /** Share DVC's run cache as well. */
  readonly runCache: boolean;
  /** Storage remote to use in place of `core.remote`. */
  readonly remote: string | undefined;
  /** Upper limit of parallel transfers; undefined: adaptive. */
  readonly jobs: number | undefined;
}

type Reader = (text: string, where: string) => unknown;

const flag: Reader = (text, where) => {
  if (/^(?:true|yes|on|1|)$/i.test(text)) return true;
  if (/^(?:false|no|off|0)$/i.test(text)) return false;
  throw new HelperError('config', `${where}: '${text}' is not a boolean`, { hints: ['use true or false'] });
};
const choice =
  (...words: string[]): Reader =>
  (text, where) => {
    if (words.includes(text)) return text;
    throw new HelperError('config', `${where}: '${text}' is none of ${words.join(', ')}`);
  };
const count: Reader = (text, where) => {
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  throw new HelperError('config', `${where}: '${text}' is not a number from 1 to 9999`);
};
const name: Reader = (text, where) => {
  if (text !== '') return text.toLowerCase();
  throw new HelperError('config', `${where}: the name of a storage remote is missing`);
};

const readers: { readonly [Key in keyof Settings]-?: Reader } = {
  fetchData: choice('auto', 'all', 'exps', 'none'),
  fetchBy: choice('connect', 'fetch'),
  onFetchError: choice('fail', 'warn'),
  onAbsent: choice('warn', 'fail'),
  history: choice('new', 'tips'),
  allowMissing: flag,
  requireStorage: flag,
  noCache: flag,
  forceUpload: flag,
  runCache: flag,
  remote: name,
  jobs: count,
};

const defaults: Settings = {
  fetchData: 'auto',
  fetchBy: undefined,
  onFetchError: undefined,
  onAbsent: 'warn',
  history: 'new',
  allowMissing: false,
  requireStorage: false,
  noCache: false,
  forceUpload: false,
  runCache: false,
  remote: undefined,
  jobs: undefined,
};

/** `noCache` → `no-cache` (push option) and `DVCEXP_NO_CACHE` (environment). */
const kebab = (key: string): string => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
const variable = (key: string): string => `DVCEXP_${kebab(key).replaceAll('-', '_').toUpperCase()}`;

/**
 * Settings from Git's configuration (`dvcexp.<key>`, the last value wins), over it the environment
 * (`DVCEXP_<KEY>`), over it the push options of our namespace (`dvcexp.<key>[=<value>]`).
 * Throws `config` on a value that cannot be, `usage` on a push option that does not exist.
 *
 * @param configuration value of a key in Git's configuration, by lower-case name; '' for a key without value
 */
export function readSettings(
  configuration: (key: string) => string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  pushOptions: readonly string[] = [],
): Settings {
  const settings: Record<string, unknown> = { ...defaults };
  for (const [key, read] of Object.entries(readers)) {
    const configured = configuration(`dvcexp.${key.toLowerCase()}`);
    if (configured !== undefined) settings[key] = read(configured, `git config dvcexp.${key}`);
    const inherited = env[variable(key)];
    if (inherited !== undefined && inherited !== '')
      settings[key] = read(inherited, `environment variable ${variable(key)}`);
  }
  for (const option of pushOptions) {
    const [word = '', value = ''] = option.slice('dvcexp.'.length).split(/=(.*)/s);
    const found = Object.entries(readers).find(([key]) => kebab(key) === word.toLowerCase() || key === word);
    if (found === undefined) {
      throw new HelperError('usage', `unknown push option '${option}'`, {
        hints: [
          `known are ${Object.keys(readers)
            .map((key) => `dvcexp.${kebab(key)}`)
            .join(', ')}`,
        ],
      });
    }
    settings[found[0]] = found[1](value, `push option '${option}'`);
  }
  return settings as unknown as Settings;
}
