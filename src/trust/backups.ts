import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CredentialPlace } from '../storage/remote.ts';

/** One file for each place whose secret was moved to Git, until the secret has opened a door from there. */
function pathOf(directory: string, { protocol, host, path }: CredentialPlace): string {
  const name = createHash('sha256')
    .update(JSON.stringify([protocol, host, path]))
    .digest('hex')
    .slice(0, 32);
  return join(directory, 'imported', name);
}

/**
 * Keeps a text that holds a secret, readable by its owner alone. Answers where.
 *
 * @param directory the repository's `dvcexp` folder in its common Git directory
 */
export function writeBackup(directory: string, place: CredentialPlace, text: string): string {
  const path = pathOf(directory, place);
  mkdirSync(join(directory, 'imported'), { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
  return path;
}

/** Safe to call when there is none. */
export function removeBackup(directory: string, place: CredentialPlace): void {
  rmSync(pathOf(directory, place), { force: true });
}
