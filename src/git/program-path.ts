import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

const windows = delimiter === ';';

/**
 * The file that a program's name stands for, never one in the folder where this process happens to be: a repository
 * could bring a `git` or `ssh` of its own. Answers the name itself where the system looks in named folders only, and
 * undefined where none of these has the program.
 *
 * @param onWindows the system looks in the current folder first whatever `PATH` says, and programs end in `.exe`
 */
export function locate(program: string, env: Environment, onWindows: boolean = windows): string | undefined {
  if (/[\\/]/.test(program)) return program;
  const path = pathOf(env);
  // The system then has folders of its own.
  if (path === undefined) return program;
  const folders = path.split(delimiter);
  const named = folders.filter((folder) => isAbsolute(folder));
  if (!onWindows && named.length === folders.length) return program;
  const name = onWindows && !/\.(?:exe|com)$/i.test(program) ? `${program}.exe` : program;
  return named.map((folder) => join(folder, name)).find(isProgram);
}

/** Windows says `Path`, and a copy of its environment does not forget it. */
function pathOf(env: Environment): string | undefined {
  return env.PATH ?? Object.entries(env).find(([name]) => name.toUpperCase() === 'PATH')?.[1];
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}
