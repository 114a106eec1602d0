import { isAbsolute, relative, sep } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Environment, runGit } from '../git/process.ts';
import { createOrigin, isPossibleHost, type Origin, originUrl } from '../model/origin.ts';
import { percentDecoded } from '../model/percent.ts';
import { realPath } from '../model/real-path.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { printable } from '../report/printable.ts';
import { trace } from '../report/trace.ts';

/** How Git is run in the repository. */
export interface GitOptions {
  readonly cwd: string;
  readonly env: Environment;
  readonly signal: AbortSignal;
}

/** Values of `dvcexp.<url>.<name>`, as Git read them when this process began. */
export type UrlSettings = (name: string) => readonly { readonly subsection: string; readonly value: string }[];

const lockedMs = 2000;
/** So many levels up, a folder is taken for one that moves together with the clone. */
const nearLevels = 2;

/**
 * What a pin is filed under: the origin's URL; for a folder near the clone the way there, so that both can be moved
 * together.
 */
export function pinKey(origin: Origin, { url }: StorageConfig, workTree: string | undefined): string {
  const way = origin.protocol === 'file' && workTree !== undefined ? relative(realPath(workTree), realPath(url)) : '';
  const levels = way.split(sep).filter((part) => part === '..').length;
  if (way === '' || isAbsolute(way) || levels > nearLevels) return originUrl(origin);
  return `file:${way.split(sep).map(encodeURIComponent).join('/')}`;
}

/**
 * Adds `dvcexp.<url>.<name>` to the repository's configuration. Several processes do that at once, and Git waits for no
 * lock, so it is tried for two seconds. What cannot be written is only not remembered: never an error but an abort.
 */
export async function remember(url: string, name: string, value: string, git: GitOptions): Promise<void> {
  const key = `dvcexp.${url}.${name}`;
  // Untranslated: what Git says is looked into.
  const env = { ...git.env, GIT_CONFIG: undefined, LC_ALL: 'C', LANGUAGE: undefined };
  const args = ['config', '--local', '--add', key, value];
  for (let waited = 0; ; ) {
    const { code, stderr } = await runGit(args, { ...git, env, accept: 'any' });
    if (code === 0) return;
    if (!/could not lock/.test(stderr) || waited > lockedMs) {
      trace(() => `trust: '${key}' could not be remembered: ${printable(stderr)}`);
      return;
    }
    const pause = 10 + Math.random() * (40 + waited / 4);
    waited += pause;
    await sleep(pause, undefined, { signal: git.signal }).catch(() => git.signal.throwIfAborted());
  }
}

export interface UrlWords {
  readonly trust: string | undefined;
  readonly allowInsecure: boolean;
}

/** What `dvcexp.<url>.*` says of an origin, matched as Git matches `http.<url>.*`; undefined for what is not set. */
export async function readSettings(origin: Origin, settings: UrlSettings, git: GitOptions): Promise<UrlWords> {
  const isSet = ['trust', 'allowinsecure'].some((name) => settings(name).length > 0);
  if (!isSet) return { trust: undefined, allowInsecure: false };
  const env = { ...git.env, GIT_CONFIG: undefined };
  const args = ['config', '-z', '--get-urlmatch', 'dvcexp', originUrl(origin)];
  const { stdout } = await runGit(args, { ...git, env, accept: [0, 1] });
  const found = new Map(
    stdout
      .toString()
      .split('\0')
      .map((entry): [string, string] => {
        const [key = '', value = 'true'] = entry.split(/\n(.*)/s);
        return [key, value];
      }),
  );
  return {
    trust: found.get('dvcexp.trust')?.toLowerCase(),
    allowInsecure: /^(?:true|yes|on|1)$/i.test(found.get('dvcexp.allowinsecure') ?? ''),
  };
}

/** True when DVCEXP_TRUST names the origin, or a place that it is in: URLs, or `all`. For CI, where nobody can be asked. */
export function isTrustedBy(variable: string | undefined, origin: Origin): boolean {
  return (variable ?? '')
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .some((word) => word === 'all' || covers(word, origin));
}

function covers(pattern: string, origin: Origin): boolean {
  const outer = parseOriginUrl(pattern);
  if (outer === undefined || outer.protocol !== origin.protocol || outer.host !== origin.host) return false;
  return outer.path === '' || origin.path === outer.path || origin.path.startsWith(`${outer.path}/`);
}

/** The origin that a URL names, as `originUrl` writes it or people do; undefined for what is none. */
export function parseOriginUrl(text: string): Origin | undefined {
  const [, protocol = '', host = '', path = ''] =
    /^(https?|ssh|file):\/\/(?:[^/@]*@)?([^/?#]*)(\/[^?#]*)?$/i.exec(text) ?? [];
  if (protocol === '' || (host === '') !== (protocol.toLowerCase() === 'file')) return undefined;
  const more = { provider: false, namedBy: 'user' } as const;
  const origin = createOrigin(protocol.toLowerCase(), host, percentDecoded(path), more);
  return host === '' || isPossibleHost(origin) ? origin : undefined;
}
