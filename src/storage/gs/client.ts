import type { StorageConfig } from '../../model/storage-config.ts';
import type { Identity } from '../google/keychain.ts';
import { openTransport } from '../google/transport.ts';
import type { StorageContext } from '../remote.ts';
import { type Repeat, retrying } from '../retry.ts';
import { openProxies } from '../wire/proxy.ts';
import type { WireRequest, WireResponse } from '../wire/request.ts';
import { resend } from '../wire/resend.ts';
import { openWire } from '../wire/wire.ts';
import { openGsKeychain } from './credentials.ts';
import { brokenError, complaintError, parseComplaint } from './failure.ts';
import type { GsSettings } from './settings.ts';

export interface Call {
  /**
   * What cannot be done, for messages: `cannot write to 'gs://bucket'`. The object's name comes behind the reason, if
   * at all: in front of it, it would push the reason out of sight.
   */
  readonly action: string;
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Below the endpoint, encoded, with its query. */
  readonly path: string;
  /** The object it is about, for messages. */
  readonly key?: string | undefined;
  /** Names and values in turn. */
  readonly headers?: readonly string[];
  readonly body?: Uint8Array | undefined;
  /** Not to be sent again unasked, even where the connection seems to have been dead before. */
  readonly delicate?: boolean;
  /** Statuses beside 2xx that the caller reads himself. */
  readonly expects?: readonly number[];
  readonly admit?: WireRequest['admit'];
  readonly into?: WireRequest['into'];
  readonly moved?: WireRequest['moved'];
}

/** One bucket, spoken to with an access token. Renews the token, tries again. */
export interface Client {
  /** Answers 2xx and expected statuses, throws HelperError for the rest. */
  request(call: Call, signal: AbortSignal): Promise<WireResponse>;
  /** As `request`, in one try: for what is tried again in another way, or done in passing and may fail. */
  requestOnce(call: Call, signal: AbortSignal): Promise<WireResponse>;
  readonly repeat: Repeat;
  close(): void;
}

const none: readonly string[] = [];

/** Throws `config` for what cannot be. */
export function openClient(settings: GsSettings, config: StorageConfig, context: StorageContext): Client {
  const { host, path: base } = settings.endpoint;
  const wire = openWire(settings, openProxies(context));
  const transport = openTransport(config, context);
  const keychain = openGsKeychain(settings, context, transport);
  const repeat = retrying(context.retry);

  const wireRequest = (call: Call, { token, source }: Identity): WireRequest => {
    const { method, path, body, headers = none, admit, into, moved } = call;
    const proof = token === undefined ? none : ['authorization', `Bearer ${token.text}`];
    const payer = source.quotaProject === undefined ? none : ['x-goog-user-project', source.quotaProject];
    const length = method === 'GET' ? none : ['content-length', String(body?.length ?? 0)];
    const all = ['host', host, 'accept-encoding', 'identity', ...proof, ...payer, ...length, ...headers];
    return { method, host, path: base + path, headers: all, body, admit, into, moved };
  };

  const requestOnce = async (call: Call, signal: AbortSignal): Promise<WireResponse> => {
    for (let turn = 1; ; turn++) {
      const identity = await keychain.get(signal);
      const response = await exchange(() => wire.send(wireRequest(call, identity), signal), call, settings, signal);
      const { status } = response;
      if (status >= 200 && status < 300) return response;
      // A token may end before its time.
      if (status === 401 && turn === 1 && (await keychain.renew(identity, signal))) continue;
      if (call.expects?.includes(status) === true) return response;
      throw complaintError(call, parseComplaint(response), identity, settings);
    }
  };
  return {
    request: (call, signal) => repeat(`${call.method} ${call.key ?? ''}`, signal, () => requestOnce(call, signal)),
    requestOnce,
    repeat,
    close() {
      transport.close();
      wire.close();
    },
  };
}

/** Sends; where it may, once more at once where a connection kept from an earlier request turned out to be dead. */
async function exchange(
  send: () => Promise<WireResponse>,
  { action, delicate }: Call,
  settings: GsSettings,
  signal: AbortSignal,
): Promise<WireResponse> {
  try {
    return await resend(send, delicate === true ? 0 : 1, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw brokenError(action, error, settings);
  }
}
