import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { isAbort } from '../model/error.ts';
import { type Environment, runGit } from './process.ts';

/** What Git meets when it starts `git remote-dvcexp`. */
export type HelperAnswer =
  /** This program: its version, and the version of Node that runs it. */
  | { readonly kind: 'ours'; readonly version: string; readonly node: string }
  | { readonly kind: 'absent' }
  /** Some program of that name that does not say our version. */
  | { readonly kind: 'stranger' }
  /** It is there and cannot run; `reason` is the line that tells most, '' when there is none. */
  | { readonly kind: 'broken'; readonly reason: string };

const answerMs = 10_000;

/**
 * Asks the helper for its version through Git itself, so that it is found as a push will find it. Its stdin is empty:
 * also a program that takes this for a conversation ends. One that does not within ten seconds is `broken`.
 */
export async function askHelper(options: {
  readonly env: Environment;
  readonly cwd: string;
  readonly signal: AbortSignal;
}): Promise<HelperAnswer> {
  const timeout = AbortSignal.timeout(answerMs);
  const signal = AbortSignal.any([options.signal, timeout]);
  try {
    const args = ['remote-dvcexp', '--version'];
    // Untranslated: the line that says "not a git command" is looked for.
    const env = { ...options.env, LC_ALL: 'C', LANGUAGE: undefined };
    const { code, stdout, stderr } = await runGit(args, {
      ...options,
      env,
      signal,
      accept: 'any',
      maxBytes: 64 * 1024,
    });
    return judge(code, stdout.toString(), stderr);
  } catch (error) {
    if (options.signal.aborted || !isAbort(error)) throw error;
    return { kind: 'broken', reason: `no answer within ${answerMs / 1000} seconds` };
  }
}

function judge(code: number, stdout: string, stderr: string): HelperAnswer {
  const [, version, node] = /^git-remote-dvcexp version (\S+) \(node (\S+)\)$/m.exec(stdout) ?? [];
  if (code === 0 && version !== undefined && node !== undefined) return { kind: 'ours', version, node };
  if (/'remote-dvcexp' is not a git command/.test(stderr)) return { kind: 'absent' };
  const lines = stderr.split('\n').map((line) => line.trim());
  const reason = lines.find((line) => /\b(?:Error|error|fatal|cannot|not found)\b|No such file/.test(line)) ?? '';
  if (code === 0 || code === 129) return { kind: 'stranger' };
  return { kind: 'broken', reason };
}

/** `PATH` as Git searches it for its helpers: its own programs first. */
export async function helperPath(options: {
  readonly env: Environment;
  readonly cwd: string;
  readonly signal: AbortSignal;
}): Promise<string> {
  const { stdout } = await runGit(['--exec-path'], options);
  const own = stdout.toString().replace(/\n$/, '');
  const path = options.env.PATH ?? '';
  return path.split(delimiter)[0] === own ? path : `${own}${delimiter}${path}`;
}

/**
 * Programs of this name in the folders of a `PATH`, in its order, each file once however many links lead to it.
 *
 * @param platform Node's `process.platform`; on Windows a program has an extension, and Git's scripts have none
 */
export function programsOnPath(name: string, path: string, platform: string): readonly string[] {
  const names = platform === 'win32' ? [name, `${name}.exe`, `${name}.cmd`] : [name];
  const found = new Map<string, string>();
  for (const folder of path.split(delimiter)) {
    if (folder === '') continue;
    for (const each of names) {
      const file = join(folder, each);
      const real = executable(file);
      if (real !== undefined && !found.has(real)) found.set(real, file);
    }
  }
  return [...found.values()];
}

/** The real path of a program; undefined for what is none. */
function executable(file: string): string | undefined {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile() ? realpathSync(file) : undefined;
  } catch {
    return undefined;
  }
}
