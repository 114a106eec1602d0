import { checkAllowed, checkPassword, resolveAddress } from '../git/policy.ts';
import { runGit } from '../git/process.ts';
import { askHelper, helperPath, programsOnPath } from '../git/programs.ts';
import { HelperError } from '../model/error.ts';
import { version } from '../model/version.ts';
import { displayUrl, printable } from '../report/printable.ts';
import { unsetCommand, word } from './commands.ts';
import type { CommandContext } from './context.ts';
import { type Finding, warn } from './finding.ts';
import { type GitRemote, holdsPassword, isPrefixed, passwordRemedy } from './remote.ts';
import { type CommandRepository, firstLine, type GitOptions } from './repository.ts';

/** Throws `config` unless Git finds this helper and it runs; warns when it is another version than this program. */
export async function checkHelper(git: GitOptions): Promise<readonly Finding[]> {
  const answer = await askHelper(git);
  const refuse = (what: string, ...hints: string[]): HelperError =>
    new HelperError('config', `${what}; with it set up, every push and fetch would fail`, { hints });
  if (answer.kind === 'absent') {
    throw refuse(
      "Git does not find 'git-remote-dvcexp' on PATH",
      "it is installed beside 'git-dvcexp': add the folder of that to PATH",
    );
  }
  if (answer.kind === 'stranger') {
    throw refuse(
      "the 'git-remote-dvcexp' that Git finds does not tell its version, so it is another program or an old one",
      "'git dvcexp doctor' shows where it is",
    );
  }
  if (answer.kind === 'broken') {
    throw refuse(
      `'git-remote-dvcexp' does not run${answer.reason === '' ? '' : `: ${printable(answer.reason)}`}`,
      "'git dvcexp doctor' tells more",
    );
  }
  if (answer.version === version) return [];
  const text = `Git finds git-remote-dvcexp ${printable(answer.version)}, and this is git-dvcexp ${version}`;
  return [warn(text, "'git dvcexp doctor' shows where it is")];
}

/** Throws `config` for a remote that another helper serves; answers true when it is ours already. */
export function checkVcs({ name, vcs }: GitRemote, repository: CommandRepository): boolean {
  const last = vcs.at(-1);
  if (last === undefined) return false;
  if (last.value === 'dvcexp') return true;
  const key = `remote.${name}.vcs`;
  throw new HelperError(
    'config',
    `Git remote '${printable(name)}' is served by another helper: ${printable(key)} is '${printable(last.value)}' in '${printable(last.file)}'`,
    { hints: [`only one can serve it; to give that one up: ${unsetCommand(key, last, repository)}`] },
  );
}

/** Throws `config` for URLs that do not work behind the helper. Answers what to say about the others. */
export async function checkUrls(
  remote: GitRemote,
  repository: CommandRepository,
  context: CommandContext,
): Promise<readonly Finding[]> {
  const { configuration, git } = repository;
  const { name, urls } = remote;
  // As Git will see it: the helper by `vcs`, URLs rewritten.
  const assumed = {
    ...configuration,
    get: (key: string) => (key === `remote.${name}.vcs` ? 'dvcexp' : configuration.get(key)),
  };
  checkAllowed({ kind: 'helper', helper: 'dvcexp', address: '' }, configuration, git.env);
  const path = await helperPath(git);
  const directions = [
    ...urls.fetch.slice(0, 1).map((url) => ({ url, direction: 'fetch' as const })),
    ...urls.push.map((url) => ({ url, direction: 'push' as const })),
  ];
  for (const { url, direction } of directions) {
    // Where the prefix alone starts the helper, that refuses what Git would print.
    if (isByUrlAlone(remote)) checkPassword({ remoteName: name, url }, configuration);
    const { url: inner } = resolveAddress({ remoteName: name, url, direction }, assumed, git.env);
    if (inner.kind !== 'helper') continue;
    const program = `git-remote-${inner.helper}`;
    if (programsOnPath(program, path, context.platform).length > 0) {
      refuseOther(remote, url, program);
      continue;
    }
    throw new HelperError(
      'config',
      `'${displayUrl(url)}' needs the helper '${printable(program)}', which Git does not find`,
      { hints: [`install it, or change the URL: git remote set-url ${word(name)} <url>`] },
    );
  }
  return [...prefixWarnings(remote), ...passwordWarnings(remote)];
}

/** The helper that a URL names counts for more than `vcs` (gitremote-helpers(7), "Invocation"). */
function refuseOther({ name }: GitRemote, url: string, program: string): void {
  if (isPrefixed(url) || !/^[a-z0-9+.-]+::/i.test(url)) return;
  const shown = displayUrl(url);
  throw new HelperError('config', `for '${shown}' Git starts '${printable(program)}' and heeds no 'vcs'`, {
    hints: [`put ours in front: git remote set-url ${word(name)} ${word(`dvcexp::${shown}`)}`],
  });
}

function prefixWarnings(remote: GitRemote): readonly Finding[] {
  const { name, urls, written } = remote;
  const prefixed = [...urls.fetch, ...urls.push].find(isPrefixed);
  if (prefixed === undefined) return [];
  const shown = displayUrl(prefixed);
  const alone = isByUrlAlone(remote);
  const text = `'${shown}' ${alone ? 'starts the helper' : "starts the helper as well, and 'vcs' is enough"}; tools that read such a URL themselves, DVC among them, cannot use it`;
  if (!written.some(isPrefixed)) {
    return [warn(text, "a rule makes it so: git config --show-origin --get-regexp '^url\\.dvcexp::'")];
  }
  const plain = word(shown.replace(/^(?:dvcexp::)+/, ''));
  const then = alone ? ` && git dvcexp setup ${word(name)}` : '';
  return [warn(text, `better: git remote set-url ${word(name)} ${plain}${then}`)];
}

export function passwordWarnings({ name, written }: GitRemote): readonly Finding[] {
  const url = written.find(holdsPassword);
  if (url === undefined) return [];
  return [
    warn(
      `the URL of '${printable(name)}' holds a password, which everybody who can read the configuration can read`,
      passwordRemedy(name, url),
      'and let Git keep it: git config credential.helper store, or a better one (gitcredentials(7))',
    ),
  ];
}

/**
 * Throws `config` in a submodule whose `git submodule update` would break: Git starts helpers there only when
 * `protocol.<helper>.allow` says `always` (git-config(1), protocol.allow).
 */
export async function checkSubmodule({ configuration }: CommandRepository, git: GitOptions): Promise<void> {
  const { code, stdout } = await runGit(['rev-parse', '--show-superproject-working-tree'], {
    ...git,
    accept: [0, 128],
  });
  if (code !== 0 || firstLine(stdout) === '') return;
  try {
    const submodule = { ...git.env, GIT_PROTOCOL_FROM_USER: '0' };
    checkAllowed({ kind: 'helper', helper: 'dvcexp', address: '' }, configuration, submodule);
  } catch {
    throw new HelperError('config', "this is a submodule: 'git submodule update' would refuse the helper", {
      hints: ['allow it here: git config protocol.dvcexp.allow always', 'then run this command again'],
    });
  }
}

/** True when fetch and push go through the helper by their URLs, and no setting says more. */
export function isByUrlAlone({ urls, vcs }: GitRemote): boolean {
  return vcs.length === 0 && [...urls.fetch.slice(0, 1), ...urls.push].every(isPrefixed);
}
