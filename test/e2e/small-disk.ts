// A disk that is full or cannot be written, for one command.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import type { Ran, World } from '../kit/world.ts';

/** `unshare -m` needs root, `unshare -rm` user namespaces; elsewhere a limit on the size of files has to do. */
const unshare = [['-m'], ['-rm']].find(
  (flags) =>
    spawnSync('unshare', [...flags, 'sh', '-c', 'mount -t tmpfs tmpfs /mnt'], { stdio: 'ignore' }).status === 0,
);

/**
 * Runs git while `directory` is on a disk of 1 MiB with what was in it before, then brings back what was left there.
 * The message of a full disk is in `reasons`.
 */
export async function withSmallDisk(
  world: World,
  directory: string,
  cwd: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  mkdirSync(directory, { recursive: true });
  const left = `${directory}.left`;
  const script =
    unshare === undefined
      ? 'ulimit -f 2048; shift 2; exec git "$@"'
      : [
          'cp -a "$1" "$2" && mount -t tmpfs -o size=1m,mode=755 tmpfs "$1" && cp -a "$2/." "$1/" || exit 99',
          'dir=$1 left=$2; shift 2; git "$@"; code=$?; rm -rf "$left"; cp -a "$dir" "$left" || exit 99; exit $code',
        ].join('\n');
  const command = ['sh', '-c', script, 'sh', directory, left, ...args];
  const [program = '', ...rest] = unshare === undefined ? command : ['unshare', ...unshare, ...command];
  const ran = await world.runAsync(cwd, program, rest, { env });
  if (existsSync(left)) cpSync(left, directory, { recursive: true });
  return ran;
}

export const fullDisk: RegExp = /no space left on device|file too large|EFBIG/;
