// What fake-gcs-server leaves out of Google Cloud Storage, in front of it: access tokens and who may what, unfinished
// uploads as Google documents them ("Resumable uploads", "Status codes": 308, 404, 410, 499), announced hashes, and
// reads that insist on a generation.
import { createHash, randomBytes } from 'node:crypto';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';

export interface GcsFront {
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly endpoint: string;
  /** Who asks, by the token shown ('' for none); undefined: nobody known, 401. */
  whose: (token: string) => string | undefined;
  /** What somebody may; everything unless told. */
  may: (who: string, what: 'read' | 'write') => boolean;
  /** Uploads that are not finished. */
  readonly sessions: ReadonlyMap<string, Session>;
  /** Forgets all unfinished uploads. */
  forget(): void;
  /** Takes no more than this of a chunk that is not the last. */
  appetite: number;
  close(): Promise<void>;
}

export interface Session {
  readonly bucket: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly bytes: Buffer;
  /** The answer, once it is finished. */
  readonly result: string | undefined;
}

/** Every chunk but the last is a multiple of this. */
const quantum = 256 * 1024;

class Refusal extends Error {
  readonly status: number;
  readonly reason: string;
  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export async function openGcsFront(upstream: { readonly port: number }): Promise<GcsFront> {
  const sessions = new Map<string, Session>();
  const server = http.createServer((request, response) => {
    const send = (status: number, body: string, headers: http.OutgoingHttpHeaders = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json; charset=UTF-8', ...headers }).end(body);
    };
    serve(request, response, send).catch((error: unknown) => {
      request.resume();
      if (!(error instanceof Refusal)) return void response.destroy();
      const { status, reason, message } = error;
      const told = { error: { code: status, message, errors: [{ domain: 'global', reason, message }] } };
      send(status, JSON.stringify(told));
    });
  });

  type Send = (status: number, body: string, headers?: http.OutgoingHttpHeaders) => void;
  async function serve(request: http.IncomingMessage, response: http.ServerResponse, send: Send): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://host');
    const id = url.searchParams.get('upload_id');
    // The address of an upload is proof enough.
    if (id !== null) return advance(request, id, send);
    authorize(request);
    const kind = url.searchParams.get('uploadType');
    if (kind === 'resumable') return begin(request, url, send);
    if (kind === 'multipart') return whole(request, send);
    const match = url.searchParams.get('ifGenerationMatch');
    if (request.method === 'GET' && match !== null) {
      const object = await ask(upstream.port, 'GET', url.pathname);
      const { generation } = object.status === 200 ? JSON.parse(object.text) : { generation: undefined };
      if (object.status === 200 && generation !== match) {
        throw new Refusal(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.');
      }
    }
    pass(request, response, upstream.port);
  }

  function authorize(request: http.IncomingMessage): void {
    const who = front.whose(/^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '');
    if (who === undefined) throw new Refusal(401, 'authError', 'Invalid Credentials');
    const what = request.method === 'GET' ? 'read' : 'write';
    if (front.may(who, what)) return;
    const right = what === 'read' ? 'get' : 'create';
    const message = `${who} does not have storage.objects.${right} access to the Google Cloud Storage object.`;
    throw new Refusal(403, 'forbidden', message);
  }

  /** The object's metadata, then its bytes, in one body. */
  async function whole(request: http.IncomingMessage, send: Send): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const [, quoted, plain] = /boundary=(?:"([^"]*)"|([^;]*))/.exec(request.headers['content-type'] ?? '') ?? [];
    const mark = `--${quoted ?? plain}`;
    const second = body.indexOf(mark, mark.length);
    const metadata = body.subarray(body.indexOf('{'), second).toString();
    const blank = /\r?\n\r?\n/.exec(body.toString('latin1', second, second + 1000)) ?? { index: 0, 0: '' };
    const bytes = body.subarray(second + blank.index + blank[0].length, body.lastIndexOf(`\n${mark}--`));
    check(
      bytes.at(-1) === 13 && blank[0].startsWith('\r') ? bytes.subarray(0, -1) : bytes,
      JSON.parse(metadata).md5Hash,
    );
    const { status, headers, text } = await ask(upstream.port, 'POST', request.url ?? '', request.headers, body);
    send(status, text, { 'content-type': headers['content-type'] });
  }

  /** Answers the MD5 that was announced or else is. */
  function check(bytes: Buffer, announced: unknown): string {
    const md5 = createHash('md5').update(bytes).digest('base64');
    if (announced === undefined || announced === md5) return md5;
    const message = `Provided MD5 hash "${announced}" doesn't match calculated MD5 hash "${md5}".`;
    throw new Refusal(400, 'invalid', message);
  }

  async function begin(request: http.IncomingMessage, url: URL, send: Send): Promise<void> {
    const text = await textOf(request);
    const [, bucket = ''] = /^\/upload\/storage\/v1\/b\/([^/]+)\/o$/.exec(url.pathname) ?? [];
    if ((await ask(upstream.port, 'GET', `/storage/v1/b/${bucket}`)).status !== 200) {
      throw new Refusal(404, 'notFound', 'The specified bucket does not exist.');
    }
    const id = randomBytes(16).toString('hex');
    const named = url.searchParams.get('name');
    const metadata = { ...JSON.parse(text || '{}'), ...(named === null ? {} : { name: named }) };
    if (typeof metadata.name !== 'string') throw new Refusal(400, 'required', 'Required parameter: name');
    sessions.set(id, { bucket, metadata, bytes: Buffer.alloc(0), result: undefined });
    url.searchParams.set('upload_id', id);
    send(200, '', { location: `http://${request.headers.host}${url.pathname}${url.search}` });
  }

  async function advance(request: http.IncomingMessage, id: string, send: Send): Promise<void> {
    const session = sessions.get(id);
    if (session === undefined) throw new Refusal(404, 'notFound', 'Not Found');
    if (request.method === 'DELETE') {
      sessions.delete(id);
      return send(499, '');
    }
    const header = request.headers['content-range'] ?? `bytes 0-*/${request.headers['content-length']}`;
    const [, range = '', first, total = ''] = /^bytes (\*|(\d+)-(?:\d+|\*))\/(\d+|\*)$/.exec(header) ?? [];
    const size = total === '*' ? undefined : Number(total);
    if (range !== '*' && session.result === undefined) {
      if (Number(first) > session.bytes.length) {
        throw new Refusal(400, 'badRequest', `the upload is at ${session.bytes.length}, not at ${first}`);
      }
      await take(request, id, Number(first), size);
    } else request.resume();
    const now = sessions.get(id) ?? session;
    if (now.result === undefined && now.bytes.length !== size) {
      const has = now.bytes.length === 0 ? {} : { range: `bytes=0-${now.bytes.length - 1}` };
      // Google's client for Go cannot bear a 308.
      const hidden = request.headers['x-guploader-no-308'] !== undefined;
      return hidden ? send(200, '', { ...has, 'x-http-status-code-override': '308' }) : send(308, '', has);
    }
    const result = now.result ?? (await finish(now, request.headers['x-goog-hash']));
    sessions.set(id, { ...now, bytes: Buffer.alloc(0), result });
    send(200, result);
  }

  /** Keeps what came behind what it has, whatever becomes of the connection. */
  async function take(request: http.IncomingMessage, id: string, first: number, size?: number): Promise<void> {
    const chunks: Buffer[] = [];
    const keep = (whole: boolean): void => {
      const session = sessions.get(id);
      if (session === undefined) return;
      const { bytes } = session;
      const all = Buffer.concat([bytes, Buffer.concat(chunks).subarray(bytes.length - first)]);
      const most = Math.min(all.length, bytes.length + front.appetite);
      const end = whole && all.length === size ? all.length : most - (most % quantum);
      sessions.set(id, { ...session, bytes: all.subarray(0, Math.max(end, bytes.length)) });
    };
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch (error) {
      keep(false);
      throw error;
    }
    const end = chunks.reduce((sum, { length }) => sum + length, first);
    if (end !== size && end % quantum !== 0 && size !== undefined) {
      throw new Refusal(400, 'badRequest', 'a chunk has to be a multiple of 256 KiB');
    }
    keep(true);
  }

  /** One request to the real thing: nobody sees an object before it is whole. */
  async function finish({ bucket, metadata, bytes }: Session, hashes?: string | string[]): Promise<string> {
    const md5 = check(bytes, /(?:^|,\s*)md5=([^,]+)/.exec(String(hashes ?? ''))?.[1] ?? metadata.md5Hash);
    const head = `--x\r\ncontent-type: application/json\r\n\r\n${JSON.stringify({ ...metadata, md5Hash: md5 })}\r\n`;
    const body = Buffer.concat([
      Buffer.from(`${head}--x\r\ncontent-type: application/octet-stream\r\n\r\n`),
      bytes,
      Buffer.from('\r\n--x--'),
    ]);
    const path = `/upload/storage/v1/b/${bucket}/o?uploadType=multipart`;
    const headers = { 'content-type': 'multipart/related; boundary=x' };
    const { status, text } = await ask(upstream.port, 'POST', path, headers, body);
    if (status !== 200) throw new Refusal(500, 'backendError', text);
    return text;
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const front: GcsFront = {
    port,
    endpoint: `http://127.0.0.1:${port}`,
    whose: () => 'anybody',
    may: () => true,
    sessions,
    forget: () => sessions.clear(),
    appetite: Number.POSITIVE_INFINITY,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return front;
}

async function textOf(message: http.IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of message.setEncoding('utf8')) text += chunk;
  return text;
}

const agent = new http.Agent({ keepAlive: true });

function ask(
  port: number,
  method: string,
  path: string,
  headers: http.OutgoingHttpHeaders = {},
  body: Buffer = Buffer.alloc(0),
): Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string }> {
  return new Promise((resolve, reject) => {
    const length = { 'content-length': body.length };
    const outgoing = http.request({ host: '127.0.0.1', port, method, path, headers: { ...headers, ...length }, agent });
    outgoing.on('error', reject);
    outgoing.on('response', (answer) => {
      const { statusCode: status = 0, headers: told } = answer;
      textOf(answer).then((text) => resolve({ status, headers: told, text }), reject);
    });
    outgoing.end(body);
  });
}

function pass(request: http.IncomingMessage, response: http.ServerResponse, port: number): void {
  const { method, url: path, headers } = request;
  const onward = http.request({ host: '127.0.0.1', port, method: method ?? 'GET', path, headers, agent });
  onward.on('error', () => response.destroy());
  onward.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
    answer.on('error', () => response.destroy());
    response.on('close', () => answer.destroy());
  });
  request.on('close', () => {
    if (!request.complete) onward.destroy();
  });
  request.pipe(onward);
}
