import {
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { BusyError } from '../retry.ts';
import { connectionError, parseRetryAfter } from '../wire/failure.ts';
import type { Proxies } from '../wire/proxy.ts';
import { textOf, type WireRequest } from '../wire/request.ts';
import { openWire, type WireSettings } from '../wire/wire.ts';

/** What Microsoft's library for tokens sends its requests through: our connections, proxies and authorities. */
export interface Transport extends HttpClient {
  /** Why the last request did not work out, where that says nothing of who we are. */
  failure(): HelperError | undefined;
  close(): void;
}

export function openTransport(settings: WireSettings, proxies: Proxies): Transport {
  const secure = openWire({ ...settings, secure: true }, proxies);
  // What is asked without TLS is the cloud's own service beside the machine: there at once or not at all, and no
  // proxy's business.
  const local = openWire({ ...settings, secure: false, connectMs: 1000, stallMs: 10_000 }, () => undefined);
  let failure: HelperError | undefined;
  return {
    async sendRequest(request): Promise<PipelineResponse> {
      const url = new URL(request.url);
      const action = `cannot get an access token from '${printable(url.origin)}'`;
      const signal = request.abortSignal instanceof AbortSignal ? request.abortSignal : new AbortController().signal;
      try {
        const wire = url.protocol === 'https:' ? secure : local;
        const response = await wire.send(wireRequest(request, url), signal);
        const { status, headers } = response;
        const passing = status >= 500 || status === 429;
        const retryAfterMs = parseRetryAfter(headers['retry-after']);
        failure = passing ? new BusyError(`${action}: the answer is ${status}`, { retryAfterMs }) : undefined;
        const type = headers['content-type'];
        const kept = createHttpHeaders(type === undefined ? {} : { 'content-type': type });
        return { request, status, headers: kept, bodyAsText: textOf(response) };
      } catch (error) {
        signal.throwIfAborted();
        const reach = [`can this machine reach '${printable(url.origin)}'?`];
        const trust = ['set git config http.sslCAInfo, or SSL_CERT_FILE, to the certificate of the authority'];
        const told = connectionError(action, error, { trust, plain: reach, reach });
        if (told instanceof HelperError) failure = told;
        throw told;
      }
    },
    failure: () => failure,
    close() {
      secure.close();
      local.close();
    },
  };
}

function wireRequest({ method, headers, body }: PipelineRequest, url: URL): WireRequest {
  const bytes = body === undefined || body === null ? undefined : Buffer.from(String(body));
  const own = [...headers].filter(
    ([name]) => !['host', 'content-length', 'accept-encoding', 'connection'].includes(name),
  );
  const length = bytes === undefined ? [] : ['content-length', String(bytes.length)];
  const sent = ['host', url.host, 'accept-encoding', 'identity', ...own.flat(), ...length];
  return { method, host: url.host, path: url.pathname + url.search, headers: sent, body: bytes };
}
