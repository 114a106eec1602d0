import { createHash, type Hash } from 'node:crypto';
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join, sep } from 'node:path';
import type { Store } from './service.ts';
import type { Content } from './workloads.ts';

const blockBytes = 1 << 20;
const namedAtMost = 5;

/** What a path of an object says its MD5 is. */
export function md5OfPath(path: string): string {
  return path
    .replace(/^files\/md5\//, '')
    .replace('/', '')
    .replace(/\.dir$/, '');
}

/** Looks at every object in the storage. @throws Error when one is absent, wrong or not expected */
export async function checkStored(
  content: Content,
  store: Pick<Store, 'list' | 'md5'>,
  bucket: string,
  prefix: string,
): Promise<void> {
  const stored = await store.list(bucket, prefix);
  const wrong: string[] = compare(content, new Map([...stored].map(([path, { sizeBytes }]) => [path, sizeBytes])));
  for (const [path, { etag }] of stored) {
    // The tag of an object that came in parts is no MD5 of its bytes.
    const md5 = etag.includes('-') ? await store.md5(bucket, `${prefix}/${path}`) : etag;
    if (md5 !== md5OfPath(path)) wrong.push(`${path}: its bytes have the MD5 ${md5}`);
  }
  report(`s3://${bucket}/${prefix}`, wrong);
}

/** Reads every object in a cache. @throws Error when one is absent, wrong or not expected */
export function checkArrived(content: Content, cache: string): void {
  const paths = readdirSync(cache, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(cache.length + 1)
        .split(sep)
        .join('/'),
    )
    .filter((path) => path.startsWith('files/'));
  const wrong = compare(content, new Map(paths.map((path) => [path, statSync(join(cache, path)).size])));
  for (const path of paths) {
    const md5 = hashFile(join(cache, path));
    if (md5 !== md5OfPath(path)) wrong.push(`${path}: its bytes have the MD5 ${md5}`);
  }
  report(cache, wrong);
}

/** Differences between what should be there and path → size of what is, one text each. */
function compare({ required, optional }: Content, found: ReadonlyMap<string, number>): string[] {
  const wrong = [...required.keys()].filter((path) => !found.has(path)).map((path) => `${path}: absent`);
  for (const [path, sizeBytes] of found) {
    const expected = required.get(path) ?? optional.get(path);
    if (expected === undefined) wrong.push(`${path}: not expected`);
    else if (expected !== sizeBytes) wrong.push(`${path}: ${sizeBytes} bytes instead of ${expected}`);
  }
  return wrong;
}

function report(place: string, wrong: readonly string[]): void {
  if (wrong.length === 0) return;
  const first = wrong.slice(0, namedAtMost).join('\n  ');
  throw new Error(`${wrong.length} objects of ${place} are not as they should be:\n  ${first}`);
}

function hashFile(path: string): string {
  const hash: Hash = createHash('md5');
  const block = Buffer.allocUnsafe(blockBytes);
  const file = openSync(path, 'r');
  try {
    for (let length = readSync(file, block); length > 0; length = readSync(file, block)) {
      hash.update(block.subarray(0, length));
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}
