import { request } from 'node:http';
import type { Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The forward proxy that the environment names for a host, as curl and botocore read it: `https_proxy` or
 * `http_proxy` by the scheme of the service, small letters first, `no_proxy` over both. Only http:// proxies.
 */
export function parseProxy(secure: boolean, host: string, env: Env): URL | undefined {
  const either = (name: string): string => env[name] || env[name.toUpperCase()] || '';
  const text = either(secure ? 'https_proxy' : 'http_proxy') || either('all_proxy');
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
  const user = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return ['proxy-authorization', `Basic ${Buffer.from(user).toString('base64')}`];
}

export interface Tunnel {
  readonly proxy: URL;
  /** `host:port` of the service. */
  readonly authority: string;
  readonly tls: { readonly servername: string; readonly ca?: string; readonly rejectUnauthorized: boolean };
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
