import { HelperError } from '../../model/error.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import type { Identity } from '../google/keychain.ts';
import { openTransport } from '../google/transport.ts';
import type { RetryPolicy, StorageContext } from '../remote.ts';
import { BusyError, type Repeat, retrying } from '../retry.ts';
import { openProxies } from '../wire/proxy.ts';
import { textOf, type WireRequest, type WireResponse, type WireStream } from '../wire/request.ts';
import { openWire } from '../wire/wire.ts';
import { parseComplaint, parseJson } from './complaint.ts';
import type { DriveCredentials } from './credentials.ts';
import { ownHeaders, readRefusal, sent } from './exchange.ts';
import { type About, type Failures, openFailures } from './failure.ts';
import { openPace } from './pace.ts';
import { apiHost, type DriveSettings } from './settings.ts';
import { openTokens } from './tokens.ts';

export interface Call extends About {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Encoded, with the query. */
  readonly path: string;
  /** A host of Google's; that of the API when left out. */
  readonly host?: string;
  /** Names and values in turn. */
  readonly headers?: readonly string[];
  readonly body?: {
    readonly size: number;
    /** Asked anew for every try. */
    open(): Uint8Array | AsyncIterable<Uint8Array>;
    /** It cannot be asked for twice. */
    readonly once?: boolean;
  };
  /** Statuses beside 2xx that the caller reads himself. */
  readonly expects?: readonly number[];
  readonly moved?: WireRequest['moved'];
}

/** The Drive API, spoken to as whoever we are. Renews the access token, paces itself and tries again what can pass. */
export interface Client {
  readonly credentials: DriveCredentials;
  readonly failures: Failures;
  /** Answers 2xx and expected statuses, throws HelperError for the rest. */
  ask(call: Call, signal: AbortSignal): Promise<WireResponse>;
  /** As `ask`, in one try. */
  askOnce(call: Call, signal: AbortSignal): Promise<WireResponse>;
  /** As `ask`, for the JSON of an answer 2xx. */
  askFor(call: Call, signal: AbortSignal): Promise<{ readonly status: number; readonly value: unknown }>;
  /** As `askFor`, in one try. */
  askForOnce(call: Call, signal: AbortSignal): Promise<{ readonly status: number; readonly value: unknown }>;
  /** As `ask`, without waiting for the body. */
  open(call: Call, signal: AbortSignal): Promise<WireStream>;
  /** Tries again as this service wants it. */
  readonly repeat: Repeat;
  close(): void;
}

const busyTries = 12;

type Answer = Pick<WireResponse, 'status' | 'headers'>;

interface Exchange<A> {
  send(request: WireRequest): Promise<A>;
  /** What a refusal says. */
  read(answer: A): Promise<string>;
}

export function openClient(
  settings: DriveSettings,
  credentials: DriveCredentials,
  scopes: readonly string[],
  config: StorageConfig,
  context: StorageContext,
): Client {
  const wire = openWire(settings, openProxies(context));
  const failures = openFailures(settings, credentials);
  const policy: Partial<RetryPolicy> = { busyTries, ...context.retry };
  const repeat = retrying(policy);
  const transport = openTransport(config, context);
  const tokens = openTokens(credentials, settings, scopes, transport);
  const [reads, writes] = [openPace(), openPace()];

  const once = async <A extends Answer>(call: Call, signal: AbortSignal, exchange: Exchange<A>): Promise<A> => {
    const pace = call.method === 'GET' ? reads : writes;
    for (let renewed = false; ; renewed = true) {
      const identity = await tokens.get(signal);
      await pace.turn(signal);
      const answer = await sent(call, settings, failures, signal, () => exchange.send(wireRequest(call, identity)));
      const { status, headers } = answer;
      if ((status >= 200 && status < 300) || call.expects?.includes(status) === true) {
        pace.succeeded();
        return answer;
      }
      const complaint = parseComplaint(status, headers, await exchange.read(answer));
      if (status === 401 && !renewed && (await tokens.renew(identity, signal))) {
        if (call.body?.once !== true) continue;
        throw new HelperError('unavailable', `${call.action}: the access token had ended`);
      }
      const error = failures.answered(call, complaint);
      if (error instanceof BusyError) pace.complained();
      throw error;
    }
  };
  const askOnce: Client['askOnce'] = (call, signal) =>
    once(call, signal, { send: (request) => wire.send(request, signal), read: async (answer) => textOf(answer) });
  const askForOnce: Client['askForOnce'] = async (call, signal) => {
    const answer = await askOnce(call, signal);
    return { status: answer.status, value: answer.status < 300 ? jsonOf(call, answer) : undefined };
  };
  const ask: Client['ask'] = (call, signal) => repeat(what(call), signal, () => askOnce(call, signal));
  return {
    credentials,
    failures,
    askOnce,
    ask,
    askFor: (call, signal) => repeat(what(call), signal, () => askForOnce(call, signal)),
    askForOnce,
    open: (call, signal) =>
      repeat(what(call), signal, () =>
        once(call, signal, { send: (request) => wire.open(request, signal), read: readRefusal }),
      ),
    repeat,
    close() {
      transport.close();
      wire.close();
    },
  };
}

function jsonOf({ action }: Call, answer: WireResponse): unknown {
  const value = parseJson(textOf(answer));
  if (value !== undefined) return value;
  throw new HelperError('unavailable', `${action}: the answer is not one of Google Drive's`);
}

const what = ({ method, path }: Call): string => `${method} ${path.split('?', 1)[0]}`;

function wireRequest(call: Call, { token, source }: Identity): WireRequest {
  const { method, host = apiHost, path, headers = [], body, moved } = call;
  const length = body === undefined && method === 'GET' ? [] : ['content-length', String(body?.size ?? 0)];
  const proof = token === undefined ? [] : ['authorization', `Bearer ${token.text}`];
  const payer = source.quotaProject === undefined ? [] : ['x-goog-user-project', source.quotaProject];
  const all = ['host', host, ...ownHeaders, ...proof, ...payer, ...length, ...headers];
  return { method, host, path, headers: all, body: body?.open(), moved };
}
