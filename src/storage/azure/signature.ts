import { createHmac } from 'node:crypto';

/** Names and values, as they come. */
export type Pairs = readonly (readonly [name: string, value: string])[];

/** What is signed of a request. */
export interface Unsigned {
  readonly method: string;
  /** As it is sent, encoded, without the query. */
  readonly path: string;
  /** Values not encoded, names in small letters. */
  readonly query: Pairs;
  /** Names in small letters. */
  readonly headers: Pairs;
}

/** Headers whose values have a line of their own, in this order; `date` stays empty where there is an `x-ms-date`. */
const lines: readonly string[] = [
  ...['content-encoding', 'content-language', 'content-length', 'content-md5', 'content-type', 'date'],
  ...['if-modified-since', 'if-match', 'if-none-match', 'if-unmodified-since', 'range'],
];

/** The text that the account's key signs ("Authorize with Shared Key", blob service, 2015-02-21 and later). */
export function textToSign({ method, path, query, headers }: Unsigned, account: string): string {
  const values = new Map(headers);
  const own = headers.filter(([name]) => name.startsWith('x-ms-'));
  const length = values.get('content-length');
  if (length === '0') values.delete('content-length');
  return [
    method,
    ...lines.map((name) => values.get(name) ?? ''),
    ...sorted(own).map(([name, value]) => `${name}:${value}`),
    `/${account}${path}`,
    ...sorted(query).map(([name, value]) => `${name}:${value}`),
  ].join('\n');
}

/** Value of the header `authorization`. */
export function signShared(unsigned: Unsigned, account: string, key: Uint8Array): string {
  const signature = createHmac('sha256', key).update(textToSign(unsigned, account), 'utf8').digest('base64');
  return `SharedKey ${account}:${signature}`;
}

function sorted(pairs: Pairs): Pairs {
  return pairs.length < 2 ? pairs : [...pairs].sort(([left], [right]) => (left < right ? -1 : 1));
}
