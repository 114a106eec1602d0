import { createHash, createHmac } from 'node:crypto';
import type { AccessKeys, Headers } from './settings.ts';

/** What is signed. `path` and `query` are encoded already, the query's pairs in order of their names. */
export interface Unsigned {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  /** Only those whose names start with `x-amz-`: S3 wants all of these signed. */
  readonly headers: Headers;
  /** SHA-256 of the body in hex, or `UNSIGNED-PAYLOAD`. */
  readonly payload: string;
}

export const emptyPayload = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
export const unsignedPayload = 'UNSIGNED-PAYLOAD';

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

const hmac = (key: string | Uint8Array, data: string): Buffer => createHmac('sha256', key).update(data).digest();

/** `20260131T235959Z` */
function stampOf(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 19).replace(/[-:]/g, '')}Z`;
}

/**
 * AWS Signature Version 4 for S3. Answers the headers to send with a request, `host` and `unsigned.headers` among
 * them. Keeps the key of the day and the second's stamp, which are dear to compute for each of many small requests.
 */
export function openSigner(): (unsigned: Unsigned, keys: AccessKeys, region: string, timeMs: number) => string[] {
  let second = -1;
  let stamp = '';
  let keyOf = '';
  let key: Buffer = Buffer.alloc(0);
  return (unsigned, keys, region, timeMs) => {
    if (Math.floor(timeMs / 1000) !== second) {
      second = Math.floor(timeMs / 1000);
      stamp = stampOf(timeMs);
    }
    const day = stamp.slice(0, 8);
    const scope = `${day}/${region}/s3/aws4_request`;
    if (keyOf !== `${scope} ${keys.secret}`) {
      key = hmac(hmac(hmac(hmac(`AWS4${keys.secret}`, day), region), 's3'), 'aws4_request');
      keyOf = `${scope} ${keys.secret}`;
    }
    const headers: [string, string][] = [
      ['host', unsigned.host],
      ['x-amz-content-sha256', unsigned.payload],
      ['x-amz-date', stamp],
    ];
    for (const [name, value] of unsigned.headers) headers.push([name, value]);
    if (keys.token !== undefined) headers.push(['x-amz-security-token', keys.token]);
    if (headers.length > 3) headers.sort(([left], [right]) => (left < right ? -1 : 1));
    let canonical = '';
    let names = '';
    const flat: string[] = [];
    for (const [name, value] of headers) {
      canonical += `${name}:${value.replace(/ {2,}/g, ' ')}\n`;
      names += names === '' ? name : `;${name}`;
      flat.push(name, value);
    }
    const request = `${unsigned.method}\n${unsigned.path}\n${unsigned.query}\n${canonical}\n${names}\n${unsigned.payload}`;
    const signature = createHmac('sha256', key)
      .update(`AWS4-HMAC-SHA256\n${stamp}\n${scope}\n${sha256(request)}`)
      .digest('hex');
    flat.push(
      'authorization',
      `AWS4-HMAC-SHA256 Credential=${keys.id}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
    );
    return flat;
  };
}
