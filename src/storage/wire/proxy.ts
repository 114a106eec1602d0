import { request } from 'node:http';
import type { Socket } from 'node:net';
import { connect as connectTls, type SecureContext, type TLSSocket } from 'node:tls';
import { percentDecoded } from '../../model/percent.ts';
import { conceal } from '../../report/conceal.ts';
import type { Surroundings } from '../remote.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Last value of a key of Git's configuration; undefined when unset. */
type Configuration = (key: string) => string | undefined;

/** The forward proxy for a host; undefined: none, it is spoken to directly. */
export type Proxies = (secure: boolean, host: string) => URL | undefined;

export function openProxies({ env, configuration }: Surroundings): Proxies {
  return (secure, host) => parseProxy(secure, host, env, configuration);
}

/**
 * The forward proxy for a host, as Git and curl read it: `http.<origin>.proxy`, `http.proxy` (empty: none), then
 * `https_proxy` or `http_proxy` by the scheme of the service and `all_proxy`, small letters first; `no_proxy` over all
 * of them (git-config(1), "http.proxy"). Only http:// proxies.
 */
export function parseProxy(
  secure: boolean,
  host: string,
  env: Env,
  configuration: Configuration = () => undefined,
): URL | undefined {
  const either = (name: string): string => env[name] || env[name.toUpperCase()] || '';
  const origin = `http${secure ? 's' : ''}://${host}`;
  const configured = [`http.${origin}.proxy`, `http.${origin}/.proxy`, 'http.proxy'].map(configuration);
  const text =
    configured.find((value) => value !== undefined) ??
    (either(secure ? 'https_proxy' : 'http_proxy') || either('all_proxy'));
  if (text === '') return undefined;
  const name = host.replace(/:\d+$/, '').toLowerCase();
  for (const rule of either('no_proxy')
    .toLowerCase()
    .split(/[\s,]+/)) {
    const bare = rule.replace(/^\*?\./, '').replace(/:\d+$/, '');
    if (rule === '*' || (bare !== '' && (name === bare || name.endsWith(`.${bare}`)))) return undefined;
  }
  const url = text.includes('://') ? text : `http://${text}`;
  return url.startsWith('http://') && URL.canParse(url) ? new URL(url) : undefined;
}

export function proxyHeaders(proxy: URL): string[] {
  if (proxy.username === '') return [];
  const password = percentDecoded(proxy.password);
  conceal(password);
  const user = `${percentDecoded(proxy.username)}:${password}`;
  return ['proxy-authorization', `Basic ${Buffer.from(user).toString('base64')}`];
}

/** Options of node:tls that are the same for every connection. */
export interface WireTls {
  readonly secureContext: SecureContext;
  readonly rejectUnauthorized: boolean;
}

export interface Tunnel {
  readonly proxy: URL;
  /** `host:port` of the service. */
  readonly authority: string;
  readonly tls: WireTls & { readonly host: string; readonly servername: string };
  readonly connectMs: number;
}

/** Asks the proxy for a connection to the service (CONNECT, RFC 9110 9.3.6) and speaks TLS with the service through it. */
export function openTunnel(tunnel: Tunnel): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const asked = request({
      host: tunnel.proxy.hostname,
      port: tunnel.proxy.port || 80,
      method: 'CONNECT',
      path: tunnel.authority,
      headers: ['host', tunnel.authority, ...proxyHeaders(tunnel.proxy)],
      agent: false,
      timeout: tunnel.connectMs,
    });
    asked.once('timeout', () => asked.destroy(new Error('the proxy does not answer')));
    asked.once('error', reject);
    asked.once('connect', (response, socket: Socket) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        reject(new Error(`the proxy answers ${response.statusCode}`));
        return;
      }
      socket.setTimeout(0);
      const secured = connectTls({ socket, ...tunnel.tls });
      secured.once('error', reject);
      secured.once('secureConnect', () => {
        secured.off('error', reject);
        resolve(secured);
      });
    });
    asked.end();
  });
}
