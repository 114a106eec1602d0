import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HelperError } from '../../model/error.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { printable } from '../../report/printable.ts';
import { type AuthorizedUser, googleTokenUrl } from '../google/credential.ts';
import { openTransport, type Transport } from '../google/transport.ts';
import type { Surroundings } from '../remote.ts';
import { textOf } from '../wire/request.ts';
import { fieldsOf, parseJson, textOf as text } from './complaint.ts';

export interface SignInOptions {
  /** Told the address at which the user says yes, once somebody listens for the answer. */
  readonly show: (url: string) => void;
  readonly signal: AbortSignal;
}

const scopes = ['https://www.googleapis.com/auth/drive', 'https://www.googleapis.com/auth/drive.appdata'];
const patienceMs = 10 * 60_000;

/**
 * Has a person sign in with the OAuth client of the storage remote ("OAuth 2.0 for Desktop Apps", RFC 8252): the browser
 * brings the answer back to a port of this machine, and proof of who began it (PKCE, RFC 7636) is shown when it is changed
 * for a token. Throws `config` without an OAuth client of one's own, `auth` when the user or Google says no.
 */
export async function signInToDrive(
  config: StorageConfig,
  context: Surroundings,
  { show, signal }: SignInOptions,
): Promise<AuthorizedUser> {
  const remote = printable(config.name);
  const { gdrive_client_id: clientId, gdrive_client_secret: clientSecret } = config.options;
  if (clientId === undefined || clientSecret === undefined) {
    throw new HelperError('config', `storage remote '${remote}': signing in takes an OAuth client of your own`, {
      hints: [
        "make one of the type 'Desktop app' in the Google Cloud console",
        `dvc remote modify ${remote} gdrive_client_id <id>`,
        `dvc remote modify --local ${remote} gdrive_client_secret <secret>`,
      ],
    });
  }
  const transport = openTransport(config, context);
  const limited = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  const [state, verifier] = [randomBytes(32).toString('base64url'), randomBytes(64).toString('base64url')];
  const answer = listenForAnswer(state);
  try {
    const redirect = await answer.address;
    show(consentUrl({ client_id: clientId, redirect_uri: redirect, state, code_challenge: sha256(verifier) }));
    const code = await answer.code(limited);
    const form = {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uri: redirect,
      code,
      code_verifier: verifier,
    };
    const refreshToken = await exchangeCode(form, transport, limited);
    if (refreshToken === '')
      throw new HelperError('auth', `storage remote '${remote}': Google gives no token that lasts`);
    return {
      kind: 'authorized_user',
      clientId,
      clientSecret,
      refreshToken,
      tokenUrl: googleTokenUrl,
      quotaProject: undefined,
    };
  } catch (error) {
    signal.throwIfAborted();
    if (limited.aborted) {
      throw new HelperError('auth', `storage remote '${remote}': nobody has signed in within ten minutes`);
    }
    if (!(error instanceof Refusal)) throw error;
    throw new HelperError('auth', `storage remote '${remote}': Google says no (${printable(error.message)})`);
  } finally {
    answer.close();
    transport.close();
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('base64url');

/** Where the user is asked. Without `consent` Google gives a token that lasts only the first time. */
function consentUrl(more: Readonly<Record<string, string>>): string {
  const fixed = { response_type: 'code', access_type: 'offline', prompt: 'consent', code_challenge_method: 'S256' };
  return `https://accounts.google.com/o/oauth2/v2/auth?${new URLSearchParams({ ...fixed, scope: scopes.join(' '), ...more })}`;
}

/** The token that lasts; '' when there is none (RFC 6749, 4.1.3). */
async function exchangeCode(
  form: Readonly<Record<string, string>>,
  transport: Transport,
  signal: AbortSignal,
): Promise<string> {
  const stop = (): void => transport.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    const body = String(new URLSearchParams({ ...form, grant_type: 'authorization_code' }));
    const headers = ['content-type', 'application/x-www-form-urlencoded'];
    const response = await transport.ask({ method: 'POST', url: new URL(googleTokenUrl), headers, body });
    return text(fieldsOf(parseJson(textOf(response))).refresh_token);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Instead of a code. */
class Refusal extends Error {}

interface Answer {
  /** Where the browser is to be sent. */
  readonly address: Promise<string>;
  /** What Google gave the browser along. Rejects with Refusal, or the reason of an abort. */
  code(signal: AbortSignal): Promise<string>;
  close(): void;
}

/** On loopback alone, and deaf to whoever does not know `state`. */
function listenForAnswer(state: string): Answer {
  let settle: (answer: string | Error) => void = () => undefined;
  const answered = new Promise<string | Error>((resolve) => {
    settle = resolve;
  });
  const server = createServer((request, response) => settleBy(request, response, state, settle));
  const address = new Promise<string>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${portOf(server)}`));
  });
  return {
    address,
    async code(signal) {
      signal.throwIfAborted();
      const leave = (): void => settle(signal.reason as Error);
      signal.addEventListener('abort', leave, { once: true });
      const answer = await answered.finally(() => signal.removeEventListener('abort', leave));
      if (typeof answer === 'string') return answer;
      throw answer;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

function settleBy(
  { url = '/', method }: IncomingMessage,
  response: ServerResponse,
  state: string,
  settle: (answer: string | Error) => void,
): void {
  const given = new URLSearchParams(url.replace(/^[^?]*/, ''));
  const [code, error] = [given.get('code'), given.get('error')];
  const known = isSame(given.get('state') ?? '', state);
  const answer = !known || method !== 'GET' ? undefined : error !== null ? new Refusal(error) : (code ?? undefined);
  const text =
    answer === undefined
      ? 'This is not the answer that was waited for.'
      : typeof answer === 'string'
        ? 'You are signed in. This page can be closed.'
        : 'You are not signed in. This page can be closed.';
  const headers = { 'content-type': 'text/plain; charset=utf-8', connection: 'close', 'cache-control': 'no-store' };
  response.writeHead(answer === undefined ? 400 : 200, headers);
  // The page should arrive before nobody listens any more.
  response.end(`${text}\n`, () => answer !== undefined && settle(answer));
}

function isSame(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
}
