import { createHash } from 'node:crypto';
import { HelperError, isAbort } from '../../model/error.ts';
import { trace } from '../../report/trace.ts';
import { measure } from '../content.ts';
import type { WireResponse } from '../wire/request.ts';
import type { Call } from './client.ts';
import { DamagedError } from './failure.ts';
import { objectFields, parseObject, uploadPath } from './object.ts';
import { inPassing, type Stored, type Upload } from './writing.ts';

/**
 * Bytes sent at once, kept until the service has them. It wants multiples of 256 KiB. One chunk follows the other: bigger
 * ones wait less often, smaller ones leave memory for more objects at once.
 */
export const chunkBytes: number = 16 * 1024 * 1024;

/** An upload that the service keeps open for a week, and sees nobody else (JSON API, "Resumable uploads"). */
interface Session {
  /** Below the endpoint, with its query. Whoever knows it can go on with the upload. */
  readonly path: string;
  /** Where an earlier run stopped; undefined: at the beginning. */
  readonly resume: Resume | undefined;
}

interface Resume {
  /** Bytes that the service has. */
  readonly at: number;
  /** Bytes that had been sent or were about to be; at least `at`. */
  readonly end: number;
  /** MD5 in Base64 of these first bytes. */
  readonly md5: string;
}

/** What is noted before a chunk is sent. */
interface Note extends Omit<Resume, 'at'> {
  readonly path: string;
  readonly size: number;
}

/** The service has forgotten the session, or what it has cannot be gone on with. */
class LostSession extends Error {}

// Sessions that are lost one after another are no accident.
const mostSessions = 3;

/** Sends the content in chunks; nobody sees any of it before the last. */
export async function uploadInChunks(upload: Upload): Promise<Stored> {
  const { action, key, uploads, budget, content, signal } = upload;
  const release = await budget.take(Math.min(content.size, chunkBytes), signal);
  try {
    for (let turn = 1; ; turn++) {
      const session = (turn === 1 ? await recall(upload) : undefined) ?? (await begin(upload));
      try {
        const stored = await sendChunks(upload, session);
        uploads?.forget(key);
        return stored;
      } catch (error) {
        const passing =
          isAbort(error) || signal.aborted || (error instanceof HelperError && error.code === 'unavailable');
        if (!passing || uploads === undefined) await abandon(upload, session);
        if (!(error instanceof LostSession)) throw error;
        trace(() => `storage: upload of ${key} begins anew: ${error.message}`);
        if (turn === mostSessions) throw new HelperError('unavailable', `${action}: ${error.message} ('${key}')`);
      }
    }
  } finally {
    release();
  }
}

async function begin(upload: Upload): Promise<Session> {
  const { client, action, key, name, content, signal } = upload;
  const path = `${uploadPath(upload.bucket)}?uploadType=resumable&name=${encodeURIComponent(name)}&${objectFields}`;
  const type = ['content-type', 'application/json', 'x-upload-content-type', 'application/octet-stream'];
  const headers = [...type, 'x-upload-content-length', String(content.size)];
  const body = Buffer.from(JSON.stringify({ name }));
  const { headers: answer } = await client.request({ action, method: 'POST', path, key, headers, body }, signal);
  const [, session] = /^https?:\/\/[^/]+(\/.*)$/.exec(answer.location ?? '') ?? [];
  if (session === undefined) throw new HelperError('unavailable', `${action}: the service opened no upload ('${key}')`);
  // Whatever host it names: what we show is meant for the one we asked.
  return { path: session.slice(Math.max(0, session.indexOf('/upload/'))), resume: undefined };
}

/** The session that an earlier run left, where it can be gone on with. */
async function recall(upload: Upload): Promise<Session | undefined> {
  const { client, uploads, key, content, signal } = upload;
  const note = parseNote(uploads?.recall(key));
  if (note === undefined || note.size !== content.size) return undefined;
  const session: Session = { path: note.path, resume: undefined };
  try {
    const answer = await client.request(statusCall(upload, session), signal);
    const at = answer.status === 308 ? hasBytes(answer) : -1;
    if (at >= 0 && at <= note.end && note.end - at <= chunkBytes) {
      trace(() => `storage: upload of ${key} goes on after ${at} bytes`);
      return { ...session, resume: { at, end: note.end, md5: note.md5 } };
    }
  } catch (error) {
    // One that somebody else began, with other rights.
    if (!(error instanceof HelperError) || error.code === 'unavailable') throw error;
  }
  await abandon(upload, session);
  return undefined;
}

function parseNote(text: string | undefined): Note | undefined {
  try {
    const { path, size, end, md5 } = JSON.parse(text ?? '');
    const known = typeof path === 'string' && path.startsWith('/upload/') && typeof md5 === 'string';
    return known && Number.isSafeInteger(end) && end <= size ? { path, size, end, md5 } : undefined;
  } catch {
    return undefined;
  }
}

interface Chunk {
  /** Offset of its first byte. */
  readonly start: number;
  readonly bytes: Buffer;
  readonly last: boolean;
  /** MD5 in Base64 of everything up to its end. */
  readonly md5: string;
}

async function sendChunks(upload: Upload, session: Session): Promise<Stored> {
  const { uploads, key, content } = upload;
  for await (const chunk of cut(upload, session.resume)) {
    const end = chunk.start + chunk.bytes.length;
    // Before it goes: whatever part of it arrives, the next run can tell whether it is still the content.
    uploads?.note(key, JSON.stringify({ path: session.path, size: content.size, end, md5: chunk.md5 } satisfies Note));
    const answer = await sendChunk(upload, session, chunk);
    if (answer !== undefined) return { object: parseObject(answer), md5: chunk.md5 };
  }
  throw new LostSession('the service did not end the upload');
}

/**
 * The content from where the service has none of it. The last chunk comes only once the content has proven itself. What an
 * earlier run sent has to be the same. The bytes of a chunk are good until the next one is asked for.
 */
async function* cut(upload: Upload, resume: Resume | undefined): AsyncGenerator<Chunk> {
  const { size } = upload.content;
  const hash = createHash('md5');
  let at = 0;
  let start = resume?.at ?? 0;
  let end = resume?.end ?? Math.min(size, chunkBytes);
  const buffer = Buffer.allocUnsafeSlow(Math.min(size, chunkBytes));
  const chunk = (last: boolean): Chunk => {
    const md5 = hash.copy().digest('base64');
    if (end === resume?.end && md5 !== resume.md5) throw new LostSession('the content is not what was begun with');
    return { start, bytes: buffer.subarray(0, end - start), last, md5 };
  };
  for await (const bytes of measure(upload)) {
    for (let used = 0; used < bytes.length; ) {
      const piece = bytes.subarray(used, used + end - at);
      hash.update(piece);
      buffer.set(piece.subarray(Math.min(piece.length, Math.max(0, start - at))), Math.max(0, at - start));
      used += piece.length;
      at += piece.length;
      if (at < end || at === size) continue;
      yield chunk(false);
      start = end;
      end = Math.min(size, start + chunkBytes);
    }
  }
  yield chunk(true);
}

/** Answers what the service says of the whole object after the last chunk, undefined after another. */
async function sendChunk(upload: Upload, session: Session, chunk: Chunk): Promise<WireResponse | undefined> {
  const { client, action, key, signal } = upload;
  const { start, bytes, last } = chunk;
  const end = start + bytes.length;
  let at = start;
  let sure = true;
  if (at === end && !last) return undefined;
  return client.repeat(`PUT ${key}`, signal, async () => {
    for (;;) {
      const putting = sure && at < end;
      // Until the answer is there, nobody knows what has arrived.
      sure = false;
      const call = putting ? chunkCall(upload, session, chunk, at) : statusCall(upload, session);
      const answer = await client.requestOnce(call, signal).catch((error: unknown) => {
        throw error instanceof DamagedError ? new LostSession(error.message) : error;
      });
      if (answer.status === 404 || answer.status === 410) throw new LostSession('the service has forgotten the upload');
      // Before the last chunk the service should not be done; then the object's size will tell.
      if (answer.status !== 308) return answer;
      const has = hasBytes(answer);
      if (has < start || has > end) throw new LostSession('the service has other bytes than were sent');
      if (has === end && !last) return undefined;
      if (has === (putting ? at : end)) {
        throw new HelperError('unavailable', `${action}: the service does not go on with the upload ('${key}')`);
      }
      at = has;
      sure = at < end;
    }
  });
}

const expects = [308, 404, 410];

function chunkCall({ action, key, content, moved }: Upload, { path }: Session, chunk: Chunk, at: number): Call {
  const { start, bytes, last, md5 } = chunk;
  const range = `bytes ${at}-${start + bytes.length - 1}/${content.size}`;
  // With the last bytes, so that nothing appears that is not the content.
  const hash = last ? ['x-goog-hash', `md5=${md5}`] : [];
  const headers = ['content-type', 'application/octet-stream', 'content-range', range, ...hash];
  const body = bytes.subarray(at - start);
  return { action, method: 'PUT', path, key, headers, body, expects, delicate: true, moved };
}

/** Asks how far it is: 308 with what the service has, 200 when all of it is there. */
function statusCall({ action, key, content }: Upload, { path }: Session): Call {
  return { action, method: 'PUT', path, key, headers: ['content-range', `bytes */${content.size}`], expects };
}

/** Bytes from the beginning that the service has for certain. */
function hasBytes({ headers }: WireResponse): number {
  const last = /^bytes=0-(\d+)$/.exec(headers.range ?? '')?.[1];
  return last === undefined ? 0 : Number(last) + 1;
}

async function abandon({ client, action, key, uploads }: Upload, { path }: Session): Promise<void> {
  uploads?.forget(key);
  await inPassing(`the upload of ${key} could not be taken back`, (signal) =>
    client.requestOnce({ action, method: 'DELETE', path, key, expects: [400, 404, 410, 499] }, signal),
  );
}
