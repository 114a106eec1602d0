import { withSettings } from '../git/environment-config.ts';
import { attendedVariable } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { displayUrl, printable } from '../report/printable.ts';
import { word } from './commands.ts';
import type { CommandContext } from './context.ts';
import { experimentRemote } from './dvc-settings.ts';
import { currentBranch, defaultRemote, type GitRemote, isPrefixed, readRemote, remoteNames } from './remote.ts';
import { type CommandRepository, type GitOptions, gitOptions } from './repository.ts';
import { checkVcs, isByUrlAlone } from './setup-checks.ts';

/** A Git remote that a command speaks to, and how Git is run so that the helper carries data there and back. */
export interface Target {
  /** As Git is given it: a name or a URL. */
  readonly address: string;
  /** Where its refs are read before a push: another address than `address` where it is pushed to another URL. */
  readonly pushedTo: string;
  /** Printable, in quotes. */
  readonly shown: string;
  /** How its refs are read. In the user's own directory, from which Git reads relative paths. */
  readonly git: GitOptions;
  /** How it is pushed to and fetched from: with the helper, whether it is set up or not. */
  readonly moving: GitOptions;
}

/** The Git remote of a command line, and the words that are left. */
export interface Addressed {
  readonly target: Target;
  readonly words: readonly string[];
  /** Names of Git remotes, where one of the words may have been meant for one; else none. */
  readonly gitRemotes: readonly string[];
}

/**
 * Takes the Git remote off a command line: its first word if that is the name of one or looks like a URL or path, else the one that
 * DVC's and Git's settings name. Throws `usage` or `config` when there is none or another helper serves it.
 */
export async function takeTarget(
  words: readonly string[],
  verb: 'pull' | 'push',
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): Promise<Addressed> {
  const [first, ...rest] = words;
  const names = await remoteNames(repository);
  if (first !== undefined && (looksLikeUrl(first) || names.includes(first))) {
    return { target: await openTarget(first, repository, context, operation), words: rest, gitRemotes: [] };
  }
  const address = await usualRemote(verb, names, repository, context);
  return { target: await openTarget(address, repository, context, operation), words, gitRemotes: names };
}

/** Something that no experiment is called: names of experiments hold neither blanks, colons nor slashes. */
function looksLikeUrl(text: string): boolean {
  return !text.startsWith('refs/') && (/[:/\\]/.test(text) || text === '.' || text === '..');
}

/** In this order: DVC's setting, what Git pushes to, what Git fetches from. */
async function usualRemote(
  verb: 'pull' | 'push',
  names: readonly string[],
  repository: CommandRepository,
  context: CommandContext,
): Promise<string> {
  const chosen = await experimentRemote(repository, context, names);
  if (chosen !== undefined) return chosen;
  if (verb === 'push') {
    const { configuration } = repository;
    const branch = await currentBranch(repository);
    const pushed = branch === undefined ? undefined : configuration.get(`branch.${branch}.pushRemote`);
    const other = pushed ?? configuration.get('remote.pushDefault');
    if (other !== undefined) return other;
  }
  return (await defaultRemote(repository, verb)).name;
}

/** A Git remote by name or URL. Throws `usage` when there is none of this name, `config` when another helper serves it. */
export async function openTarget(
  address: string,
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): Promise<Target> {
  const git = gitOptions(context, operation);
  const known = { ...git, env: { ...git.env, ...(context.terminal ? { [attendedVariable]: '1' } : {}) } };
  const served = (...more: readonly (readonly [key: string, value: string])[]): GitOptions => ({
    ...known,
    env: withSettings(known.env, [[`remote.${address}.vcs`, 'dvcexp'], ...more]),
  });
  if (looksLikeUrl(address) && !(await remoteNames(repository)).includes(address)) {
    const shown = `'${displayUrl(address)}'`;
    // Git dies of a remote that has a helper and no URL.
    const moving = isPrefixed(address) ? known : served([`remote.${address}.url`, address]);
    return { address, pushedTo: address, shown, git, moving };
  }
  const remote = await readRemote(repository, address);
  const isSet = checkVcs(remote, repository);
  return {
    address,
    pushedTo: pushAddress(remote),
    shown: `'${printable(address)}'`,
    git,
    moving: isSet || isByUrlAlone(remote) ? known : served(),
  };
}

/** Where a push goes. Throws `unsupported` for several places, which may disagree about every experiment. */
function pushAddress({ name, urls }: GitRemote): string {
  const [push = name, ...more] = urls.push;
  if (more.length > 0) {
    throw new HelperError('unsupported', `'${printable(name)}' is pushed to ${urls.push.length} URLs at once`, {
      hints: [`name one of them instead: git dvcexp push ${word(displayUrl(push))} ...`],
    });
  }
  return push === urls.fetch[0] ? name : push;
}
