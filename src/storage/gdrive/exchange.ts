import { version } from '../../model/version.ts';
import { BodyError, type WireStream } from '../wire/request.ts';
import { resend } from '../wire/resend.ts';
import type { About, Failures } from './failure.ts';
import type { DriveSettings } from './settings.ts';

/** Of every request to Google: names and values in turn. */
export const ownHeaders: readonly string[] = [
  ...['user-agent', `git-remote-dvcexp/${version}`],
  ...['accept-encoding', 'identity'],
];

/** As much of a request as says whether it may be sent twice. */
interface Sending extends About {
  readonly method?: string;
  readonly body?: { readonly once?: boolean } | undefined;
}

/**
 * Sends; again at once where a connection kept from an earlier request turned out to be dead, as all of them may be. Not
 * what makes something: it may have been made, and Drive would make another of the same name.
 */
export async function sent<A>(
  call: Sending,
  { connections }: DriveSettings,
  failures: Failures,
  signal: AbortSignal,
  send: () => Promise<A>,
): Promise<A> {
  try {
    const again = call.method !== 'POST' && call.body?.once !== true;
    return await resend(send, again ? connections : 0, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof BodyError ? error.cause : failures.broken(call, error);
  }
}

const mostRefusal = 64 * 1024;

/** What a refusal says, or its beginning. */
export async function readRefusal({ body }: WireStream): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(Buffer.from(chunk));
      size += chunk.length;
      if (size > mostRefusal) break;
    }
  } catch {
    // What came of it has to do.
  }
  return Buffer.concat(chunks).toString('utf8');
}
