// Git's credential system in a world of its own: the `store` helper, and a program for asking that answers what it was
// told to. For tests of storage that takes its secrets from there.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readConfiguration } from '../../src/git/configuration.ts';
import { type GitCredentials, openCredentials } from '../../src/trust/credentials.ts';
import type { World } from './world.ts';

export interface Asking {
  /** Environment in which Git asks with the program. */
  readonly env: NodeJS.ProcessEnv;
  /** The lines that said what a question is about. */
  readonly lines: string[];
  /** Questions so far, as the program was asked. */
  prompts(): readonly string[];
  /** What the program answers from now on, one for each question. */
  answers(...words: string[]): void;
  /** What the helper keeps from now on, as URLs. */
  keep(...urls: string[]): void;
  kept(): string;
  /** Forgets questions. */
  forget(): void;
  /** Forgets questions, lines, answers and what is kept. */
  reset(): void;
  /** As one process has it. */
  open(env?: NodeJS.ProcessEnv): Promise<GitCredentials>;
}

export function openAsking(world: World): Asking {
  const [prompts, answers, store] = ['prompts', 'answers', 'home/.git-credentials'].map((name) => world.path(name));
  const lines: string[] = [];
  const read = (path = ''): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
  const write = (path = '', words: readonly string[]): void =>
    writeFileSync(path, words.map((each) => `${each}\n`).join(''));
  world.git(world.directory, 'config', '--global', 'credential.helper', 'store');
  const script = [
    '#!/bin/sh',
    `printf '%s\\n' "$1" >>'${prompts}'`,
    `head -n 1 '${answers}'`,
    `sed -i 1d '${answers}'`,
  ];
  writeFileSync(world.path('askpass'), `${script.join('\n')}\n`, { mode: 0o755 });
  write(answers, []);
  return {
    env: { GIT_ASKPASS: world.path('askpass') },
    lines,
    prompts: () => read(prompts).split('\n').slice(0, -1),
    answers: (...words) => write(answers, words),
    keep: (...urls) => write(store, urls),
    kept: () => read(store),
    forget: () => rmSync(prompts ?? '', { force: true }),
    reset() {
      for (const path of [prompts, store]) rmSync(path ?? '', { force: true });
      write(answers, []);
      lines.length = 0;
    },
    async open(env = {}) {
      const git = {
        cwd: world.directory,
        env: { ...world.env, ...env },
        signal: new AbortController().signal,
      };
      return openCredentials({
        git,
        platform: process.platform,
        configuration: (await readConfiguration(git)).get,
        aside: async (line, work) => {
          lines.push(line);
          return await work();
        },
      });
    },
  };
}
