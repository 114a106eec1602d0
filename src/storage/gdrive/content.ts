import { createHash } from 'node:crypto';
import { HelperError } from '../../model/error.ts';
import type { Content } from '../../model/operation.ts';
import { printable } from '../../report/printable.ts';
import { measure } from '../content.ts';

export interface Source {
  readonly action: string;
  readonly key: string;
  readonly content: Content;
  readonly signal: AbortSignal;
  /** What the bytes have to hash to; undefined: whatever they do. */
  readonly promised: string | undefined;
}

/** Content that was read to its end, or not yet. */
export interface Proven {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** MD5 in hex once all chunks were taken. */
  readonly md5: () => string;
}

/**
 * The content's chunks, hashed on the way. Throws `corrupt` behind the last one when they are not those that the object's
 * name promises: whoever holds the last one back until then publishes nothing else.
 */
export function prove(source: Source): Proven {
  const hash = createHash('md5');
  let digest: string | undefined;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for await (const chunk of measure(source)) {
      hash.update(chunk);
      yield chunk;
    }
    digest = hash.digest('hex');
    if (source.promised === undefined || digest === source.promised) return;
    throw new HelperError(
      'corrupt',
      `${source.action}: the source gave bytes that hash to '${digest}' ('${printable(source.key)}')`,
    );
  }
  return {
    chunks: chunks(),
    md5() {
      if (digest === undefined) throw new TypeError('not all chunks were taken');
      return digest;
    },
  };
}
