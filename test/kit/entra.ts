// What gives out access tokens at Microsoft (OAuth 2.0 as its documents have it), and what a machine of Azure has beside
// it for that. No other implementation exists to be run; the library under test speaks to this one as to the real ones.
import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Certificate } from './weed.ts';

export const tenant = 'ab1f708d-50f6-404c-a006-d71b2ac7a606';
export const client = 'e28f3d31-8e62-4c5b-b9ea-1c9c8a6d9d20';
export const clientSecret = 'client~secret/+=';
/** Of the assertion that a workload shows in place of a secret. */
export const federated = 'assertion.of.a.workload';
/** What a program must show to have a token of the machine. */
export const identityHeader = 'a header of the machine';

export interface Entra {
  /** https, the authority. */
  readonly url: string;
  /** http, the machine's own. */
  readonly machineUrl: string;
  /** Every request for a token: grant, `managed` among them. */
  readonly asked: string[];
  /** Seconds until the next tokens really end, whatever is said of them; an hour where there is none left. */
  lifetimes: number[];
  /** Answered that many times in place of a token. */
  refusals: number;
  close(): Promise<void>;
}

/** Claims as Azure Storage looks at them, unsigned. */
export function makeToken(lifetimeS: number): string {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    aud: 'https://storage.azure.com',
    iss: `https://sts.windows.net/${tenant}/`,
    iat: now - 60,
    nbf: now - 60,
    exp: now + lifetimeS,
    // No two are alike.
    uti: process.hrtime.bigint().toString(36),
  };
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256', typ: 'JWT' })}.${part(claims)}.${part('signature')}`;
}

export async function startEntra({ cert, key }: Certificate): Promise<Entra> {
  const entra = { asked: [] as string[], lifetimes: [] as number[], refusals: 0 };
  const authority = https.createServer(
    { cert: readFileSync(cert), key: readFileSync(key) },
    async (request, response) => {
      const say = (status: number, body: unknown): void => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      };
      const url = authorityUrl();
      const { pathname } = new URL(request.url ?? '/', url);
      if (pathname.endsWith('/.well-known/openid-configuration')) {
        const base = `${url}/${tenant}`;
        return say(200, {
          issuer: `${base}/v2.0`,
          authorization_endpoint: `${base}/oauth2/v2.0/authorize`,
          token_endpoint: `${base}/oauth2/v2.0/token`,
          jwks_uri: `${base}/discovery/v2.0/keys`,
        });
      }
      let text = '';
      for await (const chunk of request) text += chunk;
      const form = new URLSearchParams(text);
      entra.asked.push(`${form.get('client_secret') === null ? 'assertion' : 'secret'} ${form.get('scope')}`);
      if (entra.refusals > 0) {
        entra.refusals -= 1;
        return say(503, { error: 'temporarily_unavailable' });
      }
      const known = form.get('client_secret') === clientSecret || form.get('client_assertion') === federated;
      if (pathname !== `/${tenant}/oauth2/v2.0/token` || form.get('client_id') !== client || !known) {
        return say(401, {
          error: 'invalid_client',
          error_description: `AADSTS7000215: Invalid client secret provided. Trace ID: 1 Correlation ID: 2\r\nTimestamp: 3`,
          error_codes: [7000215],
        });
      }
      say(200, {
        token_type: 'Bearer',
        expires_in: 3600,
        ext_expires_in: 3600,
        access_token: makeToken(entra.lifetimes.shift() ?? 3600),
      });
    },
  );
  const machine = http.createServer((request, response) => {
    entra.asked.push(`managed ${new URL(request.url ?? '', 'http://x').searchParams.get('resource')}`);
    const known = request.headers['x-identity-header'] === identityHeader;
    const body = {
      access_token: makeToken(entra.lifetimes.shift() ?? 3600),
      expires_on: String(Math.floor(Date.now() / 1000) + 3600),
      resource: 'https://storage.azure.com',
      token_type: 'Bearer',
    };
    response.writeHead(known ? 200 : 400, { 'content-type': 'application/json' });
    response.end(JSON.stringify(known ? body : { error: 'unknown' }));
  });
  const listen = (server: http.Server): Promise<void> =>
    new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  await Promise.all([listen(authority), listen(machine)]);
  const authorityUrl = (): string => `https://127.0.0.1:${(authority.address() as AddressInfo).port}`;
  return Object.assign(entra, {
    url: authorityUrl(),
    machineUrl: `http://127.0.0.1:${(machine.address() as AddressInfo).port}/msi/token`,
    async close() {
      for (const server of [authority, machine]) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  });
}
