import { createHash } from 'node:crypto';
import { originUrl } from '../model/origin.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { locateStorage } from '../storage/open.ts';
import type { Surroundings } from '../storage/remote.ts';

/** Where a storage remote really is: what this clone remembers of it is filed under that. */
export interface StoragePlace {
  /** Name for a file: another one for another place, whoever named it (options, environment, profile). No secret. */
  readonly name: string;
  /** False where every account sees a place of its own under this name, and only the service knows who we are. */
  readonly shared: boolean;
}

/** Asks nobody, and loads no client library. undefined: it cannot be told, and opening the storage remote will say why. */
export async function placeOf(config: StorageConfig, surroundings: Surroundings): Promise<StoragePlace | undefined> {
  const origin = await locateStorage(config, surroundings).catch(() => undefined);
  if (origin === undefined) return undefined;
  const { scheme, url } = config;
  // The URL for what is below the origin: a prefix, or folders of Drive.
  const place = [scheme, url, originUrl(origin), origin.namespace ?? ''];
  const name = createHash('sha256').update(JSON.stringify(place)).digest('hex').slice(0, 32);
  return { name, shared: origin.namespace !== undefined };
}
