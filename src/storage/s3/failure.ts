import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { BusyError } from '../retry.ts';
import type { Identity } from './credentials.ts';
import { stalled, type WireResponse } from './request.ts';
import type { S3Settings } from './settings.ts';

/** What the service says about a request that it did not fulfil. */
export interface Complaint {
  readonly status: number;
  /** Its own word for it, '' where the answer had no body. */
  readonly code: string;
  readonly message: string;
  /** Where the bucket really is. */
  readonly region: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** The service's clock, milliseconds since 1970. */
  readonly timeMs: number | undefined;
}

export function textOf(response: WireResponse): string {
  return Buffer.concat(response.chunks).toString('utf8');
}

/** Text of the first `<name>` of an XML answer, entities decoded. */
export function element(xml: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return found === undefined ? undefined : decodeXml(found);
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

export function decodeXml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return entities[name] ?? whole;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

export function parseComplaint(response: WireResponse): Complaint {
  const xml = textOf(response);
  const header = (name: string): string | undefined => {
    const value = response.headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  const wait = header('retry-after');
  const timeMs = Date.parse(header('date') ?? '');
  return {
    status: response.status,
    code: element(xml, 'Code') ?? '',
    message: element(xml, 'Message') ?? '',
    region: header('x-amz-bucket-region') ?? element(xml, 'Region'),
    retryAfterMs: wait === undefined ? undefined : parseRetryAfter(wait),
    timeMs: Number.isNaN(timeMs) ? undefined : timeMs,
  };
}

/** Seconds, or a date (RFC 9110 10.2.3). */
function parseRetryAfter(text: string): number | undefined {
  const waitMs = /^\d+$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

const busy =
  /^(?:SlowDown|Throttling(?:Exception)?|RequestLimitExceeded|TooManyRequests(?:Exception)?|BandwidthLimitExceeded|ServiceUnavailable)$/;
const passing =
  /^(?:InternalError|RequestTimeout|IncompleteBody|BadDigest|XAmzContentSHA256Mismatch|OperationAborted|ConditionalRequestConflict)$/;
/** Codes that mean: these keys were good once. */
export const expired: RegExp = /^(?:ExpiredToken|ExpiredTokenException|TokenRefreshRequired|RequestExpired)$/;
export const skewed = 'RequestTimeTooSkewed';

/**
 * The error for a complaint about a call: what could not be done, on which storage, and the object it was about.
 * `auth` for refusals, `config` for an absent bucket and other mistakes, `unavailable` for what may pass.
 */
export function complaintError(
  { action, key }: { readonly action: string; readonly key?: string },
  complaint: Complaint,
  identity: Identity,
  settings: S3Settings,
): HelperError {
  const { status, code } = complaint;
  const said = printable(
    [code, complaint.message]
      .filter((part) => part !== '')
      .join(': ')
      .replace(/\.$/, ''),
  );
  const detail = said === '' ? `the service answers ${status}` : said;
  if (status === 429 || status === 503 || busy.test(code)) {
    return new BusyError(`${action}: ${detail}`, { retryAfterMs: complaint.retryAfterMs });
  }
  if (status >= 500 || status === 408 || passing.test(code))
    return new HelperError('unavailable', `${action}: ${detail}`);
  if (code === 'NoSuchBucket') {
    return new HelperError('config', `${action}: there is no bucket '${printable(settings.bucket)}'`, {
      hints: [`check the URL: dvc remote list, and the endpoint of storage remote '${settings.remote}'`],
    });
  }
  if (code === skewed && complaint.timeMs !== undefined) {
    const behind = Math.round((complaint.timeMs - Date.now()) / 1000);
    return new HelperError('auth', `${action}: ${code}: this computer's clock differs by ${Math.abs(behind)} s`, {
      hints: ["set the clock; 'date -u' shows it"],
    });
  }
  if (
    status === 401 ||
    status === 403 ||
    expired.test(code) ||
    /^(?:InvalidToken|AuthorizationHeaderMalformed)$/.test(code)
  ) {
    return new HelperError('auth', `${action}: access denied (${detail})`, {
      hints: [`the access keys come from ${identity.source}`, ...identity.hints],
    });
  }
  if (status >= 300 && status < 400) {
    return new HelperError('config', `${action}: the bucket is in another region (${detail})`, {
      hints: [`name it: dvc remote modify ${settings.remote} region <region>`],
    });
  }
  return new HelperError('config', `${action}: ${detail}${key === undefined ? '' : ` ('${key}')`}`);
}

/** The error for a connection that did not work out. An abort passes unchanged. */
export function wireError(action: string, error: unknown, settings: S3Settings): unknown {
  if (!(error instanceof Error) || error instanceof HelperError || error.name === 'AbortError') return error;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const remote = settings.remote;
  if (/CERT|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH/.test(code)) {
    return new HelperError('config', `${action}: cannot trust the server: ${printable(error.message)} (${code})`, {
      hints: [
        `name the authority's certificate: dvc remote modify --local ${remote} ssl_verify /path/to/ca.pem`,
        'or set AWS_CA_BUNDLE to that file',
      ],
      cause: error,
    });
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return new HelperError('config', `${action}: the server does not speak TLS (${code})`, {
      hints: [`an endpoint without TLS is written 'http://...': dvc remote modify ${remote} endpointurl http://...`],
      cause: error,
    });
  }
  const said = code === stalled ? error.message : (reasons[code] ?? printable(code === '' ? error.message : code));
  const { endpoint, secure } = settings;
  const url = endpoint && `${secure ? 'https' : 'http'}://${endpoint.host}`;
  const hints = url === undefined ? [] : [`can this machine reach '${printable(url)}', the endpoint of '${remote}'?`];
  return new HelperError('unavailable', `${action}: ${said}`, { hints, cause: error });
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ENOTFOUND: 'the name of the host cannot be resolved',
  EAI_AGAIN: 'the name of the host cannot be resolved now',
  ETIMEDOUT: 'no connection in time',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no network',
};
