import { HelperError } from './error.ts';

declare const brand: unique symbol;
type Brand<Name extends string> = string & { readonly [brand]: Name };

/** Name of a DVC cache object: 32 lower-case hex digits, with `.dir` behind them for a listing. */
export type ObjectId = Brand<'ObjectId'>;

/**
 * How the object's name was computed. `md5`: over the bytes (DVC 3). `md5-dos2unix`: DVC 2, over the bytes with
 * CRLF made LF where the content looks like text; such objects live at the root of cache and storage.
 */
export type HashKind = 'md5' | 'md5-dos2unix';

/** Path of an object below the cache directory and below the storage URL; equal at both ends. Identifies the object. */
export type Key = Brand<'Key'>;

export interface DvcObject {
  readonly kind: HashKind;
  readonly id: ObjectId;
}

const idPattern = /^[0-9a-f]{32}(?:\.dir)?$/;

/** The one parser of object names; undefined when the text is anything but one. */
export function parseObjectId(text: unknown): ObjectId | undefined {
  return typeof text === 'string' && idPattern.test(text) ? (text as ObjectId) : undefined;
}

/** As parseObjectId, but throws `corrupt`, saying where the text stood. */
export function requireObjectId(text: unknown, where: string): ObjectId {
  const id = parseObjectId(text);
  if (id === undefined)
    throw new HelperError('corrupt', `${where}: ${JSON.stringify(text) ?? 'nothing'} is not an object name`);
  return id;
}

export function isListing(id: ObjectId): boolean {
  return id.endsWith('.dir');
}

/** `files/md5/xx/…` for DVC 3, `xx/…` for DVC 2. */
export function keyOf(object: DvcObject): Key {
  const name = `${object.id.slice(0, 2)}/${object.id.slice(2)}`;
  return (object.kind === 'md5' ? `files/md5/${name}` : name) as Key;
}

const keyPattern = /^(files\/md5\/)?([0-9a-f]{2})\/([0-9a-f]{30}(?:\.dir)?)$/;

/** The object a key names; undefined for every other path (temporary files, run cache, foreign files). */
export function parseKey(text: string): DvcObject | undefined {
  const match = keyPattern.exec(text);
  if (match === null) return undefined;
  return { kind: match[1] === undefined ? 'md5-dos2unix' : 'md5', id: `${match[2]}${match[3]}` as ObjectId };
}
