import { HelperError, isAbort } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { trace } from '../../report/trace.ts';
import { temporaryName } from '../temporary.ts';
import { textOf } from '../wire/request.ts';
import type { Call } from './client.ts';
import { fieldsOf, parseJson } from './complaint.ts';
import { type Proven, prove } from './content.ts';
import { type DriveFile, jsonType, parseFile } from './files.ts';
import { openReader, type Reader } from './reader.ts';
import { apiHost } from './settings.ts';
import { metadataOf, patienceMs, refuseGone, type Upload, type UploadTools, uploadPath, verify } from './target.ts';

const mib = 1024 * 1024;
/** Bytes of one request; Google wants multiples of 256 KiB. They flow through, so that memory is none of its bounds. */
const pieceBytes: number = 32 * mib;
/** From this size on an upload is worth being continued by another run. */
const keptBytes: number = 32 * mib;
const mostLosses = 3;

/** Where Google takes the pieces. The address alone lets them in, so it is as secret as a key. */
interface Session {
  readonly host: string;
  readonly path: string;
}

/** Sends content in pieces, each behind what Google has already ("Resumable upload"). */
export async function sendInSession(tools: UploadTools, upload: Upload): Promise<void> {
  const { key, content, signal, target } = upload;
  const { client, files } = tools;
  const uploads = content.size >= keptBytes ? tools.uploads : undefined;
  // What an earlier run sent is proven only when all is there: until then it has a name that nobody looks for.
  const temporary = uploads !== undefined && target.id === undefined ? temporaryName() : undefined;
  const pieces = openPieces(tools, upload, temporary, uploads);
  try {
    let file: DriveFile | undefined;
    while (file === undefined) file = await client.repeat(`write ${key}`, signal, () => pieces.next());
    await verify(tools, upload, file, await pieces.md5()).catch((error: unknown) => {
      uploads?.forget(key);
      throw error;
    });
    if (temporary !== undefined && target.id === undefined) {
      if (!(await files.rename(upload, file.id, target.name, signal))) {
        // Swept by somebody's push, since an earlier run had left it.
        uploads?.forget(key);
        throw new HelperError('unavailable', `${upload.action}: what was sent is gone ('${printable(key)}')`);
      }
    }
    // Until then the next run finds the file by asking once more how far it is.
    uploads?.forget(key);
    tools.lookup.note(key, file.id);
  } catch (error) {
    const mayGoOn = isAbort(error) || signal.aborted || (error instanceof HelperError && error.code === 'unavailable');
    if (uploads === undefined || !mayGoOn) await pieces.cancel();
    throw error;
  } finally {
    await pieces.close();
  }
}

interface Pieces {
  /** Sends one more; answers the file once it is whole. After a failure it asks what Google has, and goes on there. */
  next(): Promise<DriveFile | undefined>;
  /** Of the content, once the file is whole. */
  md5(): Promise<string>;
  cancel(): Promise<void>;
  close(): Promise<void>;
}

function openPieces(
  tools: UploadTools,
  upload: Upload,
  temporary: string | undefined,
  uploads: UploadTools['uploads'],
): Pieces {
  const { client } = tools;
  const { action, key, content, signal, operation } = upload;
  const { size } = content;
  let session = recallSession(uploads?.recall(key), upload);
  let fresh = false;
  let losses = 0;
  let source: { readonly proven: Proven; readonly reader: Reader } | undefined;
  let at = 0;

  const close = async (): Promise<void> => {
    const open = source;
    source = undefined;
    await open?.reader.close();
  };

  const begin = async (): Promise<Session> => {
    const body = Buffer.from(metadataOf(upload.target, temporary));
    const announced = ['x-upload-content-type', 'application/octet-stream', 'x-upload-content-length', String(size)];
    const answer = await client.askOnce(
      {
        action,
        key,
        method: upload.target.id === undefined ? 'POST' : 'PATCH',
        path: uploadPath(upload.target, 'resumable'),
        headers: [...jsonType, ...announced],
        body: { size: body.length, open: () => body },
        expects: [404],
      },
      signal,
    );
    refuseGone(tools, upload, answer.status);
    const begun = parseSession(answer.headers.location);
    if (begun === undefined) throw new HelperError('unavailable', `${action}: Google Drive begins no upload`);
    uploads?.note(key, noteOf(begun, upload));
    fresh = true;
    return begun;
  };

  const put = (to: Session, range: string, body: Call['body'], expects: readonly number[]) =>
    client.askOnce(
      {
        action,
        key,
        method: 'PUT',
        ...to,
        headers: ['content-range', `bytes ${range}/${size}`],
        ...(body === undefined ? {} : { body, moved: operation.moved }),
        expects,
      },
      signal,
    );

  const openAt = async (offset: number): Promise<Reader> => {
    const proven = prove(upload);
    const reader = openReader(proven.chunks, size);
    source = { proven, reader };
    at = 0;
    for await (const piece of reader.take(offset)) at += piece.length;
    return reader;
  };

  const advance = async (): Promise<DriveFile | undefined> => {
    session ??= await begin();
    const to = session;
    if (source === undefined) {
      const kept = fresh ? 0 : await progress(await put(to, '*', undefined, [308, 404, 410]));
      fresh = false;
      if (kept === undefined || typeof kept !== 'number') return kept;
      await openAt(kept);
    }
    if (source === undefined) return undefined;
    const end = Math.min(size, at + pieceBytes);
    const { reader } = source;
    const body = { size: end - at, open: () => reader.take(end - at), once: true };
    const answer = await progress(await put(to, `${at}-${end - 1}`, body, [308, 404, 410]));
    if (typeof answer !== 'number') return answer;
    // What came short of a unit Google may have dropped.
    if (answer !== end) await close();
    if (answer <= at) throw new HelperError('unavailable', `${action}: Google Drive kept nothing of what was sent`);
    at = answer;
    return undefined;
  };

  /** The file, how many bytes Google has, or undefined where it knows the session no more. */
  const progress = async (answer: Awaited<ReturnType<typeof put>>): Promise<DriveFile | number | undefined> => {
    const { status, headers } = answer;
    if (status < 300) return parseFile(fieldsOf(parseJson(textOf(answer))));
    if (status === 308) {
      const kept = Number(/^bytes=0-(\d+)$/.exec(headers.range ?? '')?.[1] ?? -1) + 1;
      if (kept < size) return kept;
      throw new HelperError('unavailable', `${action}: Google Drive has all of it and makes no file of it yet`);
    }
    await close();
    session = undefined;
    uploads?.forget(key);
    losses += 1;
    if (losses <= mostLosses) return undefined;
    throw new HelperError('unavailable', `${action}: Google Drive forgets the upload ('${printable(key)}')`);
  };

  return {
    async next() {
      try {
        return await advance();
      } catch (error) {
        await close();
        throw error;
      }
    },
    async md5() {
      const { promised } = upload;
      if (promised !== undefined) return promised;
      if (source !== undefined) return source.proven.md5();
      await openAt(size);
      return (source as { readonly proven: Proven } | undefined)?.proven.md5() ?? '';
    },
    async cancel() {
      uploads?.forget(key);
      if (session === undefined) return;
      const call: Call = { action, key, method: 'DELETE', ...session, expects: [404, 410, 499] };
      await client.askOnce(call, AbortSignal.timeout(patienceMs)).catch((error: unknown) => {
        trace(() => `storage: the upload of ${key} could not be taken back: ${String(error)}`);
      });
    },
    close,
  };
}

/** undefined: it is no address of Google's. */
function parseSession(location: unknown): Session | undefined {
  if (typeof location !== 'string' || !URL.canParse(location)) return undefined;
  const { protocol, host, pathname, search } = new URL(location);
  const google = host === apiHost || /^[a-z0-9-]+\.googleapis\.com$/.test(host);
  return protocol === 'https:' && google && pathname.includes('/upload/')
    ? { host, path: `${pathname}${search}` }
    : undefined;
}

function noteOf({ host, path }: Session, { content, target }: Upload): string {
  return JSON.stringify({ url: `https://${host}${path}`, size: content.size, ...placeOf(target) });
}

function recallSession(text: string | undefined, { content, target }: Upload): Session | undefined {
  const { url, size, id, parent } = fieldsOf(text === undefined ? undefined : parseJson(text));
  const place = placeOf(target);
  return size === content.size && id === place.id && parent === place.parent ? parseSession(url) : undefined;
}

/** Whoever begins the upload decides where it ends, and My Drive is another one for another account. */
function placeOf(target: Upload['target']): { readonly id?: string; readonly parent?: string } {
  return target.id === undefined ? { parent: target.parent.id } : { id: target.id };
}
