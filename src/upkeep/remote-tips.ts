import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import { type GitOid, parseGitOid } from '../model/git.ts';
import { printable } from '../report/printable.ts';
import type { GitOptions } from './commits.ts';

/** What a Git remote has under one name. */
interface Tip {
  readonly ref: string;
  readonly id: GitOid;
}

interface GitRemote {
  /** A name, or a URL that only pushes go to; as Git takes it. */
  readonly address: string;
  /** Printable. */
  readonly shown: string;
}

const maxBytes = 512 * 1024 * 1024;

/**
 * What every ref of every Git remote points at, asked now. Throws `unavailable` where one does not answer, and `missing` where
 * one has a ref whose commit is not in this repository: nobody can tell then what that needs.
 *
 * @param fetch has such commits fetched, without their data and without a ref
 * @param stderr for Git's own words about a failure
 */
export async function remoteTips(
  git: GitOptions,
  fetch: boolean,
  stderr: (text: string) => void,
): Promise<readonly GitOid[]> {
  const ids = new Set<GitOid>();
  for (const remote of await gitRemotes(git)) {
    const tips = await tipsOf(remote, git, stderr);
    let absent = await notHere(tips, git);
    if (absent.length > 0 && fetch) {
      await fetchTips(remote, absent, git, stderr);
      absent = await notHere(tips, git);
    }
    const [first] = absent;
    if (first !== undefined) {
      const more = absent.length > 1 ? ` and ${absent.length - 1} more refs` : '';
      throw new HelperError(
        'missing',
        `'${printable(first.ref)}'${more} of ${remote.shown} lead to commits that are not here, so what they need is not known`,
        { hints: ['add --fetch, which brings these commits without their data'] },
      );
    }
    for (const { id } of tips) ids.add(id);
  }
  return [...ids];
}

/** By name, and behind it by URL where pushes go elsewhere than fetches. */
async function gitRemotes(git: GitOptions): Promise<readonly GitRemote[]> {
  const lines = async (...args: readonly string[]): Promise<readonly string[]> => {
    const { stdout } = await runGit(args, { ...git, accept: 'any' });
    return stdout
      .toString()
      .split('\n')
      .filter((line) => line !== '');
  };
  const remotes: GitRemote[] = [];
  for (const name of await lines('remote')) {
    const shown = `Git remote '${printable(name)}'`;
    remotes.push({ address: name, shown });
    const [from] = await lines('remote', 'get-url', '--', name);
    for (const to of await lines('remote', 'get-url', '--push', '--all', '--', name)) {
      if (to !== from) remotes.push({ address: to, shown: `the URL that ${shown} pushes to` });
    }
  }
  return remotes;
}

async function tipsOf(
  { address, shown }: GitRemote,
  git: GitOptions,
  stderr: (text: string) => void,
): Promise<readonly Tip[]> {
  const { code, stdout } = await runGit(['ls-remote', '--', address], { ...git, stderr, accept: 'any', maxBytes });
  if (code !== 0) {
    throw new HelperError('unavailable', `the refs of ${shown} cannot be read, so what they need is not known`, {
      hints: ["a Git remote that is gone for good is taken out by 'git remote remove <name>'"],
    });
  }
  return stdout
    .toString()
    .split('\n')
    .flatMap((line) => {
      const [text = '', ref = ''] = line.split('\t');
      const id = parseGitOid(text);
      // What a tag leads to comes with the tag.
      return id === undefined || ref.endsWith('^{}') ? [] : [{ id, ref }];
    });
}

async function notHere(tips: readonly Tip[], git: GitOptions): Promise<readonly Tip[]> {
  if (tips.length === 0) return [];
  const { stdout } = await runGit(['cat-file', '--batch-check=%(objecttype) %(objectname)'], {
    ...git,
    env: { ...git.env, GIT_NO_LAZY_FETCH: '1' },
    input: `${tips.map(({ id }) => id).join('\n')}\n`,
    maxBytes,
  });
  const absent = new Set(
    stdout
      .toString('latin1')
      .split('\n')
      .flatMap((line) => (line.endsWith(' missing') ? [line.split(' ', 1)[0] ?? ''] : [])),
  );
  return tips.filter(({ id }) => absent.has(id));
}

/** Objects alone: no ref, no data (a helper below our own Git moves none), no tags beside. */
async function fetchTips(
  { address, shown }: GitRemote,
  tips: readonly Tip[],
  git: GitOptions,
  stderr: (text: string) => void,
): Promise<void> {
  const args = [
    'fetch',
    '--quiet',
    '--no-tags',
    '--no-write-fetch-head',
    '--no-recurse-submodules',
    '--refmap=',
    '--stdin',
  ];
  const input = `${tips.map(({ ref }) => ref).join('\n')}\n`;
  const { code } = await runGit(['-c', 'gc.auto=0', ...args, '--', address], { ...git, stderr, input, accept: 'any' });
  if (code !== 0) throw new HelperError('unavailable', `commits of ${shown} could not be fetched`);
}
