import { HelperError } from '../model/error.ts';
import { parseKey } from '../model/object.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { printable } from '../report/printable.ts';
import { locateStorage, type OpenContext } from './open.ts';
import { retrying } from './retry.ts';
import type { OpenSweeper, Sweeper } from './sweeper.ts';

/** Scheme → sweeper. What can be written and is not here cannot be swept. */
const sweepers: Readonly<Record<string, () => Promise<OpenSweeper>>> = {
  local: async () => (await import('./local/sweeper.ts')).openLocalSweeper,
  s3: async () => (await import('./s3/sweeper.ts')).openS3Sweeper,
  ssh: async () => (await import('./ssh/sweeper.ts')).openSshSweeper,
  gs: async () => (await import('./gs/sweeper.ts')).openGsSweeper,
  azure: async () => (await import('./azure/sweeper.ts')).openAzureSweeper,
  webdav: async () => (await import('./webdav/sweeper.ts')).openWebdavSweeper,
  webdavs: async () => (await import('./webdav/sweeper.ts')).openWebdavSweeper,
  gdrive: async () => (await import('./gdrive/sweeper.ts')).openDriveSweeper,
};

/** Throws `unsupported` where nothing can be removed. */
export function requireSweepable({ name, scheme }: StorageConfig): void {
  if (Object.hasOwn(sweepers, scheme)) return;
  const why = /^https?$/.test(scheme) ? 'HTTP has no listing, so nobody can tell what is there' : 'it is not supported';
  throw new HelperError('unsupported', `objects cannot be removed from storage remote '${printable(name)}': ${why}`);
}

/** Opens, with retries, once the judge lets it: who may not write there may not remove. Throws as `openStorage` does. */
export async function openSweeper(config: StorageConfig, context: OpenContext): Promise<Sweeper> {
  requireSweepable(config);
  const origin = await locateStorage(config, context);
  const guard = await context.judge.guardFor(config, origin);
  const load = sweepers[config.scheme];
  if (load === undefined) throw new HelperError('unsupported', `storage of the kind '${config.scheme}' is unknown`);
  const open = await load();
  const { concurrency, remove, close } = await open(config, { ...context, guard });
  const repeat = retrying(context.retry);
  return {
    concurrency,
    remove: (key, operation) => repeat(`remove ${key}`, operation.signal, () => remove(requireName(key), operation)),
    close,
  };
}

const runPattern = /^runs\/([0-9a-f]{2})\/\1[0-9a-f]{62}\/[0-9a-f]{64}$/;

/** Nothing but what DVC has made is ever removed, whoever asks. */
function requireName(key: string): string {
  if (parseKey(key) !== undefined || runPattern.test(key)) return key;
  throw new HelperError('usage', `'${printable(key)}' is no object of DVC, and is not removed`);
}
