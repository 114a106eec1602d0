import { createOrigin, isLoopback, type Origin } from '../model/origin.ts';

/** What Git wants a user and a password for (git-credential(1), INPUT/OUTPUT FORMAT). */
export interface CredentialRequest {
  readonly origin: Origin;
  /** Given: only this user's will do. */
  readonly username: string | undefined;
  /** Git names no path unless `credential.useHttpPath` is set. */
  readonly hasPath: boolean;
}

/** Bytes of a line, and lines, as Git's own helpers bound them. */
const longestLine = 64 * 1024;
const mostLines = 256;
/** More than a request can have. */
export const mostBytes: number = longestLine * mostLines;

/**
 * The request in Git's words; undefined for what this program has no answer to: anything but https (and http to this
 * machine), or words that are no request. Attributes that it does not know are passed over, as Git adds some over time.
 */
export function parseRequest(text: string): CredentialRequest | undefined {
  const fields = new Map<string, string>();
  const lines = text.split('\n');
  const end = lines.indexOf('');
  const request = end < 0 ? lines : lines.slice(0, end);
  if (request.length > mostLines) return undefined;
  for (const line of request) {
    const at = line.indexOf('=');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
    if (at <= 0 || line.length > longestLine || /[\u0000-\u001f\u007f]/.test(line)) return undefined;
    fields.set(line.slice(0, at), line.slice(at + 1));
  }
  const [protocol = '', host = '', path] = ['protocol', 'host', 'path'].map((name) => fields.get(name));
  if (host === '' || (protocol !== 'https' && protocol !== 'http')) return undefined;
  const origin = createOrigin(protocol, host, path ?? '', { provider: false, namedBy: 'user' });
  if (protocol === 'http' && !isLoopback(origin)) return undefined;
  return { origin, username: fields.get('username') || undefined, hasPath: (path ?? '') !== '' };
}

/** Same protocol, host and port, and the path where both have one; by these alone. */
export function isFor(request: CredentialRequest, place: Origin): boolean {
  const { origin, hasPath } = request;
  if (origin.protocol !== place.protocol || origin.host !== place.host) return false;
  return !hasPath || place.path === '' || origin.path === place.path || origin.path.startsWith(`${place.path}/`);
}
