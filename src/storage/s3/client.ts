import type { Operation } from '../../model/operation.ts';
import { printable } from '../../report/printable.ts';
import { trace } from '../../report/trace.ts';
import type { StorageContext } from '../remote.ts';
import { type Repeat, retrying } from '../retry.ts';
import { encodePart, encodePath } from '../wire/encode.ts';
import { openProxies } from '../wire/proxy.ts';
import type { WireRequest, WireResponse } from '../wire/request.ts';
import { resend } from '../wire/resend.ts';
import { openWire } from '../wire/wire.ts';
import type { Identity } from './credentials.ts';
import {
  absent,
  type Complaint,
  complaintError,
  expired,
  parseComplaint,
  refused,
  skewed,
  wireError,
} from './failure.ts';
import { openKeychain } from './keychain.ts';
import { type Headers, isRegion, type S3Settings } from './settings.ts';
import { emptyPayload, openSigner, sha256, unsignedPayload } from './signature.ts';

export interface Call {
  /**
   * What cannot be done, for messages: `cannot write to 's3://bucket'`. The object's name comes behind the reason, if
   * at all: in front of it, it would push the reason out of sight.
   */
  readonly action: string;
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  /** Of the object, without the remote's prefix; undefined for the bucket itself. */
  readonly key?: string;
  /** Encoded already, in order of names. */
  readonly query?: string;
  /** Of the object, in place of the current one; goes with no `query`. */
  readonly version?: string;
  /** `x-amz-…`, signed. */
  readonly headers?: Headers;
  /** Others, names and values in turn; not signed. */
  readonly extra?: readonly string[];
  readonly body?: Uint8Array;
  /** Statuses beside 2xx that the caller reads himself. */
  readonly expects?: readonly number[];
  readonly admit?: WireRequest['admit'];
  readonly into?: WireRequest['into'];
  readonly moved?: WireRequest['moved'];
}

/** One bucket, spoken to in signed requests. Follows it to its region, corrects the clock, renews keys, tries again. */
export interface Client {
  /** Answers 2xx and expected statuses, throws HelperError for the rest. */
  request(call: Call, signal: AbortSignal): Promise<WireResponse>;
  close(): void;
}

// Up to this size a body is signed even where TLS protects it: it costs less than the request itself.
const alwaysSignedBytes = 1024 * 1024;
const none: readonly string[] = [];

export function openClient(settings: S3Settings, context: StorageContext): Client {
  const wire = openWire(settings, openProxies(context));
  const keychain = openKeychain(settings, context);
  const repeat: Repeat = retrying(context.retry);
  const sign = openSigner();
  let region = settings.region ?? 'us-east-1';
  let { host, base } = addressOf(settings, region);
  let clockMs = 0;

  const wireRequest = (call: Call, identity: Identity): WireRequest => {
    const { method, query = versionQuery(call), headers = [], body, extra = none, admit, into, moved } = call;
    const path = call.key === undefined ? base || '/' : `${base}/${encodePath(settings.prefix + call.key)}`;
    const sent =
      method === 'PUT' || method === 'POST' ? ['content-length', String(body?.length ?? 0), ...extra] : extra;
    const target = query === '' ? path : `${path}?${query}`;
    if (identity.keys === undefined) {
      return {
        method,
        host,
        path: target,
        headers: ['host', host, ...headers.flat(), ...sent],
        body,
        admit,
        into,
        moved,
      };
    }
    const payload = payloadOf(body, settings.secure);
    const signed = sign({ method, host, path, query, headers, payload }, identity.keys, region, Date.now() + clockMs);
    signed.push('accept-encoding', 'identity', ...sent);
    return { method, host, path: target, headers: signed, body, admit, into, moved };
  };

  /** What the complaint asks for and we can give; false when it is final. */
  const adapt = async (
    complaint: Complaint,
    used: { identity: Identity; clockMs: number; region: string },
    operation: Operation,
  ): Promise<boolean> => {
    const moved = complaint.status === 301 || complaint.status === 307 || complaint.status === 400;
    if (moved && isRegion(complaint.region) && complaint.region !== used.region) {
      trace(() => `storage: bucket ${printable(settings.bucket)} is in region ${complaint.region}`);
      region = complaint.region;
      ({ host, base } = addressOf(settings, region));
      return true;
    }
    if (complaint.code === skewed && complaint.timeMs !== undefined && used.clockMs === 0) {
      clockMs = complaint.timeMs - Date.now();
      trace(() => `storage: this computer's clock differs by ${Math.round(clockMs / 1000)} s, corrected for`);
      return true;
    }
    if (expired.test(complaint.code) && (await keychain.renew(used.identity, operation))) return true;
    return refused(complaint) && (await keychain.replace(used.identity, complaint, operation));
  };

  const once = async (call: Call, signal: AbortSignal): Promise<WireResponse> => {
    for (let turn = 1; ; turn++) {
      const identity = await keychain.get({ signal });
      const used = { identity, clockMs, region };
      const response = await exchange(wire.send, wireRequest(call, identity), call, settings, signal);
      const { status } = response;
      if (status >= 200 && status < 300) {
        keychain.proven(identity);
        return response;
      }
      const complaint = parseComplaint(response);
      // An absent bucket, or user, is never an absent object.
      if (call.expects?.includes(status) === true && (status !== 404 || absent.test(complaint.code))) return response;
      // A bucket that moved, a clock that is wrong, keys that are old and some that are mistyped may come together.
      if (turn > 6 || !(await adapt(complaint, used, { signal })))
        throw complaintError(call, complaint, identity, settings);
    }
  };

  return {
    request: (call, signal) => repeat(`${call.method} ${call.key ?? ''}`, signal, () => once(call, signal)),
    close: () => wire.close(),
  };
}

const versionQuery = ({ version }: Call): string => (version === undefined ? '' : `versionId=${encodePart(version)}`);

function payloadOf(body: Uint8Array | undefined, secure: boolean): string {
  if (body === undefined || body.length === 0) return emptyPayload;
  return secure && body.length > alwaysSignedBytes ? unsignedPayload : sha256(body);
}

/** Sends; once more at once where a connection kept from an earlier request turned out to be dead. */
async function exchange(
  send: (request: WireRequest, signal: AbortSignal) => Promise<WireResponse>,
  request: WireRequest,
  call: Call,
  settings: S3Settings,
  signal: AbortSignal,
): Promise<WireResponse> {
  try {
    return await resend(() => send(request, signal), 1, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw wireError(call.action, error, settings);
  }
}

const suffixes: readonly (readonly [region: RegExp, suffix: string])[] = [
  [/^cn-/, 'amazonaws.com.cn'],
  [/^us-iso-/, 'c2s.ic.gov'],
  [/^us-isob-/, 'sc2s.sgov.gov'],
  [/^eusc-/, 'amazonaws.eu'],
];

/** Where the bucket is spoken to in a region, and what stands before every key in the path. */
function addressOf(settings: S3Settings, region: string): { host: string; base: string } {
  const { endpoint, bucket, virtualHost } = settings;
  const suffix = suffixes.find(([pattern]) => pattern.test(region))?.[1] ?? 'amazonaws.com';
  const service = endpoint?.host ?? `s3.${region.toLowerCase()}.${suffix}`;
  const path = endpoint?.path ?? '';
  if (virtualHost) return { host: `${bucket}.${service}`, base: path };
  return { host: service, base: `${path}/${encodePart(bucket)}` };
}
