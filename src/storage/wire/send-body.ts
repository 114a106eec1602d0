import type { ClientRequest } from 'node:http';
import { BodyError, type WireRequest } from './request.ts';

const sliceBytes = 256 * 1024;

/** Resolves when the last byte was given to the connection, or the connection broke. Throws BodyError. */
export async function sendBody(outgoing: ClientRequest, { body, moved }: WireRequest, stallMs: number): Promise<void> {
  if (body === undefined || (body instanceof Uint8Array && moved === undefined)) return void outgoing.end(body);
  if (body instanceof Uint8Array) {
    if (await sendSlices(outgoing, body, moved)) outgoing.end();
    return;
  }
  try {
    await sendStream(outgoing, body, moved, stallMs);
  } catch (error) {
    throw new BodyError('the body broke off', { cause: error });
  }
}

async function sendStream(
  outgoing: ClientRequest,
  body: AsyncIterable<Uint8Array>,
  moved: WireRequest['moved'],
  stallMs: number,
): Promise<void> {
  // A chunk is sent when the next one has come: the last one only once the source has proven all of them.
  let held: Uint8Array | undefined;
  // The wait for the source is ours, not the service's: it must not count as a stall.
  outgoing.setTimeout(0);
  for await (const chunk of body) {
    if (held !== undefined) {
      outgoing.setTimeout(stallMs);
      if (!(await sendSlices(outgoing, held, moved))) return;
      outgoing.setTimeout(0);
    }
    // A chunk holds its bytes only until the next one is asked for.
    held = Buffer.from(chunk);
  }
  outgoing.setTimeout(stallMs);
  if (held === undefined || (await sendSlices(outgoing, held, moved))) outgoing.end();
}

/** In slices, since a body written at once is only told of when all of it has gone. False when the connection broke. */
async function sendSlices(outgoing: ClientRequest, bytes: Uint8Array, moved: WireRequest['moved']): Promise<boolean> {
  for (let at = 0; at < bytes.length; at += sliceBytes) {
    const slice = bytes.subarray(at, at + sliceBytes);
    const gone = await new Promise<boolean>((resolve) => {
      const broken = (): void => resolve(false);
      if (outgoing.destroyed) return broken();
      outgoing.once('close', broken);
      outgoing.write(slice, (error) => {
        outgoing.off('close', broken);
        resolve(!error);
      });
    });
    if (!gone) return false;
    moved?.(slice.length);
  }
  return true;
}
