import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { BusyError } from '../retry.ts';
import { connectionError, parseRetryAfter } from '../wire/failure.ts';
import { textOf, type WireResponse } from '../wire/request.ts';
import { decodeXml } from '../wire/xml.ts';
import type { Identity } from './credentials.ts';
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

/** Text of the first `<name>` of an XML answer, entities decoded. */
export function element(xml: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return found === undefined ? undefined : decodeXml(found);
}

export function parseComplaint(response: WireResponse): Complaint {
  const xml = textOf(response);
  const header = (name: string): string | undefined => {
    const value = response.headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  const timeMs = Date.parse(header('date') ?? '');
  return {
    status: response.status,
    code: element(xml, 'Code') ?? '',
    message: element(xml, 'Message') ?? '',
    region: header('x-amz-bucket-region') ?? element(xml, 'Region'),
    retryAfterMs: parseRetryAfter(header('retry-after')),
    timeMs: Number.isNaN(timeMs) ? undefined : timeMs,
  };
}

const busy =
  /^(?:SlowDown|Throttling(?:Exception)?|RequestLimitExceeded|TooManyRequests(?:Exception)?|BandwidthLimitExceeded|ServiceUnavailable)$/;
const passing =
  /^(?:InternalError|RequestTimeout|IncompleteBody|BadDigest|XAmzContentSHA256Mismatch|OperationAborted|ConditionalRequestConflict)$/;
/** Codes of a 404 that is about the object or its upload; an answer to HEAD has none. */
export const absent: RegExp = /^(?:|NotFound|NoSuch(?:Key|Upload|Version))$/;
/** Codes that mean: these keys were good once. */
export const expired: RegExp = /^(?:ExpiredToken|ExpiredTokenException|TokenRefreshRequired|RequestExpired)$/;
// Words of MinIO, Versity, Ceph and Huawei; Amazon has no such limit.
const full =
  /^(?:XMinioStorageFull|XMinioAdminBucketQuotaExceeded|InsufficientStorage(?:Space)?|(?:Bucket|Storage)?QuotaExceeded)$/;
/** No room, or no more of it for this bucket or account. */
function isFull({ status, code }: Complaint): boolean {
  return status === 507 || full.test(code);
}

/** Is it about who we are, and what we may? */
export function refused(complaint: Complaint): boolean {
  const { status, code } = complaint;
  if (code === skewed || isFull(complaint)) return false;
  return (
    status === 401 ||
    status === 403 ||
    expired.test(code) ||
    /^(?:InvalidToken|AuthorizationHeaderMalformed|InvalidAccessKeyId|XAdminUserNotFound)$/.test(code)
  );
}
export const skewed = 'RequestTimeTooSkewed';

/**
 * The error for a complaint about a call: what could not be done, on which storage, and the object it was about.
 * `auth` for refusals, `full`, `config` for an absent bucket and other mistakes, `unavailable` for what may pass, `missing`
 * for a version that cannot be.
 */
export function complaintError(
  { action, key, version }: { readonly action: string; readonly key?: string; readonly version?: string },
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
  if (isFull(complaint)) {
    return new HelperError('full', `${action}: storage is full, or a quota of it is used up (${detail})`, {
      hints: [`make room in bucket '${printable(settings.bucket)}', or have whoever runs the service raise the limit`],
    });
  }
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
  if (refused(complaint)) {
    const unshown = identity.refusal ?? identity.lacking;
    if (unshown !== undefined) return unshown;
    return new HelperError('auth', `${action}: access denied (${detail})`, {
      hints: [`the access keys come from ${identity.source}`, ...identity.hints],
    });
  }
  if (status >= 300 && status < 400) {
    return new HelperError('config', `${action}: the bucket is in another region (${detail})`, {
      hints: [`name it: dvc remote modify ${settings.remote} region <region>`],
    });
  }
  // Amazon answers so to a version ID of another service's making.
  const noVersion = version !== undefined && code === 'InvalidArgument' && /version/i.test(complaint.message);
  return new HelperError(
    noVersion ? 'missing' : 'config',
    `${action}: ${detail}${key === undefined ? '' : ` ('${key}')`}`,
  );
}

/** The error for a connection that did not work out. An abort passes unchanged. */
export function wireError(action: string, error: unknown, { endpoint, remote, secure }: S3Settings): unknown {
  const url = endpoint && `${secure ? 'https' : 'http'}://${endpoint.host}`;
  return connectionError(action, error, {
    trust: [
      `name the authority's certificate: dvc remote modify --local ${remote} ssl_verify /path/to/ca.pem`,
      'or set AWS_CA_BUNDLE to that file',
    ],
    plain: [`an endpoint without TLS is written 'http://...': dvc remote modify ${remote} endpointurl http://...`],
    reach: url === undefined ? [] : [`can this machine reach '${printable(url)}', the endpoint of '${remote}'?`],
  });
}
