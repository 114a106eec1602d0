import type { StorageContext } from '../remote.ts';
import { retrying } from '../retry.ts';
import { openProxies } from '../wire/proxy.ts';
import { BodyError, type WireRequest, type WireResponse, type WireStream } from '../wire/request.ts';
import { resend } from '../wire/resend.ts';
import { openWire, type Wire } from '../wire/wire.ts';
import type { Call } from './call.ts';
import { answerError, brokenError } from './failure.ts';
import { openLogin } from './login.ts';
import { follow, type Place } from './redirect.ts';
import type { HttpSettings } from './settings.ts';

/** One storage remote, spoken to with our credentials. Follows redirects of questions and tries again what can pass. */
export interface Client {
  /** The URL of a key, for headers that name one. */
  urlOf(key: string): string;
  /** Answers 2xx and expected statuses, throws HelperError for the rest. */
  ask(call: Call, signal: AbortSignal): Promise<WireResponse>;
  /** As `ask`, without waiting for the body. */
  open(call: Call, signal: AbortSignal): Promise<WireStream>;
  /** As `ask`, in one try: for what is done in passing and may fail. */
  askOnce(call: Call, signal: AbortSignal): Promise<WireResponse>;
  close(): void;
}

type Answer = Pick<WireResponse, 'status' | 'headers'>;
type Send<A> = (wire: Wire, request: WireRequest, signal: AbortSignal) => Promise<A>;

const questions = ['GET', 'HEAD', 'PROPFIND'];
const mostRedirects = 5;
/** A challenge, a newer one, and some passwords that were mistyped. */
const mostRefusals = 6;

export function openClient(settings: HttpSettings, context: StorageContext): Client {
  const wires = openWires(settings, context);
  const repeat = retrying(context.retry);
  const login = openLogin(settings, context);
  const home: Place = { secure: settings.secure, host: settings.host };

  const once = async <A extends Answer>(
    call: Call,
    signal: AbortSignal,
    send: Send<A>,
    discard: (answer: A) => void,
  ): Promise<A> => {
    let place: Place = home;
    let path = call.path ?? pathOf(settings, call.key);
    await login.ready({ signal });
    for (let [redirects, refusals] = [0, 0]; ; ) {
      const own = place.secure === home.secure && place.host === home.host;
      const proof = own ? login.prove(call.method, path) : undefined;
      const request = wireRequest(call, place.host, path, proof?.headers ?? []);
      const answer = await exchange(() => send(wires.to(place, own), request(), signal), call, settings, signal);
      const { status } = answer;
      const fulfilled = status >= 200 && status < 300;
      if (fulfilled && proof !== undefined) login.accepted(proof);
      if (fulfilled || call.expects?.includes(status) === true) return answer;
      discard(answer);
      if (proof !== undefined && refusals++ < mostRefusals && (await login.refused(answer, proof, { signal })))
        continue;
      const target = questions.includes(call.method) ? follow(answer, place, path) : undefined;
      if (target === undefined || redirects++ >= mostRedirects)
        throw answerError(call, answer, { ...settings, refusal: settings.refusal ?? login.refusal }, place);
      ({ place, path } = target);
    }
  };
  const ask = (call: Call, signal: AbortSignal): Promise<WireResponse> =>
    once(
      call,
      signal,
      (wire, request) => wire.send(request, signal),
      () => undefined,
    );
  const what = ({ method, key }: Call): string => `${method} ${key}`;
  return {
    urlOf: (key) => `http${settings.secure ? 's' : ''}://${settings.host}${pathOf(settings, key)}`,
    ask: (call, signal) => repeat(what(call), signal, () => ask(call, signal)),
    askOnce: ask,
    async open(call, signal) {
      const answer = await repeat(what(call), signal, () =>
        once(
          call,
          signal,
          (wire, request) => wire.open(request, signal),
          (refused) => refused.discard(),
        ),
      );
      return { ...answer, body: explained(answer.body, call, settings) };
    },
    close: () => wires.close(),
  };
}

/** The same bytes; a connection that breaks under them is told in our words. */
async function* explained(
  body: AsyncIterable<Uint8Array>,
  call: Call,
  settings: HttpSettings,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw brokenError(call, error, settings);
  }
}

function pathOf({ base }: HttpSettings, key: string): string {
  return `${base}/${key.split('/').map(encodeURIComponent).join('/')}`;
}

function wireRequest(call: Call, host: string, path: string, proof: readonly string[]): () => WireRequest {
  const { method, body, moved, headers: extra = [] } = call;
  // RFC 9110 8.6: a request with a meaning for content says that there is none.
  const length = body === undefined && questions.includes(method) ? [] : ['content-length', String(body?.size ?? 0)];
  const headers = ['host', host, 'accept-encoding', 'identity', ...proof, ...length, ...extra];
  return () => ({ method, host, path, headers, body: body?.open(), moved });
}

/** Sends; again at once where a connection kept from an earlier request turned out to be dead, as all of them may be. */
async function exchange<A>(
  send: () => Promise<A>,
  call: Call,
  settings: HttpSettings,
  signal: AbortSignal,
): Promise<A> {
  try {
    return await resend(send, settings.connections, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof BodyError ? error.cause : brokenError(call, error, settings);
  }
}

interface Wires {
  /** Connections to a place; our certificate is shown at our own only. */
  to(place: Place, own: boolean): Wire;
  close(): void;
}

function openWires(settings: HttpSettings, context: StorageContext): Wires {
  const proxies = openProxies(context);
  const opened = new Map<string, Wire>();
  return {
    to({ secure }, own) {
      const name = own ? 'own' : String(secure);
      const identity = own ? settings.identity : undefined;
      const wire = opened.get(name) ?? openWire({ ...settings, secure, identity }, proxies);
      opened.set(name, wire);
      return wire;
    },
    close() {
      for (const wire of opened.values()) wire.close();
    },
  };
}
