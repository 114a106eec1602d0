// As much of S3 as a few small objects need, in this process: it counts requests and answers what it is told to.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SmallS3 {
  readonly endpoint: string;
  /** Every request so far: `METHOD /bucket/key`, and its headers. */
  readonly seen: { readonly line: string; readonly headers: IncomingHttpHeaders }[];
  /** By `/bucket/key`. */
  readonly objects: Map<string, Buffer>;
  /** While it is set only requests of these key IDs are served; who signs nothing has the ID ''. */
  accepts: ReadonlySet<string> | undefined;
  /** Answered instead of the objects while it is set. */
  failure: { readonly status: number; readonly code: string } | undefined;
  close(): Promise<void>;
}

export async function openSmallS3(): Promise<SmallS3> {
  const seen: SmallS3['seen'] = [];
  const objects = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    seen.push({ line: `${request.method} ${request.url}`, headers: request.headers });
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const id = /Credential=([^/]*)/.exec(request.headers.authorization ?? '')?.[1] ?? '';
      if (s3.accepts?.has(id) === false) refuse(response, 403, id === '' ? 'AccessDenied' : 'InvalidAccessKeyId');
      else if (s3.failure === undefined) answer(request, response, Buffer.concat(chunks), objects);
      else refuse(response, s3.failure.status, s3.failure.code);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const s3: SmallS3 = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    objects,
    accepts: undefined,
    failure: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return s3;
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml', 'retry-after': '0' });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`);
}

function answer(request: IncomingMessage, response: ServerResponse, body: Buffer, objects: Map<string, Buffer>): void {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://s3');
  if (request.method === 'PUT') {
    objects.set(pathname, body);
    response.end();
    return;
  }
  if (searchParams.has('list-type')) {
    const prefix = `${pathname.replace(/\/$/, '')}/${searchParams.get('prefix')}`;
    const bucket = `/${pathname.split('/')[1]}/`;
    const found = [...objects].filter(([key]) => key.startsWith(prefix));
    const contents = found.map(
      ([key, { length }]) => `<Contents><Key>${key.slice(bucket.length)}</Key><Size>${length}</Size></Contents>`,
    );
    response.end(`<ListBucketResult><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`);
    return;
  }
  const object = objects.get(pathname);
  if (object === undefined) {
    refuse(response, 404, 'NoSuchKey');
    return;
  }
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
  const start = Number(from ?? 0);
  const end = Math.min(Number(to ?? Number.POSITIVE_INFINITY) + 1, object.length);
  const range = from === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${object.length}` };
  response.writeHead(from === undefined ? 200 : 206, { ...range, 'content-length': end - start, etag: '"1"' });
  response.end(request.method === 'HEAD' ? undefined : object.subarray(start, end));
}

/** `.dvc/config` for a prefix in this service, no keys in it. */
export const s3Config = (s3: SmallS3): string =>
  `[core]\n    remote = storage\n['remote "storage"']\n    url = s3://bucket/team\n    endpointurl = ${s3.endpoint}\n`;

/** An environment with keys, and nothing else that could be taken for some. */
export const awsKeys: NodeJS.ProcessEnv = {
  AWS_ACCESS_KEY_ID: 'TEAMKEYID',
  AWS_SECRET_ACCESS_KEY: 'team-secret',
  AWS_EC2_METADATA_DISABLED: 'true',
};
export const noKeys: NodeJS.ProcessEnv = { AWS_EC2_METADATA_DISABLED: 'true' };
