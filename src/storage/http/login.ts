import type { HelperError } from '../../model/error.ts';
import type { Operation } from '../../model/operation.ts';
import type { Credential, StorageContext } from '../remote.ts';
import type { WireResponse } from '../wire/request.ts';
import { openDigest } from './digest.ts';
import type { HttpSettings, Login } from './settings.ts';

/** Who we are to one server, over all its requests. */
export interface LoginSession {
  /** To be awaited before the first `prove`: finds what Git keeps for a user that is configured without a password. */
  ready(operation: Operation): Promise<void>;
  prove(method: string, path: string): Proof;
  /** The server refused (401, 403) a request with `proof`: true when there is something better to show now. */
  refused(answer: Pick<WireResponse, 'status' | 'headers'>, proof: Proof, operation: Operation): Promise<boolean>;
  /** The server fulfilled a request with `proof`. */
  accepted(proof: Proof): void;
  /** Why nothing better was shown, where that is for the user to change. */
  readonly refusal: HelperError | undefined;
}

export interface Proof {
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly by: Identity;
}

/** One user, or nobody. */
interface Identity {
  prove(method: string, path: string): readonly string[];
  /** Takes the challenge of a 401 to what was proven by `sent`: true when the request is worth repeating. */
  challenged(challenge: string | undefined, sent: readonly string[]): boolean;
  /** What Git keeps, when that is where it comes from. */
  readonly credential?: Credential;
}

type Context = Pick<StorageContext, 'guard' | 'credentials'>;

const nobody: Identity = { prove: () => [], challenged: () => false };

export function openLogin(settings: HttpSettings, { guard, credentials }: Context): LoginSession {
  const { login, origin } = settings;
  const user = 'user' in login ? login.user : undefined;
  let current = configured(login);
  let finding: Promise<void> | undefined;
  let replacement: Promise<boolean> | undefined;
  let refusal: HelperError | undefined;

  const admitted = async (kind: 'digest' | 'either'): Promise<boolean> => {
    refusal = await guard.admit({ from: 'credential', shows: kind === 'digest' ? 'proof' : 'secret' });
    return refusal === undefined;
  };
  const kindFor = (challenge: string | undefined): 'digest' | 'either' =>
    login.kind === 'digest' || (challenge !== undefined && !/\bBasic\b/i.test(challenge)) ? 'digest' : 'either';

  const find = async (operation: Operation): Promise<void> => {
    if (user === undefined || ('password' in login && login.password !== undefined)) return;
    const found = await credentials?.find(origin, user, operation);
    const kind = kindFor(undefined);
    if (found !== undefined && (await admitted(kind))) current = identityOf(kind, found.username, found);
  };
  const askForAnother = async (
    status: number,
    challenge: string | undefined,
    operation: Operation,
  ): Promise<boolean> => {
    const { credential } = current;
    if (credential !== undefined && status === 401) credentials?.reject(origin, credential);
    // Whoever is known and may not do this is no reason to ask for somebody else.
    const mayHelp = status === 401 || current === nobody;
    const speaks = challenge === undefined || /\b(?:Basic|Digest)\b/i.test(challenge);
    if (credentials === undefined || !mayHelp || !speaks || login.kind === 'header' || settings.refusal !== undefined) {
      return false;
    }
    const kind = kindFor(challenge);
    if (!(await admitted(kind))) return false;
    const given = await credentials.ask(origin, user, needOf(settings), operation);
    if (given === undefined) return false;
    current = identityOf(kind, given.username, given);
    return true;
  };
  return {
    async ready(operation) {
      finding ??= find(operation);
      await finding;
    },
    prove: (method, path) => ({ headers: current.prove(method, path), by: current }),
    async refused({ status, headers }, proof, operation) {
      if (status !== 401 && status !== 403) return false;
      if (proof.by !== current) return true;
      const challenge = headers['www-authenticate'];
      if (status === 401 && current.challenged(challenge, proof.headers)) return true;
      replacement ??= askForAnother(status, challenge, operation).finally(() => {
        replacement = undefined;
      });
      return await replacement;
    },
    accepted({ by: { credential } }) {
      if (credential !== undefined) credentials?.approve(origin, credential);
    },
    get refusal() {
      return refusal;
    },
  };
}

function needOf({ remote, displayUrl }: HttpSettings): string {
  return `storage remote '${remote}' (${displayUrl}) needs a user and a password or token`;
}

function configured(login: Login): Identity {
  if (login.kind === 'none') return nobody;
  if (login.kind === 'header') return { prove: () => [login.name, login.value], challenged: () => false };
  const { kind, user, password } = login;
  if (user === undefined) return nobody;
  // Shared folders of Nextcloud have a user and an empty password; elsewhere there is always one.
  if (password === undefined) return kind === 'either' ? identityOf(kind, user, { password: '' }) : nobody;
  return identityOf(kind, user, { password });
}

function identityOf(
  kind: 'basic' | 'digest' | 'either',
  user: string,
  secret: Credential | { readonly password: string },
): Identity {
  const { password } = secret;
  const credential = 'username' in secret ? { credential: secret } : {};
  const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  if (kind === 'basic') return { ...credential, prove: () => ['authorization', basic], challenged: () => false };
  const digest = openDigest(user, password);
  const first = kind === 'either' ? ['authorization', basic] : [];
  return {
    ...credential,
    prove(method, path) {
      const answer = digest.answer(method, path);
      return answer === undefined ? first : ['authorization', answer];
    },
    challenged: (challenge, [, sent]) =>
      // A server that takes Basic has already refused this password.
      !(kind === 'either' && /\bBasic\b/i.test(challenge ?? '')) &&
      digest.take(challenge, sent === undefined || sent === basic ? undefined : sent),
  };
}
