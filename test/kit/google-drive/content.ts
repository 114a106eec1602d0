import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of one file, kept on disk: tests put big ones. */
export interface Content {
  readonly path: string;
  readonly size: number;
  readonly md5: string;
  readonly sha1: string;
  readonly sha256: string;
}

/** Takes bytes in order; `size` is what it holds so far. */
export interface ContentWriter {
  readonly size: number;
  append(chunk: Uint8Array): Promise<void>;
  finish(): Promise<Content>;
  /** Throws away what has come. */
  drop(): Promise<void>;
}

export function writeContent(directory: string): ContentWriter {
  const path = join(directory, randomUUID());
  const hashes = ['md5', 'sha1', 'sha256'].map((name) => createHash(name));
  let file: Promise<FileHandle> | undefined;
  let size = 0;
  const handle = (): Promise<FileHandle> => (file ??= open(path, 'wx'));
  const close = async (): Promise<void> => (await handle()).close();
  return {
    get size() {
      return size;
    },
    async append(chunk) {
      for (const hash of hashes) hash.update(chunk);
      await (await handle()).write(chunk);
      size += chunk.length;
    },
    async finish() {
      await close();
      const [md5 = '', sha1 = '', sha256 = ''] = hashes.map((hash) => hash.digest('hex'));
      return { path, size, md5, sha1, sha256 };
    },
    async drop() {
      await close();
      await rm(path);
    },
  };
}

export async function contentOf(directory: string, bytes: Uint8Array): Promise<Content> {
  const writer = writeContent(directory);
  await writer.append(bytes);
  return writer.finish();
}

/** @param end first byte that is not wanted any more */
export async function* readContent(content: Content, start: number, end: number): AsyncGenerator<Buffer> {
  if (start < end) yield* createReadStream(content.path, { start, end: end - 1 });
}
