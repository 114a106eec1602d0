import { chmodSync, copyFileSync, cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { openWorld, type World } from '../kit/world.ts';
import type { Stage } from './play.ts';

/** A clone one commit ahead of its bare Git remote, and a folder of helper programs on PATH. */
export interface Grounds {
  readonly world: World;
  readonly work: string;
  readonly bare: string;
  /** The commit that both have. */
  readonly shared: string;
  /** A commit that the clone has after `arrive`, and no more after `depart`. */
  readonly incoming: string;
  arrive(): void;
  depart(): void;
  /** An object that nobody has. */
  readonly nowhere: string;
  program(name: string, script: string): void;
  stage(url: string, more?: NodeJS.ProcessEnv): Stage;
  /** The bare repository as it was in the beginning. */
  reset(): void;
}

export function openGrounds(): Grounds {
  const date = '1700000000 +0000';
  const world = openWorld({ GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date });
  const [work, bare] = [world.path('work'), world.path('bare.git')];
  world.git(world.directory, 'init', '-q', '--bare', bare);
  world.git(bare, 'config', 'receive.denyDeleteCurrent', 'ignore');
  world.git(world.directory, 'init', '-q', work);
  world.git(work, 'commit', '-q', '--allow-empty', '-m', 'one');
  world.git(work, 'push', '-q', bare, 'main');
  const shared = world.git(work, 'rev-parse', 'main');
  world.git(work, 'commit', '-q', '--allow-empty', '-m', 'two');
  cpSync(bare, world.path('template.git'), { recursive: true });
  mkdirSync(world.path('bin'));
  const incoming = world.git(work, 'commit-tree', '-m', 'three', '-p', shared, `${shared}^{tree}`);
  const object = `${work}/.git/objects/${incoming.slice(0, 2)}/${incoming.slice(2)}`;
  const kept = world.path('kept');
  renameSync(object, kept);
  const path = `${world.path('bin')}${delimiter}${world.env.PATH}`;
  return {
    world,
    work,
    bare,
    shared,
    incoming,
    arrive: () => copyFileSync(kept, object),
    depart: () => rmSync(object, { force: true }),
    nowhere: 'c'.repeat(40),
    program: (name, script) => {
      writeFileSync(world.path('bin', name), `#!/bin/sh\n${script}\n`);
      chmodSync(world.path('bin', name), 0o755);
    },
    // Absolute: this process stands somewhere else, and programs it starts for a push stand where it does.
    stage: (url, more = {}) => ({
      argv: ['origin', url],
      cwd: work,
      env: { ...world.env, PATH: path, GIT_DIR: `${work}/.git`, ...more },
    }),
    reset: () => {
      rmSync(bare, { recursive: true, force: true });
      cpSync(world.path('template.git'), bare, { recursive: true });
    },
  };
}
