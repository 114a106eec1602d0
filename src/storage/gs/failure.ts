import { STATUS_CODES } from 'node:http';
import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import type { Identity } from '../google/keychain.ts';
import { BusyError, ExhaustedError } from '../retry.ts';
import { connectionError, parseRetryAfter } from '../wire/failure.ts';
import { textOf, type WireResponse } from '../wire/request.ts';
import type { GsSettings } from './settings.ts';

/** What the service says about a request that it did not fulfil (JSON API, "HTTP status and error codes"). */
interface Complaint {
  readonly status: number;
  /** Its own word for it, '' where the answer has none. */
  readonly reason: string;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
}

export function parseComplaint(response: WireResponse): Complaint {
  const { status, headers } = response;
  const retryAfterMs = parseRetryAfter(headers['retry-after']);
  const text = textOf(response);
  try {
    const { error } = JSON.parse(text);
    const message = typeof error === 'string' ? error : error.message;
    const reason = error.errors?.[0]?.reason;
    return {
      status,
      reason: typeof reason === 'string' ? reason : '',
      message: typeof message === 'string' ? message : '',
      retryAfterMs,
    };
  } catch {
    // Uploads and downloads answer in plain words too; pages of a proxy are not worth quoting.
    const plain = /^text\/plain\b/.test(headers['content-type'] ?? '') ? text.trim() : '';
    return { status, reason: '', message: plain, retryAfterMs };
  }
}

/** Also said with 403, which would else mean that somebody may not. */
const tooMany = /^(?:rateLimitExceeded|userRateLimitExceeded|responseTooLarge)$/;
const full = /^(?:quotaExceeded|storageQuotaExceeded)$/i;
/** The bytes that arrived are not those whose hash was announced. */
export class DamagedError extends HelperError {}
const damaged = /(?:MD5|CRC32C|checksum).*(?:doesn't|does not) match/i;

/**
 * The error for a complaint about a call: what could not be done, on which storage, and the object it was about.
 * `auth` for refusals, `full`, `config` for an absent bucket and other mistakes, `unavailable` for what may pass.
 */
export function complaintError(
  { action, key }: { readonly action: string; readonly key?: string | undefined },
  complaint: Complaint,
  { source }: Identity,
  settings: GsSettings,
): HelperError {
  const { status, reason, message, retryAfterMs } = complaint;
  const said = printable((message || reason).replace(/\.$/, ''));
  const detail = said === '' ? `the service answers ${status} (${STATUS_CODES[status] ?? 'unknown'})` : said;
  const about = key === undefined ? '' : ` ('${printable(key)}')`;
  if (status === 429 || status === 503 || tooMany.test(reason)) {
    return new BusyError(`${action}: ${detail}`, { retryAfterMs });
  }
  if (damaged.test(message)) return new DamagedError('unavailable', `${action}: ${detail}${about}`);
  if (full.test(reason) || status === 507) {
    return new HelperError('full', `${action}: a quota of the bucket's project is used up (${detail})`, {
      hints: [
        `make room in bucket '${printable(settings.bucket)}'`,
        "or have the quota raised: see 'IAM & Admin', 'Quotas' in the Google Cloud console",
      ],
    });
  }
  if (status >= 500 || status === 408) {
    return new HelperError('unavailable', `${action}: ${detail}${about}`);
  }
  if (reason === 'dailyLimitExceeded') {
    const why = 'what the project may ask for in a day is used up';
    return new ExhaustedError('unavailable', `${action}: ${why} (${detail})`, { hints: ['try again tomorrow'] });
  }
  if (reason === 'UserProjectMissing' || /requester pays/i.test(message)) {
    return new HelperError('config', `${action}: whoever asks has to pay for this bucket (requester pays)`, {
      hints: [
        'name a project of yours that pays: set GOOGLE_CLOUD_QUOTA_PROJECT',
        'or: gcloud auth application-default set-quota-project <project>',
      ],
    });
  }
  if (status === 401 || status === 403) {
    if (source.refusal !== undefined) return source.refusal;
    const whose = source.fetch === undefined ? [] : [`the credentials are ${source.name}`];
    return new HelperError('auth', `${action}: access denied (${detail})`, { hints: [...whose, ...source.hints] });
  }
  if (status === 404) {
    return new HelperError('config', `${action}: there is no bucket '${printable(settings.bucket)}'`, {
      hints: [`check the URL: dvc remote list, and the endpoint '${settings.endpoint.url}' of '${settings.remote}'`],
    });
  }
  return new HelperError('config', `${action}: ${detail}${about}`);
}

/** The error for a connection that did not work out. An abort passes unchanged. */
export function brokenError(action: string, error: unknown, { endpoint, remote }: GsSettings): unknown {
  return connectionError(action, error, {
    trust: ['set git config http.sslCAInfo, or SSL_CERT_FILE, to the certificate of the authority'],
    plain: [`an endpoint without TLS is written 'http://...': dvc remote modify ${remote} endpointurl http://...`],
    reach: [`can this machine reach '${endpoint.url}', the endpoint of '${remote}'?`],
  });
}
