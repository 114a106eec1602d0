// A git command in a process group of its own, as a terminal starts it, that can be shot at.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ran, World } from '../kit/world.ts';

export interface Running {
  /** Ctrl-C: SIGINT for git, the helper and all they started. Waits until none of them is left. */
  interrupt(): Promise<Ran>;
  /** `kill -9` of the helper alone. */
  killHelper(): Promise<Ran>;
  readonly ended: Promise<Ran>;
}

let serial = 0;

export function startGit(world: World, cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  // The trace is where the helper says its process ID, on every system.
  const trace = join(world.directory, `trace-${serial++}`);
  const child = spawn('git', args, {
    cwd,
    env: { ...world.env, GIT_TRACE_DVCEXP: trace, ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
    });
  const ended = new Promise<Ran>((resolve) => {
    const timer = setTimeout(() => kill(-(child.pid ?? 0), 'SIGKILL'), 60_000);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ ...text, code: code ?? (signal === 'SIGINT' ? 130 : 137) });
    });
  });
  const helper = (): number => Number(/dvcexp\[(\d+)\]/.exec(readFileSync(trace, 'utf8'))?.[1]);
  return {
    ended,
    async interrupt() {
      kill(-(child.pid ?? 0), 'SIGINT');
      const ran = await ended;
      await until(() => !kill(helper(), 0), 'the helper has ended');
      return ran;
    },
    async killHelper() {
      kill(helper(), 'SIGKILL');
      return await ended;
    },
  };
}

/** False when there is no such process. */
function kill(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

export async function until(reached: () => boolean, what: string, longestMs = 20_000): Promise<void> {
  for (const end = Date.now() + longestMs; !reached(); await sleep(2))
    if (Date.now() > end) throw new Error(`waited in vain: ${what}`);
}
