import { parseKey } from '../../model/object.ts';

/** MD5 (hex) that DVC's name of an object tells of its bytes; undefined for every other key. */
export function promisedMd5(key: string): string | undefined {
  const object = parseKey(key);
  return object?.kind === 'md5' ? object.id.slice(0, 32) : undefined;
}

/** True when Google's checksum is not the one in the object's name: these are other bytes. */
export function isDamaged(key: string, md5: string | undefined): boolean {
  return md5 !== undefined && (promisedMd5(key) ?? md5) !== md5;
}

/** The folder of a key and the name in it; the folder is '' for one at the base. */
export function splitKey(key: string): readonly [folder: string, name: string] {
  const slash = key.lastIndexOf('/');
  return [key.slice(0, Math.max(0, slash)), key.slice(slash + 1)];
}
