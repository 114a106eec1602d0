import type { Content } from '../../model/operation.ts';
import { trace } from '../../report/trace.ts';
import type { StorageContext } from '../remote.ts';
import { type Repeat, retrying } from '../retry.ts';
import { encodePart, encodePath } from '../wire/encode.ts';
import { openProxies } from '../wire/proxy.ts';
import { BodyError, type WireRequest, type WireResponse } from '../wire/request.ts';
import { resend } from '../wire/resend.ts';
import { openWire } from '../wire/wire.ts';
import type { Identity, Proof } from './credentials.ts';
import { type Complaint, complaintError, isRefused, isStale, parseComplaint, skewMs, wireError } from './failure.ts';
import { openGuardedKeychain } from './guarded-keychain.ts';
import type { AzureSettings } from './settings.ts';
import { type Pairs, signShared } from './signature.ts';

export interface Call {
  /** What cannot be done, for messages: `cannot write to 'azure://container'`. */
  readonly action: string;
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE';
  /** Of the blob, without the remote's prefix; undefined for the container itself. */
  readonly key?: string;
  /** Not encoded, names in small letters. */
  readonly query?: Pairs;
  /** Names in small letters. */
  readonly headers?: Pairs;
  readonly body?: Uint8Array;
  /** In place of `body`: bytes that come, from the beginning for every try. What they throw comes through. */
  readonly content?: Content;
  /** The service's words for refusals that the caller reads himself. */
  readonly expects?: readonly string[];
  readonly admit?: WireRequest['admit'];
  readonly into?: WireRequest['into'];
  readonly moved?: WireRequest['moved'];
}

/** One container, spoken to with our credentials. Corrects the clock, tries again what can pass. */
export interface Client {
  /** Answers 2xx and expected statuses, throws HelperError for the rest. */
  request(call: Call, signal: AbortSignal): Promise<WireResponse>;
  close(): void;
}

/** A token that is old, a clock that is wrong, and keys that were mistyped may come together. */
const mostTurns = 5;

/** Of the service: knows versions, big blocks, and names with odd characters in listings. */
const apiVersion = '2021-12-02';

export function openClient(settings: AzureSettings, context: StorageContext): Client {
  const wire = openWire(settings, openProxies(context));
  const repeat: Repeat = retrying(context.retry);
  const keychain = openGuardedKeychain(settings, context, async () =>
    // Large, and not needed by those who have a key.
    (await import('./tokens.ts')).findTokens(settings, context),
  );
  let clockMs = 0;

  /** What may be wrong with the proof and can be mended; false when the refusal is final. */
  const adapt = async (complaint: Complaint, used: Identity, first: boolean, signal: AbortSignal): Promise<boolean> => {
    const skew = clockMs === 0 ? skewMs(complaint, used.proof) : undefined;
    if (skew === undefined) {
      if (first && isStale(complaint, used.proof) && (await keychain.renew(used, signal))) return true;
      return isRefused(complaint, used) && (await keychain.replace(used, complaint, signal));
    }
    clockMs = skew;
    trace(() => `storage: this computer's clock differs by ${Math.round(clockMs / 1000)} s, corrected for`);
    return true;
  };

  const once = async (call: Call, signal: AbortSignal): Promise<WireResponse> => {
    for (let turn = 1; ; turn++) {
      const identity = await keychain.get(signal);
      const request = (): WireRequest => wireRequest(call, settings, identity.proof, Date.now() + clockMs);
      const response = await exchange(wire.send, request, call, settings, signal);
      const { status } = response;
      if (status >= 200 && status < 300) {
        keychain.proven(identity);
        return response;
      }
      const complaint = parseComplaint(response);
      if (call.expects?.includes(complaint.code) === true) return response;
      if (turn > mostTurns || !(await adapt(complaint, identity, turn === 1, signal))) {
        throw complaintError(call, complaint, identity, settings);
      }
    }
  };

  return {
    request: (call, signal) => repeat(`${call.method} ${call.key ?? ''}`, signal, () => once(call, signal)),
    close: () => wire.close(),
  };
}

function wireRequest(call: Call, settings: AzureSettings, proof: Proof, nowMs: number): WireRequest {
  const { method, key, content, admit, into, moved } = call;
  const body = content?.open() ?? call.body;
  const { host, base, container, prefix, timeout } = settings;
  const bucket = `${base}/${encodePart(container)}`;
  const path = key === undefined ? bucket : `${bucket}/${encodePath(prefix + key)}`;
  const query = [...(call.query ?? []), ...(timeout === undefined ? [] : [['timeout', timeout] as const])];
  const headers: (readonly [string, string])[] = [
    ['x-ms-date', new Date(nowMs).toUTCString()],
    ['x-ms-version', apiVersion],
    ...(call.headers ?? []),
  ];
  if (method === 'PUT') headers.push(['content-length', String(content?.size ?? call.body?.length ?? 0)]);
  if (proof.kind === 'key') {
    headers.push(['authorization', signShared({ method, path, query, headers }, proof.account, proof.key)]);
  }
  if (proof.kind === 'token') headers.push(['authorization', `Bearer ${proof.token}`]);
  const asked = query.map(([name, value]) => `${name}=${encodePart(value)}`);
  if (proof.kind === 'sas') asked.push(proof.query);
  const target = asked.length === 0 ? path : `${path}?${asked.join('&')}`;
  return { method, host, path: target, headers: ['host', host, ...headers.flat()], body, admit, into, moved };
}

/** Sends; once more at once where a connection kept from an earlier request turned out to be dead. */
async function exchange(
  send: (request: WireRequest, signal: AbortSignal) => Promise<WireResponse>,
  request: () => WireRequest,
  call: Call,
  settings: AzureSettings,
  signal: AbortSignal,
): Promise<WireResponse> {
  try {
    return await resend(() => send(request(), signal), 1, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof BodyError ? error.cause : wireError(call.action, error, settings);
  }
}
