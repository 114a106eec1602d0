import { HelperError } from '../model/error.ts';
import { displayUrl } from '../report/printable.ts';

/** Where the inner Git remote is and who speaks to it, told from the URL exactly as Git tells it (`connect.c`, `transport.c`). */
export type InnerUrl =
  | { readonly kind: 'local'; readonly path: string }
  | {
      readonly kind: 'ssh';
      /** `[user@]host`, without brackets and port. */
      readonly destination: string;
      readonly port: string | undefined;
      readonly path: string;
    }
  | {
      readonly kind: 'git';
      /** As in the URL, with brackets and port: this is what the server is told. */
      readonly hostAndPort: string;
      readonly host: string;
      readonly port: string | undefined;
      readonly path: string;
    }
  /** `git remote-<helper>` speaks to it: http(s), ftp(s), `x::…`, any scheme that Git does not know itself. */
  | { readonly kind: 'helper'; readonly helper: string; readonly address: string };

/** The name by which `protocol.<name>.allow` and `GIT_ALLOW_PROTOCOL` know a transport. */
export function protocolOf(url: InnerUrl): string {
  if (url.kind === 'helper') return url.helper;
  return url.kind === 'local' ? 'file' : url.kind;
}

/** Without the `dvcexp::` that made Git start this program. Repeated ones come from `url.dvcexp::….insteadOf`. */
export function withoutOwnPrefix(url: string): string {
  return url.replace(/^(?:dvcexp::)+/, '');
}

/** `%41` → `A` as Git decodes: bad and NUL escapes stay as they are. Throws `unsupported` for bytes that are no UTF-8. */
function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  const bytes = text.replace(/%([0-9a-f]{2})|[^%]+|%/gi, (found, hex: string | undefined) =>
    hex === undefined || hex === '00'
      ? Buffer.from(found).toString('latin1')
      : String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(Buffer.from(bytes, 'latin1'));
  } catch (cause) {
    throw new HelperError('unsupported', `the path in '${displayUrl(text)}' is not UTF-8`, { cause });
  }
}

/** `[v6]:22` → `v6`, `22`; `host:22` → `host`, `22`; a port that is none stays part of the host. */
function splitPort(hostAndPort: string): { host: string; port: string | undefined } {
  const bracketed = /^(.*@)?\[([^\]]*)\](.*)$/s.exec(hostAndPort);
  const [before, inner, after] = bracketed === null ? ['', undefined, hostAndPort] : bracketed.slice(1);
  const rest = after ?? '';
  const colon = rest.indexOf(':');
  const port = colon < 0 ? undefined : rest.slice(colon + 1);
  const isPort = port !== undefined && /^[0-9]{1,5}$/.test(port) && Number(port) < 65_536;
  const tail = isPort || port === '' ? rest.slice(0, colon) : rest;
  const host = `${before ?? ''}${inner ?? ''}${tail}`;
  if (isPort) return { host, port };
  // `[host:22]:path`, the scp-like form with a port, only shows its port once the brackets are gone.
  const second = inner === undefined ? null : /^([^:]*):([0-9]{1,5})$/.exec(host);
  if (second !== null && Number(second[2]) < 65_536) return { host: second[1] ?? '', port: second[2] };
  return { host, port: undefined };
}

/** Index where the host's own brackets end, so that their colons do not count; 0 without brackets. */
function bracketsEnd(text: string): number {
  const at = text.indexOf('@[');
  const start = at < 0 ? 0 : at + 1;
  if (text[start] !== '[') return 0;
  const end = text.indexOf(']', start + 1);
  return Math.max(end, 0);
}

function noPath(url: string): HelperError {
  return new HelperError(
    'config',
    `no path specified in '${displayUrl(url)}'; see 'git help pull' for valid url syntax`,
  );
}

/** `/~user/x` loses its slash: the server's shell or daemon expands it. */
const withoutHomeSlash = (path: string): string => (path.startsWith('/~') ? path.slice(1) : path);

function parseNative(scheme: string, url: string): InnerUrl {
  const rest = percentDecode(url.slice(scheme.length + 3));
  const slash = rest.indexOf('/', bracketsEnd(rest));
  if (slash < 0) throw noPath(url);
  const path = rest.slice(slash);
  if (scheme === 'file') return { kind: 'local', path };
  const hostAndPort = rest.slice(0, slash);
  const { host, port } = splitPort(hostAndPort);
  if (scheme === 'git') return { kind: 'git', hostAndPort, host, port, path: withoutHomeSlash(path) };
  return { kind: 'ssh', destination: host, port, path: withoutHomeSlash(path) };
}

function parseScpLike(url: string): InnerUrl {
  const colon = url.indexOf(':', bracketsEnd(url));
  const path = colon < 0 ? '' : url.slice(colon + 1);
  if (colon < 0) throw noPath(url);
  const { host, port } = splitPort(url.slice(0, colon));
  return { kind: 'ssh', destination: host, port, path: withoutHomeSlash(path) };
}

const nativeSchemes = ['file', 'git', 'ssh', 'git+ssh', 'ssh+git'];

/** Classifies a URL that has no `dvcexp::` left. Throws `config` for one without a path. */
export function parseInnerUrl(url: string): InnerUrl {
  const foreign = /^([A-Za-z0-9][A-Za-z0-9+.-]*)::(.*)$/s.exec(url);
  if (foreign !== null) return { kind: 'helper', helper: foreign[1] ?? '', address: foreign[2] ?? '' };
  const scheme = /^([A-Za-z0-9][A-Za-z0-9+.-]*):\/\//.exec(url)?.[1];
  if (scheme !== undefined) {
    return nativeSchemes.includes(scheme) ? parseNative(scheme, url) : { kind: 'helper', helper: scheme, address: url };
  }
  const colon = url.indexOf(':');
  const slash = url.indexOf('/');
  if (colon >= 0 && (slash < 0 || colon < slash)) return parseScpLike(url);
  if (url === '') throw noPath(url);
  return { kind: 'local', path: url };
}
