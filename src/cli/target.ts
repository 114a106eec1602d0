import { withSettings } from '../git/environment-config.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { displayUrl, printable } from '../report/printable.ts';
import { word } from './commands.ts';
import type { CommandContext } from './context.ts';
import { type GitRemote, isPrefixed, readRemote, remoteNames } from './remote.ts';
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

/** Something that no experiment is called: names of experiments hold neither blanks, colons nor slashes. */
function looksLikeUrl(text: string): boolean {
  return !text.startsWith('refs/') && (/[:/\\]/.test(text) || text === '.' || text === '..');
}

/** A Git remote by name or URL. Throws `usage` when there is none of this name, `config` when another helper serves it. */
export async function openTarget(
  address: string,
  repository: CommandRepository,
  context: CommandContext,
  operation: Operation,
): Promise<Target> {
  const git = gitOptions(context, operation);
  const key = `remote.${address}.vcs`;
  const served = (already: boolean): GitOptions =>
    already ? git : { ...git, env: withSettings(git.env, [[key, 'dvcexp']]) };
  if (looksLikeUrl(address) && !(await remoteNames(repository)).includes(address)) {
    const shown = `'${displayUrl(address)}'`;
    return { address, pushedTo: address, shown, git, moving: served(isPrefixed(address)) };
  }
  const remote = await readRemote(repository, address);
  const isSet = checkVcs(remote, repository);
  return {
    address,
    pushedTo: pushAddress(remote),
    shown: `'${printable(address)}'`,
    git,
    moving: served(isSet || isByUrlAlone(remote)),
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
