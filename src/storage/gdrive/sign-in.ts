import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CodeChallengeMethod, OAuth2Client } from 'google-auth-library/build/src/auth/oauth2client.js';
import { HelperError } from '../../model/error.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { printable } from '../../report/printable.ts';
import type { StorageContext } from '../remote.ts';
import { retrying } from '../retry.ts';
import { openProxies } from '../wire/proxy.ts';
import { openWire } from '../wire/wire.ts';
import type { UserCredentials } from './credentials.ts';
import { openFailures } from './failure.ts';
import { readDriveSettings } from './settings.ts';
import { libraryOptions } from './token.ts';
import { askTokenServer } from './token-server.ts';

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
  context: StorageContext,
  { show, signal }: SignInOptions,
): Promise<UserCredentials> {
  const settings = readDriveSettings(config, context);
  const { remote } = settings;
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
  const source = 'the browser';
  const person = {
    kind: 'user',
    clientId,
    clientSecret,
    refreshToken: undefined,
    accessToken: undefined,
    source,
  } as const;
  const wire = openWire(settings, openProxies(context));
  const failures = openFailures(settings, person);
  const ask = askTokenServer({ wire, settings, failures, repeat: retrying(context.retry) });
  const limited = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  const state = randomBytes(32).toString('base64url');
  const answer = listenForAnswer(state);
  try {
    const redirectUri = await answer.address;
    const client = new OAuth2Client({
      ...libraryOptions((form) => ask(form, limited)),
      ...{ clientId, clientSecret, redirectUri },
    });
    const { codeVerifier, codeChallenge = '' } = await client.generateCodeVerifierAsync();
    const proof = { code_challenge: codeChallenge, code_challenge_method: CodeChallengeMethod.S256 };
    show(client.generateAuthUrl({ access_type: 'offline', prompt: 'consent', scope: [...scopes], state, ...proof }));
    const code = await answer.code(limited);
    const { tokens } = await client.getToken({ code, codeVerifier });
    if (tokens.refresh_token) return { ...person, refreshToken: tokens.refresh_token };
    throw new HelperError('auth', `storage remote '${remote}': Google gives no token that lasts`);
  } catch (error) {
    signal.throwIfAborted();
    if (limited.aborted) {
      throw new HelperError('auth', `storage remote '${remote}': nobody has signed in within ten minutes`);
    }
    if (!(error instanceof Refusal)) throw error;
    throw new HelperError('auth', `storage remote '${remote}': Google says no (${printable(error.message)})`);
  } finally {
    answer.close();
    wire.close();
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
