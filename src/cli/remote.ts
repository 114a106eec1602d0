import { type PlacedValue, placedValues } from '../git/config-file.ts';
import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import { displayUrl, printable } from '../report/printable.ts';
import { word } from './commands.ts';
import { type CommandRepository, firstLine } from './repository.ts';

/** A Git remote as the configuration has it. */
export interface GitRemote {
  readonly name: string;
  /** `remote.<name>.url` and `.pushurl` as written. */
  readonly written: readonly string[];
  /** What Git connects to after its rewriting; the first of `fetch` is the one it fetches from. */
  readonly urls: { readonly fetch: readonly string[]; readonly push: readonly string[] };
  /** `remote.<name>.vcs`, without what holds for one command only; the last one counts. */
  readonly vcs: readonly PlacedValue[];
}

/** Names of the Git remotes that are configured, sorted. `git remote` would end at the first URL that Git refuses. */
export async function remoteNames({ git }: CommandRepository): Promise<readonly string[]> {
  const args = ['config', '-z', '--name-only', '--get-regexp', '^remote\\..*\\.'];
  const { stdout } = await runGit(args, { ...git, accept: [0, 1] });
  const names = stdout
    .toString()
    .split('\0')
    .filter((key) => key !== '')
    .map((key) => key.slice('remote.'.length, key.lastIndexOf('.')));
  return [...new Set(names)].sort();
}

/** The branch that is checked out, by its short name; undefined when none is. */
export async function currentBranch({ git }: CommandRepository): Promise<string | undefined> {
  const head = await runGit(['symbolic-ref', '--quiet', 'HEAD'], { ...git, accept: [0, 1] });
  return /^refs\/heads\/(.+)$/.exec(firstLine(head.stdout))?.[1];
}

/** The Git remote that `git fetch` and `git push` use without a name, and why it is that one (git-fetch(1), git-config(1)). */
export async function defaultRemote(
  repository: CommandRepository,
  verb = 'setup',
): Promise<{ name: string; why: string }> {
  const { configuration } = repository;
  const branch = await currentBranch(repository);
  const tracked = branch === undefined ? undefined : configuration.get(`branch.${branch}.remote`);
  if (tracked !== undefined) {
    return { name: tracked, why: `branch '${printable(branch ?? '')}' tracks it` };
  }
  const names = await remoteNames(repository);
  if (names.length === 1 && names[0] !== undefined) return { name: names[0], why: 'the only one' };
  if (names.includes('origin')) return { name: 'origin', why: 'what Git takes when no other is named' };
  const hint =
    names.length === 0
      ? 'add one: git remote add origin <url>'
      : `name one of ${names.map((name) => word(name)).join(', ')}: git dvcexp ${verb} <remote>`;
  throw new HelperError('usage', names.length === 0 ? 'there is no Git remote' : 'which Git remote?', {
    hints: [hint],
  });
}

/** Reads one Git remote. Throws `config` when there is none of this name, none with a URL, or Git refuses its URL. */
export async function readRemote(repository: CommandRepository, name: string): Promise<GitRemote> {
  const { git, configuration } = repository;
  const url = configuration.all(`remote.${name}.url`).filter((text) => text !== '');
  if (url.length === 0) throw withoutUrl(name, await remoteNames(repository));
  const written = [...url, ...configuration.all(`remote.${name}.pushurl`)];
  if (configuration.get('transfer.credentialsInUrl') === 'die') refusePassword(name, written);
  const ask = async (...options: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await runGit(['remote', 'get-url', ...options, '--all', '--', name], git);
    return stdout.toString().split('\n').slice(0, -1);
  };
  const vcs = (await placedValues(`remote.${name}.vcs`, git)).filter(({ scope }) => scope !== 'command');
  return { name, written, urls: { fetch: await ask(), push: await ask('--push') }, vcs };
}

function refusePassword(name: string, written: readonly string[]): void {
  const url = written.find(holdsPassword);
  if (url === undefined) return;
  const what = `the URL of '${printable(name)}' holds a password, and transfer.credentialsInUrl forbids that`;
  throw new HelperError('config', what, { hints: [passwordRemedy(name, url)] });
}

/** What to type to have a URL without a password. */
export function passwordRemedy(name: string, url: string): string {
  return `take it out: git remote set-url ${word(name)} ${word(displayUrl(url))}`;
}

function withoutUrl(name: string, names: readonly string[]): HelperError {
  if (names.includes(name)) {
    return new HelperError('config', `Git remote '${printable(name)}' has no URL`, {
      hints: [`give it one: git config ${word(`remote.${name}.url`)} <url>`],
    });
  }
  const known = names.map((each) => `'${printable(each)}'`).join(', ');
  return new HelperError('usage', `there is no Git remote '${printable(name)}'`, {
    hints: [known === '' ? `add it: git remote add ${word(name)} <url>` : `there is ${known}`],
  });
}

/** True for a URL that starts this program by itself. */
export function isPrefixed(url: string): boolean {
  return url.startsWith('dvcexp::');
}

/** True when a URL holds a password; a user name alone is none (git-config(1), transfer.credentialsInUrl). */
export function holdsPassword(url: string): boolean {
  return /^(?:[a-z0-9][a-z0-9+.-]*::)*[a-z][a-z0-9+.-]*:\/\/[^/?#@:]*:[^/?#]+@/i.test(url);
}

/** `'origin' (https://host/path)` */
export function nameWithUrl({ name, urls }: GitRemote): string {
  return `'${printable(name)}' (${displayUrl(urls.fetch[0] ?? '')})`;
}
