import { execFileSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Options } from './options.ts';

/** The top of this project. */
export const top: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Absolute paths. */
export interface Programs {
  readonly git: string;
  readonly node: string;
  readonly python: string;
  readonly weed: string;
  readonly dvc: string;
  readonly s5cmd: string;
  readonly rclone: string;
  readonly scp: string;
}

/**
 * Finds what the contestants need. A peer that was not asked for may be absent, and its path is empty then.
 *
 * @throws Error that names every program that is not there, and how to say where it is
 */
export function findPrograms({ only, over }: Pick<Options, 'only' | 'over'>): Programs {
  const missing: string[] = [];
  const find = (name: string, variable?: string, wanted = true): string => {
    const named = variable === undefined ? undefined : process.env[variable];
    const found = named !== undefined && named !== '' ? (runs(named) ? named : undefined) : onPath(name);
    if (found !== undefined) return found;
    if (wanted) missing.push(variable === undefined ? `'${name}'` : `'${name}' (PATH or ${variable})`);
    return '';
  };
  const programs: Programs = {
    git: find('git'),
    node: process.execPath,
    python: realPython(find('python3')),
    weed: find('weed', 'DVCEXP_TEST_WEED', over === 's3'),
    dvc: find('dvc', 'DVCEXP_TEST_DVC', only.includes('dvc')),
    s5cmd: find('s5cmd', 'DVCEXP_BENCH_S5CMD', only.includes('s5cmd')),
    rclone: find('rclone', 'DVCEXP_TEST_RCLONE', only.includes('rclone')),
    scp: find('scp', undefined, only.includes('scp')),
  };
  const helper = join(top, 'bin', 'git-remote-dvcexp');
  if (only.includes('ours') && !runs(helper)) missing.push("'bin/git-remote-dvcexp'");
  if (missing.length > 0) throw new Error(`not found: ${missing.join(', ')}`);
  return programs;
}

/** Behind `python3` may stand a script that starts others, and what those cost would be counted with the rest. */
function realPython(path: string): string {
  if (path === '') return '';
  return execFileSync(path, ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8', timeout: 30_000 }).trim();
}

function onPath(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find(runs);
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
