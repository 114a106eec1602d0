import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import type { Configuration, Rewrite } from './configuration.ts';
import { type InnerUrl, parseInnerUrl, protocolOf, withoutOwnPrefix } from './inner-url.ts';
import { depthOf, depthVariable, type Environment } from './process.ts';

/**
 * Git checks a URL before it connects; we are started for a URL of ours and connect on our own, so every check of
 * Git's has to be made here again. Without it `dvcexp::ext::sh -c …` in a hostile URL would run a command.
 */
const deepest = 3;

/** The defaults of `protocol.allow` in git-config(1); whatever is not named here is `user`. */
const defaults: Readonly<Record<string, string>> = {
  http: 'always',
  https: 'always',
  git: 'always',
  ssh: 'always',
  ext: 'never',
};

/** Lazy fetches nest one or two helpers; more is a configuration that leads back to us. Throws `config` above 3. */
export function checkDepth(env: Environment): void {
  if (depthOf(env) <= deepest) return;
  throw new HelperError('config', `the helper was started by itself more than ${deepest} times`, {
    hints: [
      "look for 'dvcexp::' in 'git config --get-regexp ^url' and in hooks",
      `${depthVariable} counts in the environment`,
    ],
  });
}

function allowance(protocol: string, configuration: Configuration): string {
  for (const key of [`protocol.${protocol}.allow`, 'protocol.allow']) {
    const value = configuration.get(key);
    if (value === undefined) continue;
    const word = value.toLowerCase();
    if (['always', 'never', 'user'].includes(word)) return word;
    throw new HelperError('config', `unknown value for config '${printable(key)}': ${printable(value)}`);
  }
  return (Object.hasOwn(defaults, protocol) ? defaults[protocol] : undefined) ?? 'user';
}

/** `GIT_PROTOCOL_FROM_USER`, a boolean of Git's: submodule updates and other automatic fetches set it to 0. */
function fromUser(env: Environment): boolean {
  return !/^(?:0|false|no|off|)$/i.test(env.GIT_PROTOCOL_FROM_USER ?? '1');
}

/** Throws `config` in Git's own words when the transport is not allowed (git(1), `GIT_ALLOW_PROTOCOL`; git-config(1), `protocol.allow`). */
export function checkAllowed(url: InnerUrl, configuration: Configuration, env: Environment): void {
  const protocol = protocolOf(url);
  const listed = env.GIT_ALLOW_PROTOCOL;
  const word =
    listed === undefined
      ? allowance(protocol, configuration)
      : listed.split(':').includes(protocol)
        ? 'always'
        : 'never';
  if (word === 'always' || (word === 'user' && fromUser(env))) return;
  throw new HelperError('config', `transport '${printable(protocol)}' not allowed`);
}

/** Throws `config` for what a program could take for an option (CVE-2017-1000117), or a line that adds to git://'s request. */
export function checkWords(url: InnerUrl): void {
  if (url.kind === 'helper') {
    // Node hands no descriptor on, so that helper would wait for ever on some other one of that number.
    if (url.helper === 'fd') throw new HelperError('unsupported', "'fd::' does not work behind 'dvcexp::'");
    if (url.address.startsWith('-')) {
      throw new HelperError('config', `strange address '${printable(url.address)}' blocked`);
    }
    return;
  }
  const host = url.kind === 'ssh' ? url.destination : url.kind === 'git' ? url.host : undefined;
  if (host?.startsWith('-')) throw new HelperError('config', `strange hostname '${printable(host)}' blocked`);
  if (url.path.startsWith('-')) throw new HelperError('config', `strange pathname '${printable(url.path)}' blocked`);
  if (url.kind === 'git' && /\n/.test(url.hostAndPort + url.path)) {
    throw new HelperError('config', 'newline is forbidden in git:// hosts and repo paths');
  }
}

/** The longest matching prefix wins, the first of equals; undefined when none matches (git-config(1), `url.<base>.insteadOf`). */
export function rewriteUrl(url: string, rewrites: readonly Rewrite[]): string | undefined {
  let best: Rewrite | undefined;
  for (const rewrite of rewrites) {
    if (url.startsWith(rewrite.prefix) && rewrite.prefix.length > (best?.prefix.length ?? -1)) best = rewrite;
  }
  return best === undefined ? undefined : best.base + url.slice(best.prefix.length);
}

const withPassword = /^([a-z][a-z0-9+.-]*:\/\/[^/?#@:]*:)([^/?#@]+)(@.*)$/is;

/**
 * A password behind our prefix: Git sees no URL there, so it asks nobody and prints it. `transfer.credentialsInUrl`
 * (git-config(1)) holds in Git's words; where that is not set, the password is refused and not printed. Answers a
 * warning for people, undefined for none. Throws `config` for what must not be.
 */
export function checkPassword(
  given: { readonly remoteName: string; readonly url: string },
  configuration: Configuration,
): string | undefined {
  if (configuration.get(`remote.${given.remoteName}.vcs`) === 'dvcexp') return undefined;
  const [, before, , after] = withPassword.exec(withoutOwnPrefix(given.url)) ?? [];
  if (before === undefined || after === undefined) return undefined;
  const shown = printable(`${before}<redacted>${after}`);
  const word = configuration.get('transfer.credentialsinurl');
  if (word === 'allow') return undefined;
  if (word === 'warn') return `URL '${shown}' uses plaintext credentials`;
  if (word === 'die') throw new HelperError('config', `URL '${shown}' uses plaintext credentials`);
  if (word !== undefined) {
    throw new HelperError('config', `unrecognized value transfer.credentialsInUrl: '${printable(word)}'`);
  }
  throw new HelperError('config', `Git would print the password in 'dvcexp::${shown}'`, {
    hints: [
      'leave it to a credential helper (git help credentials), or give the plain URL and say',
      "'git config remote.<name>.vcs dvcexp', in a clone '-c remote.origin.vcs=dvcexp'",
      "if it may be seen: 'git config transfer.credentialsInUrl allow'",
    ],
  });
}

export interface Address {
  /** Without `dvcexp::`, rewritten: what nested programs are given. May hold a password. */
  readonly text: string;
  readonly url: InnerUrl;
}

/**
 * Git cuts off what it takes for the name of a helper: everything before the first colon, when that is doubled
 * (`remove_ext_force` in transport-helper.c). In `[::1]:path` and in a path with `::` that was a part of the address,
 * which is found again in the configuration.
 */
function uncut({ remoteName, url }: { remoteName: string; url: string }, configuration: Configuration): string {
  const written = [
    ...configuration.all(`remote.${remoteName}.url`),
    ...configuration.all(`remote.${remoteName}.pushurl`),
  ];
  const rewrites = (['pushInsteadOf', 'insteadOf'] as const).map((kind) => configuration.rewrites(kind));
  const whole = written.flatMap((text) => [text, ...rewrites.map((rules) => rewriteUrl(text, rules) ?? text)]);
  if (whole.includes(url)) return url;
  return whole.find((text) => text.slice(text.indexOf(':')) === `::${url}`) ?? url;
}

/**
 * The inner address for one direction, checked. Git has rewritten a URL already when the remote is ours by
 * `remote.<name>.vcs`; behind our prefix nobody has. Throws `config` when any of Git's rules forbids it.
 */
export function resolveAddress(
  given: { readonly remoteName: string; readonly url: string; readonly direction: 'fetch' | 'push' },
  configuration: Configuration,
  env: Environment,
): Address {
  const configured = configuration.get(`remote.${given.remoteName}.vcs`) === 'dvcexp';
  let text = withoutOwnPrefix(configured ? uncut(given, configuration) : given.url);
  if (!configured) {
    // As Git: pushInsteadOf counts unless the remote has a URL of its own for pushing, and goes before insteadOf.
    const ownPushUrl = configuration.get(`remote.${given.remoteName}.pushurl`) !== undefined;
    const pushed =
      given.direction === 'push' && !ownPushUrl ? rewriteUrl(text, configuration.rewrites('pushInsteadOf')) : undefined;
    text = withoutOwnPrefix(pushed ?? rewriteUrl(text, configuration.rewrites('insteadOf')) ?? text);
  }
  const url = parseInnerUrl(text);
  checkAllowed(url, configuration, env);
  checkWords(url);
  return { text, url };
}
