import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { stalled } from './request.ts';

/** What to do about it, by what went wrong. */
export interface Advice {
  /** The server's certificate is not trusted. */
  readonly trust: readonly string[];
  /** The server does not speak TLS. */
  readonly plain: readonly string[];
  /** No connection, or one that broke. */
  readonly reach: readonly string[];
}

/** The error for a connection that did not work out. An abort and errors of ours pass unchanged. */
export function connectionError(action: string, error: unknown, advice: Advice): unknown {
  if (!(error instanceof Error) || error instanceof HelperError || error.name === 'AbortError') return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (/CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH/.test(code)) {
    const why = `cannot trust the server: ${printable(error.message)} (${code})`;
    return new HelperError('config', `${action}: ${why}`, { hints: advice.trust, cause: error });
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    const why = `the server does not speak TLS (${code})`;
    return new HelperError('config', `${action}: ${why}`, { hints: advice.plain, cause: error });
  }
  const said = code === stalled ? error.message : (reasons[code] ?? printable(code === '' ? error.message : code));
  return new HelperError('unavailable', `${action}: ${said}`, { hints: advice.reach, cause: error });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  HPE_INVALID_CONSTANT: 'the server does not speak HTTP',
  ENOTFOUND: 'the name of the host cannot be resolved',
  EAI_AGAIN: 'the name of the host cannot be resolved now',
  ETIMEDOUT: 'no connection in time',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no network',
};

/**
 * True when a connection kept from an earlier request turned out to be of no use: dead, or with the body on it that
 * some servers send after the headers of an answer to HEAD.
 */
export function isStale(error: unknown): boolean {
  if (!(error instanceof Error) || !('reused' in error) || !('code' in error)) return false;
  return error.code === 'ECONNRESET' || String(error.code).startsWith('HPE_');
}

/** `Retry-After` in milliseconds: seconds, or a date (RFC 9110 10.2.3). undefined when it is neither. */
export function parseRetryAfter(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const waitMs = /^\d+$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}
