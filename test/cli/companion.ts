// `git dvcexp <command>` in this process, with a helper on PATH that only tells its version: real Git, no start of Node.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCompanion } from '../../src/cli/app.ts';
import { version } from '../../src/model/version.ts';
import type { Ran, World } from '../kit/world.ts';

const top = join(import.meta.dirname, '..', '..');

/** A program at `<folder>/<name>` with these lines of shell. Answers the folder. */
export function program(world: World, folder: string, name: string, script: string): string {
  mkdirSync(world.path(folder), { recursive: true });
  writeFileSync(world.path(folder, name), `#!/bin/sh\n${script}\n`);
  chmodSync(world.path(folder, name), 0o755);
  return world.path(folder);
}

export const answering = (text: string): string => `test "$*" = --version && echo '${text}'`;
export const ours: string = `git-remote-dvcexp version ${version} (node ${process.versions.node})`;

/** Puts the quick helper before everything else on the world's PATH. */
export function useQuickHelper(world: World): void {
  const folder = program(world, 'quick', 'git-remote-dvcexp', answering(ours));
  world.env.PATH = `${folder}${delimiter}${world.env.PATH}`;
}

export async function companion(
  world: World,
  cwd: string,
  args: readonly string[],
  options: {
    env?: NodeJS.ProcessEnv;
    nodeVersion?: string;
    terminal?: boolean;
    stdoutTerminal?: boolean;
    pageAssets?: string;
  } = {},
): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const code = await runCompanion(
    args,
    {
      cwd,
      env: { ...world.env, ...options.env },
      platform: process.platform,
      nodeVersion: options.nodeVersion ?? process.versions.node,
      home: world.env.HOME ?? '',
      stdout: (text) => (stdout += text),
      stderr: (text) => (stderr += text),
      terminal: options.terminal ?? false,
      stdoutTerminal: options.stdoutTerminal ?? false,
      manual: join(top, 'dist', 'man'),
      completion: join(top, 'completion'),
      pageAssets: options.pageAssets,
    },
    { signal: AbortSignal.timeout(60_000) },
  );
  return { code, stdout, stderr };
}

/** The one line that matches, its level first, with its hints. */
export function finding({ stdout }: Ran, pattern: RegExp): string {
  const blocks = stdout.split(/\n(?=ok|warn|error|\d)/).filter((block) => pattern.test(block));
  assert.equal(blocks.length, 1, `${pattern} in\n${stdout}`);
  return blocks[0] ?? '';
}

export function has(ran: Ran, level: 'ok' | 'warn' | 'error', pattern: RegExp): string {
  const found = finding(ran, pattern);
  assert.equal(found.split(' ')[0], level, found);
  return found;
}
