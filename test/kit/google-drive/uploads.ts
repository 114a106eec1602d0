// Content on its way in: uploadType=media, multipart and resumable ("Upload file data").
import { randomBytes } from 'node:crypto';
import type { Api, Call } from './api.ts';
import { type Content, contentOf, writeContent } from './content.ts';
import { bodyOf, type Exchange, send, textOf } from './exchange.ts';
import { DriveError, invalid } from './failure.ts';
import { createItem, type Metadata, parseMetadata, sendFile, updateItem } from './files.ts';
import type { Item } from './store.ts';
import { createUnits, type Units } from './units.ts';

/** A resumable upload that began. Its address alone lets the next piece in. */
export interface Session {
  readonly id: string;
  readonly call: Call;
  /** Of the file that gets the content; undefined makes a new one. */
  readonly fileId: string | undefined;
  readonly metadata: Metadata;
  readonly type: string | undefined;
  /** Bytes it will have; undefined until the client says so. */
  total: number | undefined;
  readonly units: Units;
  /** The file, once everything is there. */
  done: Item | undefined;
  /** Settles once the piece before is dealt with: a client may ask again before its last request has ended here. */
  last: Promise<void>;
}

export async function upload(api: Api, call: Call, fileId: string | undefined): Promise<void> {
  const { exchange, params } = call;
  const way = params.get('uploadType');
  exchange.operation = `upload.${way}`;
  if (fileId !== undefined) {
    const item = api.store.find(fileId, call.caller, call.allDrives);
    api.store.demand(item, call.caller, 'writer');
  }
  if (way === 'resumable') return begin(api, call, fileId);
  if (way !== 'media' && way !== 'multipart') throw invalid('uploadType');
  const type = exchange.request.headers['content-type'];
  const { metadata, mediaType, content } =
    way === 'media'
      ? { metadata: {}, mediaType: type, content: await wholeBody(api, exchange) }
      : await multipart(api, call, type ?? '');
  const item = place(api, call, { fileId, metadata, type: mediaType }, content);
  await sendFile(api, call, item);
}

async function wholeBody(api: Api, exchange: Exchange): Promise<Content> {
  const writer = writeContent(api.store.directory);
  try {
    for await (const chunk of bodyOf(exchange)) await writer.append(chunk);
    return await writer.finish();
  } catch (error) {
    await writer.drop();
    throw error;
  }
}

/** Puts content where it belongs: into a new file, or into one that is there. */
function place(
  { store }: Api,
  call: Call,
  { fileId, metadata, type }: Pick<Session, 'fileId' | 'metadata' | 'type'>,
  content: Content,
): Item {
  const there = fileId === undefined ? undefined : store.find(fileId, call.caller, call.allDrives);
  const more = content.size - (there?.content?.size ?? 0);
  if (there === undefined) {
    const parent = store.find(metadata.parents?.[0] ?? 'root', call.caller, call.allDrives);
    store.checkQuota(parent.driveId === undefined ? call.caller.email : undefined, more);
  } else {
    store.checkQuota(there.owner, more);
  }
  const item = there === undefined ? createItem(store, call, metadata, type) : updateItem(store, call, there, metadata);
  store.setContent(item, content);
  return item;
}

/** multipart/related (RFC 2387): metadata first, then content, which may be in base64. */
async function multipart(api: Api, call: Call, type: string) {
  const boundary = /boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(type);
  const mark = boundary?.[1] ?? boundary?.[2];
  if (!/^multipart\/related/i.test(type) || mark === undefined)
    throw new DriveError(400, 'badContent', `Unsupported content with type: ${type}`);
  const chunks: Buffer[] = [];
  for await (const chunk of bodyOf(call.exchange)) chunks.push(chunk);
  const [first, second, ...rest] = partsOf(Buffer.concat(chunks), mark);
  if (first === undefined || second === undefined || rest.length > 0)
    throw new DriveError(400, 'badRequest', 'Malformed multipart body.');
  const base64 = /content-transfer-encoding:\s*base64/i.test(second.head);
  const bytes = base64 ? Buffer.from(second.body.toString('latin1'), 'base64') : second.body;
  return {
    metadata: parseMetadata(first.body.toString(), call.version),
    mediaType: /content-type:\s*([^\r\n]+)/i.exec(second.head)?.[1],
    content: await contentOf(api.store.directory, bytes),
  };
}

function partsOf(body: Buffer, mark: string): { head: string; body: Buffer }[] {
  const delimiter = `--${mark}`;
  const found: { head: string; body: Buffer }[] = [];
  let at = body.indexOf(delimiter);
  while (at >= 0) {
    const begin = at + delimiter.length;
    if (body.toString('latin1', begin, begin + 2) === '--') return found;
    // A line break belongs to the delimiter behind it. Some clients write bare line feeds.
    const next = body.indexOf(`\n${delimiter}`, begin);
    if (next < 0) break;
    const part = body.subarray(begin, body[next - 1] === 0x0d ? next - 1 : next);
    const blank = /\r?\n\r?\n/.exec(part.toString('latin1', 0, 4096));
    const end = blank === null ? 0 : blank.index + blank[0].length;
    found.push({ head: part.toString('latin1', 0, end), body: part.subarray(end) });
    at = next + 1;
  }
  throw new DriveError(400, 'badRequest', 'Malformed multipart body.');
}

async function begin(api: Api, call: Call, fileId: string | undefined): Promise<void> {
  const { headers } = call.exchange.request;
  const metadata = parseMetadata(await textOf(call.exchange), call.version);
  const { store } = api;
  const length = headers['x-upload-content-length'];
  const total = length === undefined ? undefined : Number(length);
  if (fileId === undefined) {
    // Tell at once what would be told at the end.
    const parent = store.find(metadata.parents?.[0] ?? 'root', call.caller, call.allDrives);
    store.demand(parent, call.caller, 'writer');
    store.checkQuota(parent.driveId === undefined ? call.caller.email : undefined, total ?? 0);
  }
  const id = `A${randomBytes(60).toString('base64url')}`;
  const units = createUnits(writeContent(store.directory));
  const type = headers['x-upload-content-type']?.toString();
  api.sessions.set(id, { id, call, fileId, metadata, type, total, units, done: undefined, last: Promise.resolve() });
  const { url, params, base } = call;
  const query = new URLSearchParams(params);
  query.set('upload_id', id);
  const location = `${base}${url.pathname}?${query}`;
  await send(call.exchange, 200, { location, 'x-guploader-uploadid': id, 'content-length': 0 }, []);
}

/** A piece of a resumable upload, or a question how far it got. */
export async function resume(api: Api, exchange: Exchange, id: string): Promise<void> {
  exchange.operation = 'upload.piece';
  const session = api.sessions.get(id);
  if (session === undefined) throw new DriveError(404, 'notFound', 'Upload session not found.');
  const turn = session.last.then(() => continueSession(api, exchange, session));
  session.last = turn.catch(() => undefined);
  return turn;
}

async function continueSession(api: Api, exchange: Exchange, session: Session): Promise<void> {
  if (exchange.method === 'DELETE') {
    api.sessions.delete(session.id);
    await session.units.drop();
    return send(exchange, 499, { 'content-length': 0 }, []);
  }
  const range = contentRange(exchange.request.headers['content-range']);
  if (session.done === undefined) {
    await receive(session, exchange, range);
    const { total, units } = session;
    if (total !== undefined && units.size > total)
      throw new DriveError(400, 'badRequest', 'More bytes than announced.');
    if (units.size !== total) return unfinished(session, exchange);
    const content = await units.finish();
    try {
      session.done = place(api, session.call, session, content);
    } catch (error) {
      api.sessions.delete(session.id);
      throw error;
    }
  }
  exchange.operation = 'upload.end';
  await sendFile(api, { ...session.call, exchange }, session.done);
}

async function receive(session: Session, exchange: Exchange, range: ContentRange | undefined): Promise<void> {
  const { units } = session;
  const size = range?.total;
  if (size !== undefined && session.total !== undefined && size !== session.total)
    throw new DriveError(400, 'badRequest', 'The size differs from what the upload began with.');
  const total = size ?? session.total;
  if (range !== undefined && range.first === undefined) {
    exchange.operation = 'upload.status';
    session.total = total;
    return;
  }
  const first = range?.first ?? 0;
  if (first > units.size) throw new DriveError(400, 'badRequest', `Expected bytes from ${units.size}, got ${first}.`);
  let received = 0;
  // What a request that broke left over does not count.
  units.forget();
  for await (const chunk of bodyOf(exchange)) {
    // What is there already comes again after an answer got lost.
    const known = Math.max(0, Math.min(chunk.length, units.size + units.pending - (first + received)));
    received += chunk.length;
    await units.append(chunk.subarray(known));
  }
  const expected = range?.last === undefined ? undefined : range.last + 1 - first;
  if (expected !== undefined && expected !== received)
    throw new DriveError(400, 'badRequest', `Content-Range tells of ${expected} bytes, ${received} came.`);
  const end = first + received;
  const isLast = range === undefined ? total === undefined || end === total : end === size;
  if (isLast) {
    session.total = end;
    await units.flush();
  } else {
    session.total = total;
    units.forget();
    if (received < units.unit) throw tooSmall(received);
  }
}

function tooSmall(bytes: number): DriveError {
  const text =
    'Invalid request.  The number of bytes uploaded is required to be equal or greater than 262144, except for the ' +
    "final request (it's recommended to be the exact multiple of 262144).  The received request contained";
  return new DriveError(400, 'badRequest', `${text} ${bytes} bytes, which does not meet this requirement.`);
}

async function unfinished({ units }: Session, exchange: Exchange): Promise<void> {
  const range = units.size === 0 ? {} : { range: `bytes=0-${units.size - 1}` };
  await send(exchange, 308, { ...range, 'content-length': 0 }, []);
}

interface ContentRange {
  readonly first: number | undefined;
  readonly last: number | undefined;
  /** Undefined while it is not known. */
  readonly total: number | undefined;
}

function contentRange(header: string | undefined): ContentRange | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/.exec(header);
  if (match === null) throw new DriveError(400, 'badRequest', 'Failed to parse Content-Range header.');
  const [, first, last, total] = match;
  const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
  return { first: number(first), last: number(last), total: total === '*' ? undefined : number(total) };
}
