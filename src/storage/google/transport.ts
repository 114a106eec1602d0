import { STATUS_CODES } from 'node:http';
import { HelperError } from '../../model/error.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { printable } from '../../report/printable.ts';
import type { Surroundings } from '../remote.ts';
import { BusyError } from '../retry.ts';
import { connectionError, parseRetryAfter } from '../wire/failure.ts';
import { openProxies } from '../wire/proxy.ts';
import { textOf, type WireResponse } from '../wire/request.ts';
import { resend } from '../wire/resend.ts';
import { readTrust } from '../wire/trust.ts';
import { openWire, type Wire } from '../wire/wire.ts';

/** Few and small requests to whatever place a credential names: over our connections, proxies and authorities. */
export interface Transport {
  /** Answers 2xx. Throws HelperError: `auth` for a refusal, `unavailable` for what may pass, `config` for a URL that cannot be. */
  ask(request: TransportRequest): Promise<WireResponse>;
  /** Requests under way are given up. */
  close(): void;
}

export interface TransportRequest {
  readonly method: string;
  readonly url: URL;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly body: string | undefined;
}

/** Throws `config` for a file of authorities that cannot be read. */
export function openTransport(config: StorageConfig, context: Surroundings): Transport {
  const trust = readTrust(config, context);
  const ending = new AbortController();
  const wires = new Map<boolean, Wire>();
  const wireTo = (secure: boolean): Wire => {
    const wire =
      wires.get(secure) ?? openWire({ secure, ...trust, connectMs: 20_000, stallMs: 60_000 }, openProxies(context));
    wires.set(secure, wire);
    return wire;
  };
  return {
    async ask({ method, url, headers, body }) {
      const action = `cannot get an access token from '${printable(url.origin)}'`;
      const secure = url.protocol === 'https:';
      if (!secure && !(url.protocol === 'http:' && mayBePlain(url.hostname))) {
        throw new HelperError('config', `${action}: what is sent there has to be encrypted`);
      }
      const length = body === undefined ? [] : ['content-length', String(Buffer.byteLength(body))];
      const request = {
        method,
        host: url.host,
        path: url.pathname + url.search,
        headers: ['host', url.host, 'accept-encoding', 'identity', ...headers, ...length],
        body: body === undefined ? undefined : Buffer.from(body),
      };
      let response: WireResponse;
      try {
        response = await resend(() => wireTo(secure).send(request, ending.signal), 1, ending.signal);
      } catch (error) {
        const reach = [`can this machine reach '${printable(url.origin)}'?`];
        throw connectionError(action, error, {
          trust: ['set git config http.sslCAInfo, or SSL_CERT_FILE, to the certificate of the authority'],
          plain: reach,
          reach,
        });
      }
      if (response.status >= 200 && response.status < 300) return response;
      throw refusal(action, response);
    },
    close() {
      ending.abort();
      for (const wire of wires.values()) wire.close();
    },
  };
}

/** This machine itself, and where clouds answer the machines they run. */
export function mayBePlain(hostname: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\]|169\.254\.169\.254|\[fd00:ec2::254\]|metadata\.google\.internal)$/.test(
    hostname,
  );
}

function refusal(action: string, response: WireResponse): HelperError {
  const { status, headers } = response;
  const said = `${action}: ${explanation(response) ?? `the answer is ${status} (${STATUS_CODES[status] ?? 'unknown'})`}`;
  if (status === 429 || status === 503) {
    return new BusyError(said, { retryAfterMs: parseRetryAfter(headers['retry-after']) });
  }
  return new HelperError(status >= 500 || status === 408 ? 'unavailable' : 'auth', said);
}

/** OAuth's way to refuse (RFC 6749, 5.2), or that of Google's services. Nothing else is quoted: it could be anything. */
function explanation(response: WireResponse): string | undefined {
  try {
    const { error, error_description: description } = JSON.parse(textOf(response));
    const words = typeof error === 'string' ? [error, description] : [error.status, error.message];
    const told = words.filter((each) => typeof each === 'string' && each !== '');
    return told.length === 0 ? undefined : printable(told.join(': ').replace(/\.$/, ''));
  } catch {
    return undefined;
  }
}
