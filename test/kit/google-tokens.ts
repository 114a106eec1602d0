// What gives out access tokens at Google, on loopback: the token endpoint of service accounts and users, the exchange
// of other clouds' tokens, leave to act as a service account, and the metadata service of a machine. Signatures are checked.
import { createVerify, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface GoogleTokens {
  readonly port: number;
  readonly url: string;
  /** The key of a service account, as the console gives it out. */
  readonly serviceAccount: Readonly<Record<string, string>>;
  /** What gcloud writes when somebody signs in. */
  readonly user: Readonly<Record<string, string>>;
  /** What a machine of another cloud is given; its own token is `subject`. */
  readonly federated: Readonly<Record<string, unknown>>;
  /** The user, acting as another service account. */
  readonly impersonating: Readonly<Record<string, unknown>>;
  /** Whose token it is and what it is good for; undefined when it is none, or no more. */
  whose(token: string): { readonly who: string; readonly scope: string } | undefined;
  /** No token that was given out is good any more. */
  expire(): void;
  /** Answered in turn instead of a token. */
  readonly refusals: { readonly status: number; readonly body: string; readonly headers?: Record<string, string> }[];
  /** Seconds that a token is said to last. */
  lifetime: number;
  /** The machine runs as this; undefined: this is no machine of Google's. */
  machine: string | undefined;
  /** `POST /token` and the like, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

class Refused extends Error {}

/** What another cloud says of its machine. */
const subject = 'token-of-another-cloud';
const target = 'deputy@lab.iam.gserviceaccount.com';

export async function startGoogleTokens(): Promise<GoogleTokens> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const good = new Map<string, { readonly who: string; readonly scope: string }>();
  const email = 'robot@lab.iam.gserviceaccount.com';
  let url = '';

  const issue = (who: string, scope: string): object => {
    const token = `ya29.${randomBytes(24).toString('base64url')}`;
    good.set(token, { who, scope });
    return { access_token: token, expires_in: tokens.lifetime, token_type: 'Bearer' };
  };
  const bearer = ({ headers }: IncomingMessage): { readonly who: string; readonly scope: string } => {
    const found = good.get(/^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '');
    if (found === undefined || !found.scope.includes('cloud-platform')) throw new Refused('invalid_token');
    return found;
  };
  const asserted = (assertion: string): object => {
    const [head = '', claims = '', signature = ''] = assertion.split('.');
    const read = (part: string): Record<string, unknown> => JSON.parse(Buffer.from(part, 'base64url').toString());
    const { iss, aud, iat, exp, scope } = read(claims);
    const signed = createVerify('RSA-SHA256').update(`${head}.${claims}`).verify(publicKey, signature, 'base64url');
    if (read(head).alg !== 'RS256' || !signed) throw new Refused('invalid_grant: Invalid JWT Signature.');
    if (iss !== email || ![`${url}/token`, 'https://oauth2.googleapis.com/token'].includes(String(aud)))
      throw new Refused('invalid_grant: Invalid JWT');
    const age = Date.now() / 1000 - Number(iat);
    if (age < -5 || age > 60 || Number(exp) !== Number(iat) + 3600)
      throw new Refused('invalid_grant: Invalid JWT: iat');
    return issue(email, String(scope));
  };
  const answer = async (request: IncomingMessage): Promise<object | undefined> => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://host');
    if (pathname === '/computeMetadata/v1/instance/service-accounts/default/token') {
      if (request.headers['metadata-flavor'] !== 'Google') throw new Refused('no flavor');
      return tokens.machine === undefined ? undefined : issue(tokens.machine, searchParams.get('scopes') ?? '');
    }
    if (pathname === '/subject') return { token: subject };
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    if (pathname.endsWith(`/serviceAccounts/${target}:generateAccessToken`)) {
      bearer(request);
      const { scope } = JSON.parse(text);
      const { access_token: accessToken } = issue(target, scope.join(' ')) as { access_token: string };
      return { accessToken, expireTime: new Date(Date.now() + tokens.lifetime * 1000).toISOString() };
    }
    const form = new URLSearchParams(text);
    if (pathname === '/sts') {
      if (form.get('subject_token') !== subject) throw new Refused('invalid_grant');
      return issue('somebody from another cloud', form.get('scope') ?? '');
    }
    if (pathname !== '/token') return undefined;
    if (form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer') {
      return asserted(form.get('assertion') ?? '');
    }
    const same = ['client_id', 'client_secret', 'refresh_token'].every((key) => form.get(key) === tokens.user[key]);
    if (!same) throw new Refused('invalid_grant: Token has been expired or revoked.');
    return issue('ada@example.org', 'https://www.googleapis.com/auth/cloud-platform');
  };
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    tokens.asked.push(`${request.method} ${request.url?.replace(/\?.*/, '')}`);
    const send = (status: number, body: string, headers: Record<string, string> = {}): void => {
      const flavor = tokens.machine === undefined ? {} : { 'metadata-flavor': 'Google' };
      request.resume();
      response.writeHead(status, { 'content-type': 'application/json', ...flavor, ...headers }).end(body);
    };
    const refusal = tokens.refusals.shift();
    if (refusal !== undefined) return send(refusal.status, refusal.body, refusal.headers);
    answer(request).then(
      (object) => (object === undefined ? send(404, '{}') : send(200, JSON.stringify(object))),
      (error: Error) => {
        const [, code, description] = /^(\w+)(?:: (.*))?$/.exec(error.message) ?? [];
        send(400, JSON.stringify({ error: code, error_description: description }));
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  url = `http://127.0.0.1:${port}`;
  const user = {
    type: 'authorized_user',
    client_id: '123.apps.googleusercontent.com',
    client_secret: 'CANARY-client-secret',
    refresh_token: 'CANARY-refresh-token',
    token_uri: `${url}/token`,
  };
  const tokens: GoogleTokens = {
    port,
    url,
    serviceAccount: {
      type: 'service_account',
      project_id: 'lab',
      client_email: email,
      private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      token_uri: `${url}/token`,
    },
    user,
    federated: {
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/other',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${url}/sts`,
      credential_source: { url: `${url}/subject`, format: { type: 'json', subject_token_field_name: 'token' } },
    },
    impersonating: {
      type: 'impersonated_service_account',
      source_credentials: user,
      service_account_impersonation_url: `${url}/v1/projects/-/serviceAccounts/${target}:generateAccessToken`,
    },
    whose: (token) => good.get(token),
    expire: () => good.clear(),
    refusals: [],
    lifetime: 3599,
    machine: undefined,
    asked: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return tokens;
}
