import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { BusyError } from '../retry.ts';
import { connectionError, parseRetryAfter } from '../wire/failure.ts';
import { textOf, type WireResponse } from '../wire/request.ts';
import { decodeXml } from '../wire/xml.ts';
import type { Identity, Proof } from './credentials.ts';
import type { AzureSettings } from './settings.ts';

/** What the service says about a request that it did not fulfil. */
export interface Complaint {
  readonly status: number;
  /** Its own word for it, '' where it has none. */
  readonly code: string;
  readonly message: string;
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
  const detail = element(xml, 'AuthenticationErrorDetail');
  // Behind the first line stand the request's number and the time.
  const said = (detail ?? element(xml, 'Message') ?? '').split('\n')[0] ?? '';
  return {
    status: response.status,
    code: header('x-ms-error-code') ?? element(xml, 'Code') ?? '',
    message: said.trim().replace(/\.$/, ''),
    retryAfterMs: parseRetryAfter(header('retry-after')),
    timeMs: Number.isNaN(timeMs) ? undefined : timeMs,
  };
}

/** Means the blob, and neither its container nor a door that shows nothing to strangers. */
export const absent = 'BlobNotFound';

// What the service allows a signed request to be old, with room for the way.
const mostSkewMs = 14 * 60_000;

/** How far the service's clock is ahead of ours, where that may be why it refuses a signature; else undefined. */
export function skewMs({ status, timeMs }: Complaint, proof: Proof): number | undefined {
  if (status !== 403 || timeMs === undefined || proof.kind !== 'key') return undefined;
  const skew = timeMs - Date.now();
  return Math.abs(skew) > mostSkewMs ? skew : undefined;
}

/** True where a token may have lost its force. */
export function isStale({ status, code }: Complaint, { kind }: Proof): boolean {
  return kind === 'token' && (status === 401 || code === 'AuthenticationFailed');
}

// The last by its words: services do not agree on the code for bytes that arrived damaged.
const passing = /^(?:OperationTimedOut|InternalError|ContainerBeingDeleted|Md5Mismatch)\b|MD5 doesn't match/;

// Microsoft documents no word of its own for a full account; these are those of its other services and of emulators.
const full = /(?:Quota|Capacity)(?:Limit)?(?:Exceeded|Reached)$|^(?:Insufficient|OutOf)(?:Storage|Capacity|Space)/;
/** No room, or no more of it for this storage account. */
function isFull({ status, code }: Complaint): boolean {
  return status === 507 || full.test(code);
}

/**
 * The error for a complaint about a call: what could not be done, on which storage, and the blob it was about.
 * `auth` for refusals, `full`, `config` for an absent container and other mistakes, `unavailable` for what may pass.
 */
export function complaintError(
  { action, key }: { readonly action: string; readonly key?: string },
  complaint: Complaint,
  identity: Identity,
  settings: AzureSettings,
): HelperError {
  const { status, code } = complaint;
  const { remote } = settings;
  const said = [code, complaint.message].filter((part) => part !== '').join(': ');
  const detail = said === '' ? `the service answers ${status}` : printable(said);
  if (isFull(complaint)) {
    return new HelperError('full', `${action}: storage is full, or a quota of it is used up (${detail})`, {
      hints: [`make room in the storage account of '${remote}', or have its limits raised in the Azure portal`],
    });
  }
  if (status === 429 || status === 503 || code === 'ServerBusy') {
    return new BusyError(`${action}: ${detail}`, { retryAfterMs: complaint.retryAfterMs });
  }
  if (status >= 500 || status === 408 || passing.test(said))
    return new HelperError('unavailable', `${action}: ${detail}`);
  if (code === 'ContainerNotFound') {
    return new HelperError('config', `${action}: there is no container '${printable(settings.container)}'`, {
      hints: [
        `make it: az storage container create --name ${printable(settings.container)}`,
        `or check the URL and the storage account of storage remote '${remote}'`,
      ],
    });
  }
  if (isRefused(complaint, identity)) {
    return identity.refusal ?? identity.lacking ?? refusal(action, detail, complaint, identity);
  }
  if (code === 'BlobArchived' || code === 'BlobBeingRehydrated') {
    return new HelperError('config', `${action}: the object is archived (${code}, '${key}')`, {
      hints: ['bring it back first: az storage blob set-tier --tier Hot'],
    });
  }
  return new HelperError('config', `${action}: ${detail}${key === undefined ? '' : ` ('${key}')`}`);
}

/** Is it about who we are, and what we may? */
export function isRefused(complaint: Complaint, identity: Identity): boolean {
  const { status, code } = complaint;
  if (isFull(complaint)) return false;
  return status === 401 || status === 403 || code === 'PublicAccessNotPermitted' || isClosed(complaint, identity);
}

/** A private container is shown to strangers as if it did not exist. */
function isClosed({ status }: Complaint, { proof }: Identity): boolean {
  return status === 404 && proof.kind === 'none';
}

function refusal(action: string, detail: string, complaint: Complaint, identity: Identity): HelperError {
  const { proof, source, hints } = identity;
  const from = `the credentials come from ${source}`;
  const nowMs = complaint.timeMs ?? Date.now();
  if (proof.kind === 'sas') {
    const fields = new URLSearchParams(proof.query);
    const [expiry, start] = ['se', 'st'].map((name) => Date.parse(fields.get(name) ?? ''));
    // The service tells its time in whole seconds, rounded down.
    if (expiry !== undefined && expiry <= nowMs) {
      const since = new Date(expiry).toISOString();
      return new HelperError('auth', `${action}: the shared access signature expired at ${since}`, {
        hints: [from, ...hints],
      });
    }
    if (start !== undefined && start > nowMs) {
      const from = new Date(start).toISOString();
      return new HelperError('auth', `${action}: the shared access signature is not valid before ${from}`, { hints });
    }
    const may = fields.get('sp') ?? '';
    const wants = `it allows '${printable(may)}' and needs r, l and, to push, c and w`;
    const lacks = /Permission|Mismatch|AuthorizationFailure/.test(complaint.code) && may !== '';
    return new HelperError('auth', `${action}: access denied (${detail})`, {
      hints: [from, ...(lacks ? [wants] : []), ...hints],
    });
  }
  if (proof.kind === 'key' && skewMs(complaint, proof) !== undefined) {
    const seconds = Math.abs(Math.round((nowMs - Date.now()) / 1000));
    return new HelperError('auth', `${action}: ${complaint.code}: this computer's clock differs by ${seconds} s`, {
      hints: ["set the clock; 'date -u' shows it"],
    });
  }
  const advice = adviceFor(complaint.code, proof);
  return new HelperError('auth', `${action}: access denied (${detail})`, { hints: [from, ...hints, ...advice] });
}

function adviceFor(code: string, { kind }: Proof): readonly string[] {
  // Whoever made the account may change its settings, which is not yet leave to see what is in it.
  if (code === 'AuthorizationPermissionMismatch' && kind === 'token')
    return ["it needs the role 'Storage Blob Data Reader', to push 'Storage Blob Data Contributor'"];
  if (code === 'KeyBasedAuthenticationNotPermitted')
    return ['the storage account takes no keys: leave them out, and sign in with: az login'];
  if (code === 'AuthorizationFailure') return ['the firewall of the storage account may be closed to this machine'];
  return [];
}

/** The error for a connection that did not work out. An abort passes unchanged. */
export function wireError(action: string, error: unknown, settings: AzureSettings): unknown {
  const { remote, secure, host } = settings;
  return connectionError(action, error, {
    trust: [
      `name the authority's certificate: git config http.sslCAInfo /path/to/ca.pem, or set SSL_CERT_FILE to that file`,
    ],
    plain: ["a blob service without TLS is written 'BlobEndpoint=http://...' in 'connection_string'"],
    reach: [
      `can this machine reach '${secure ? 'https' : 'http'}://${printable(host)}', and is that the storage account of '${remote}'?`,
    ],
  });
}
