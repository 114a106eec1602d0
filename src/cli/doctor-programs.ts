import { delimiter, parse } from 'node:path';
import { runGit } from '../git/process.ts';
import { askHelper, type HelperAnswer, helperPath, programsOnPath } from '../git/programs.ts';
import { HelperError, isAbort } from '../model/error.ts';
import { version } from '../model/version.ts';
import { word } from './commands.ts';
import type { CommandContext } from './context.ts';
import { error, type Finding, failed, ok, warn } from './finding.ts';
import { firstLine, type GitOptions } from './repository.ts';

const oldestGit = '2.34';
const oldestNode = '20.19';
const helper = 'git-remote-dvcexp';

/**
 * Git, Node and the helper: what a push will meet when it is started here, and from a desktop. Answers whether there is
 * a Git to look further with.
 */
export async function* checkPrograms(
  options: GitOptions,
  context: CommandContext,
): AsyncGenerator<Finding, boolean, undefined> {
  // Outside of the repository, whose configuration may be what is wrong.
  const git = { ...options, cwd: parse(options.cwd).root, env: { ...options.env, GIT_DIR: undefined } };
  try {
    yield judgeVersion('git', firstLine((await runGit(['--version'], git)).stdout), oldestGit);
  } catch (thrown) {
    if (isAbort(thrown)) throw thrown;
    yield failed(thrown);
    return false;
  }
  yield judgeVersion('node', context.nodeVersion, oldestNode);
  const path = await helperPath(git);
  const found = programsOnPath(helper, path, context.platform);
  const answer = await askHelper(git);
  yield judgeHelper(answer, found, programsOnPath('node', path, context.platform));
  if (found.length > 1) {
    yield warn(
      `${found.length} programs named ${helper} are on PATH, and Git takes the first: ${found.join(', ')}`,
      'remove those that are old',
    );
  }
  if (answer.kind === 'ours') yield* checkDesktop(git, found, path, context);
  return true;
}

/** True when `text` holds a version that is not below `oldest`, by its first two numbers. */
export function isRecent(text: string, oldest: string): boolean {
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(text)?.slice(1) ?? []).map(Number);
  const [least = 0, below = 0] = oldest.split('.').map(Number);
  return major > least || (major === least && minor >= below);
}

function judgeVersion(program: 'git' | 'node', text: string, oldest: string): Finding {
  const name = `${program} ${/\d[\w.-]*/.exec(text)?.[0] ?? text}`;
  return isRecent(text, oldest) ? ok(name) : error(`${name} is too old: ${oldest} is the oldest that works`);
}

function judgeHelper(answer: HelperAnswer, found: readonly string[], nodes: readonly string[]): Finding {
  const [file = ''] = found;
  switch (answer.kind) {
    case 'absent':
      return error(
        `Git does not find ${helper} on PATH`,
        `it is installed beside git-dvcexp: add the folder of that to PATH`,
      );
    case 'stranger':
      return error(
        `${file} does not tell its version: it is another program, or an old one`,
        'remove it, or put the folder of this git-dvcexp before it on PATH',
      );
    case 'broken':
      return error(`${file} does not run: ${whyBroken(answer.reason, nodes)}`, ...brokenHints(nodes));
    case 'ours':
      if (!isRecent(answer.node, oldestNode))
        return error(`${helper} runs on node ${answer.node}, which is too old: ${oldestNode} is the oldest that works`);
      if (answer.version !== version)
        return warn(`${helper} is ${answer.version} and git-dvcexp is ${version}`, `the helper is ${file}`);
      return ok(`${helper} ${answer.version}: ${file}`);
  }
}

function whyBroken(reason: string, nodes: readonly string[]): string {
  if (nodes.length === 0) return "it needs 'node', which is not on PATH";
  return reason === '' ? 'it ends without a word' : reason;
}

function brokenHints(nodes: readonly string[]): readonly string[] {
  return nodes.length === 0 ? [`install Node ${oldestNode} or later`] : ['GIT_TRACE=1 git remote-dvcexp --version'];
}

/**
 * PATH of programs that a desktop starts and no shell prepared (launchd on macOS; elsewhere what the login leaves when
 * `.bashrc` is not read). undefined on Windows, where the PATH of terminals is that of all programs.
 */
export function desktopPath(platform: string): string | undefined {
  if (platform === 'win32') return undefined;
  return (
    platform === 'darwin' ? ['/usr/bin', '/bin', '/usr/sbin', '/sbin'] : ['/usr/local/bin', '/usr/bin', '/bin']
  ).join(delimiter);
}

async function* checkDesktop(
  git: GitOptions,
  [file = '']: readonly string[],
  path: string,
  { platform }: CommandContext,
): AsyncGenerator<Finding> {
  const desktop = desktopPath(platform);
  if (desktop === undefined) return;
  const [node] = programsOnPath('node', path, platform);
  const nodeThere = programsOnPath('node', desktop, platform).length > 0;
  let answer: HelperAnswer | undefined;
  try {
    answer = await askHelper({ ...git, env: { ...git.env, PATH: desktop, GIT_EXEC_PATH: undefined } });
  } catch (thrown) {
    // Git itself is not there either.
    if (!(thrown instanceof HelperError) || isAbort(thrown)) throw thrown;
  }
  yield judgeDesktop(answer, { desktop, file, node, nodeThere, platform });
}

/**
 * @param answer what Git on that PATH meets; undefined when there is no Git
 * @param here the helper and the Node that are found from here, and whether some Node is found from there
 */
export function judgeDesktop(
  answer: HelperAnswer | undefined,
  here: {
    readonly desktop: string;
    readonly file: string;
    readonly node: string | undefined;
    readonly nodeThere: boolean;
    readonly platform: string;
  },
): Finding {
  const { desktop, file, node, nodeThere, platform } = here;
  const they = `programs that a desktop starts (PATH ${desktop})`;
  if (answer === undefined) return warn(`${they} may not find git`);
  if (answer.kind === 'ours' && isRecent(answer.node, oldestNode)) return ok(`${they} find it too`);
  const needsNode = answer.kind === 'ours' || !nodeThere;
  const link = (target: string, name: string): string => `sudo ln -s ${word(target)} ${word(`/usr/local/bin/${name}`)}`;
  const links = [
    ...(answer.kind === 'absent' ? [link(file, helper)] : []),
    ...(needsNode && node !== undefined ? [link(node, 'node')] : []),
  ];
  return warn(
    `${they} ${desktopFault(answer, nodeThere)}`,
    'start them from a terminal',
    // What launchd has on its PATH belongs to the system.
    ...(platform === 'darwin' ? ['or give them yours: sudo launchctl config user path "$PATH", and start anew'] : []),
    ...(platform !== 'darwin' && links.length > 0 ? [`or: ${links.join(' && ')}`] : []),
  );
}

function desktopFault(answer: HelperAnswer, nodeThere: boolean): string {
  switch (answer.kind) {
    case 'absent':
      return `may not find ${helper}${nodeThere ? '' : " and the 'node' it needs"}`;
    case 'ours':
      return `may run it with node ${answer.node}, which is too old`;
    case 'stranger':
      return `may find another ${helper}`;
    case 'broken':
      return nodeThere
        ? `may find ${helper}, which does not run there: ${answer.reason}`
        : `may find ${helper} and not the 'node' it needs`;
  }
}
