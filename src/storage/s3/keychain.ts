import type { Operation } from '../../model/operation.ts';
import { trace } from '../../report/trace.ts';
import { type Identity, keptIdentity, type LookupContext, openLookup } from './credentials.ts';
import type { Complaint } from './failure.ts';
import type { S3Settings } from './settings.ts';

/** One lookup for all requests of a storage remote, renewed in time. */
export interface Keychain {
  /** Throws `auth` when there are none to be found, `trust` when they may not be used. */
  get(operation: Operation): Promise<Identity>;
  /** After the service called `used` expired: true when there is another to try. */
  renew(used: Identity, operation: Operation): Promise<boolean>;
  /** After the service refused `used`: true when there is another to try, which the user may have been asked for. */
  replace(used: Identity, complaint: Complaint, operation: Operation): Promise<boolean>;
  /** The service has taken `used`. */
  proven(used: Identity): void;
}

// Renewed this long before the end, so that no request is under way when it comes.
const marginMs = 5 * 60_000;

/** The keys themselves are wrong: whoever keeps them had better forget them. */
const wrong = /^(?:InvalidAccessKeyId|XAdminUserNotFound|SignatureDoesNotMatch|ExpiredToken)$/;

/** @param patienceMs how long programs and services that make keys may take */
export function openKeychain(settings: S3Settings, context: LookupContext, patienceMs = 120_000): Keychain {
  const { guard, credentials } = context;
  const { origin, keys } = settings;
  let current: Promise<Identity> | undefined;
  let renewal: Promise<Identity> | undefined;
  let replacement: Promise<boolean> | undefined;
  const lookup = openLookup(settings, context, patienceMs);
  const refresh = async (used: Identity, operation: Operation): Promise<Identity> => {
    renewal ??= lookup(true, operation).finally(() => {
      renewal = undefined;
    });
    const next = await renewal;
    if (next.keys?.id === used.keys?.id && next.keys?.token === used.keys?.token) return used;
    current = Promise.resolve(next);
    trace(() => `storage: access keys from ${next.source} renewed`);
    return next;
  };
  const askForAnother = async (used: Identity, complaint: Complaint, operation: Operation): Promise<boolean> => {
    const { status, code } = complaint;
    const isWrong = status === 401 || wrong.test(code);
    if (used.credential !== undefined && isWrong) credentials?.reject(origin, used.credential);
    // Good keys that may not do this are no reason to ask for others.
    const mayHelp = isWrong || (status === 403 && used.keys === undefined);
    if (credentials === undefined || !mayHelp || used.refusal !== undefined || keys.anonymous) return false;
    if ((await guard.admit({ from: 'credential', shows: 'proof' })) !== undefined) return false;
    const given = await credentials.ask(origin, keys.idHint, needOf(settings), operation);
    if (given === undefined) return false;
    current = Promise.resolve(keptIdentity(given, settings));
    return true;
  };
  return {
    async get(operation) {
      current ??= lookup(false, operation);
      const identity = await current;
      if (identity.expiresMs === undefined || identity.expiresMs - Date.now() > marginMs) return identity;
      try {
        return await refresh(identity, operation);
      } catch (error) {
        if (identity.expiresMs > Date.now()) return identity;
        throw error;
      }
    },
    async renew(used, operation) {
      const now = await current;
      if (now !== undefined && now.keys !== used.keys) return true;
      return (await refresh(used, operation)) !== used;
    },
    async replace(used, complaint, operation) {
      if ((await current) !== used) return true;
      replacement ??= askForAnother(used, complaint, operation).finally(() => {
        replacement = undefined;
      });
      return await replacement;
    },
    proven({ credential }) {
      if (credential !== undefined) credentials?.approve(origin, credential);
    },
  };
}

function needOf({ remote, displayUrl }: S3Settings): string {
  return (
    `storage remote '${remote}' (${displayUrl}) needs an access key: ` +
    'give the key ID as username and the secret key as password'
  );
}
