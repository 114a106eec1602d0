// What a malformed thing is, and how it reaches the product.
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { World } from '../kit/world.ts';
import type { Team } from './team.ts';

export interface Scene extends Team {
  readonly world: World;
}

/** Git's arguments, and what is in its environment. */
export interface Act {
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export interface BadInput {
  /** What is wrong, for people. */
  readonly name: string;
  arrange?(scene: Scene): void;
  /**
   * `push`: Alice pushes main. `fetch`: an empty clone, Bob's, fetches what Alice has committed as an experiment and
   * her storage holds. `clone`: the same commit as a branch. Else what Alice types.
   */
  readonly act: 'push' | 'fetch' | 'clone' | Act;
  readonly code: number;
  /** Every one of them on stderr. */
  readonly says: readonly RegExp[];
  /** Do refs arrive at the other end nevertheless? */
  readonly moves: boolean;
}

/** `.dvc/config` with this text for the remote's section. */
export const remoteSection = (text: string): string => `[core]\n    remote = storage\n['remote "storage"']\n${text}`;

/** An object of any content in the storage directory, under the name of its bytes. Answers the name. */
export function plant(scene: Scene, bytes: string | Buffer, extension: '' | '.dir' = '.dir'): string {
  const name = createHash('md5').update(bytes).digest('hex') + extension;
  plantAs(scene, name, bytes);
  return name;
}

export function plantAs(scene: Scene, name: string, bytes: string | Buffer): void {
  const path = join(scene.storage, 'files', 'md5', name.slice(0, 2), name.slice(2));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

/** The same in Alice's cache. */
export function plantInCache(scene: Scene, bytes: string | Buffer): string {
  const name = `${createHash('md5').update(bytes).digest('hex')}.dir`;
  const path = join(scene.alice, '.dvc', 'cache', 'files', 'md5', name.slice(0, 2), name.slice(2));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return name;
}

export const metafile = (name: string, path = 'evil'): string =>
  `outs:\n- md5: ${name}\n  size: 1\n  hash: md5\n  path: ${path}\n`;

/** Storage as if Alice had pushed. */
export function fillStorage(scene: Scene): void {
  cpSync(join(scene.alice, '.dvc', 'cache'), scene.storage, { recursive: true });
}
