import { HelperError } from '../model/error.ts';
import type { Content } from '../model/operation.ts';

/** A write, as messages name it. */
interface About {
  /** What cannot be done: `cannot write to 's3://bucket'`. */
  readonly action: string;
  readonly key: string;
  readonly content: Content;
  readonly signal: AbortSignal;
}

/** The error for content that gave `size` bytes (so far). */
function wrongSize({ action, key, content }: About, size: number): HelperError {
  const found = size > content.size ? 'more' : `${size}`;
  return new HelperError(
    'corrupt',
    `${action}: the source gave ${found} bytes where ${content.size} were announced ('${key}')`,
  );
}

/** The content's chunks. Throws `corrupt` when they are more, or at the end fewer, than announced. */
export async function* measure(about: About): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const chunk of about.content.open()) {
    about.signal.throwIfAborted();
    size += chunk.length;
    if (size > about.content.size) throw wrongSize(about, size);
    yield chunk;
  }
  if (size !== about.content.size) throw wrongSize(about, size);
  about.signal.throwIfAborted();
}

/** All of it in memory. */
export async function readWhole(about: About): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of measure(about)) chunks.push(chunk);
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
}
