import { HelperError } from '../../model/error.ts';
import { originUrl } from '../../model/origin.ts';
import type { Credential, SecretUse, StorageContext } from '../remote.ts';
import { type Fault, type Identity, keptProof } from './credentials.ts';
import type { Complaint } from './failure.ts';
import { type Keychain, openKeychain, type TokenSource } from './keychain.ts';
import type { AzureSettings } from './settings.ts';

/** Whatever proves who we are, shown only where that is allowed. */
export interface GuardedKeychain extends Keychain {
  /** After the service refused `used`: true when there is another to try, which the user may have been asked for. */
  replace(used: Identity, complaint: Complaint, signal: AbortSignal): Promise<boolean>;
  /** The service has taken `used`. */
  proven(used: Identity): void;
}

/**
 * What the account names; else what Git keeps for the service; else access tokens; at last the user.
 *
 * @param findTokens asked when nothing else is there
 */
export function openGuardedKeychain(
  settings: AzureSettings,
  { guard, credentials }: Pick<StorageContext, 'guard' | 'credentials'>,
  findTokens: () => Promise<TokenSource>,
): GuardedKeychain {
  const { account, origin } = settings;
  const user = account.name;
  const tokens = openKeychain(account, findTokens);
  let settled: Promise<Identity | undefined> | undefined;
  let replacement: Promise<boolean> | undefined;

  const admitted = async (from: SecretUse['from'], identity: Identity): Promise<Identity> => {
    const shows = identity.proof.kind === 'key' ? 'proof' : 'secret';
    const refusal = identity.proof.kind === 'none' ? undefined : await guard.admit({ from, shows });
    return refusal === undefined ? identity : { ...nobody, refusal };
  };
  const known = async (signal: AbortSignal): Promise<Identity | undefined> => {
    const { identity, principal } = account;
    if (identity !== undefined) return await admitted(identity.from, identity);
    const found = principal === undefined ? await credentials?.find(origin, user, { signal }) : undefined;
    if (found !== undefined) return await admitted('credential', kept(found));
    const token: SecretUse = { from: principal === undefined ? 'ambient' : 'options', shows: 'secret' };
    const refusal = await guard.admit(token);
    return refusal === undefined ? undefined : { ...nobody, refusal };
  };
  const kept = (credential: Credential): Identity => ({
    ...keptProof(credential, fault),
    source: `Git's credential helpers (${originUrl(origin)})`,
    credential,
  });
  /** undefined: access tokens it is. */
  const fixed = (signal: AbortSignal): Promise<Identity | undefined> => {
    settled ??= known(signal).catch((error: unknown) => {
      settled = undefined;
      throw error;
    });
    return settled;
  };
  const askForAnother = async (used: Identity, { status, code }: Complaint, signal: AbortSignal): Promise<boolean> => {
    const isWrong = status === 401 || code === 'AuthenticationFailed';
    if (used.credential !== undefined && isWrong) credentials?.reject(origin, used.credential);
    const mayHelp = isWrong || used.proof.kind === 'none';
    if (credentials === undefined || !mayHelp || used.refusal !== undefined || used.wanted === true) return false;
    if ((await guard.admit({ from: 'credential', shows: 'secret' })) !== undefined) return false;
    const given = await credentials.ask(origin, user, needOf(settings), { signal });
    if (given === undefined) return false;
    settled = Promise.resolve(kept(given));
    return true;
  };
  return {
    async get(signal) {
      const identity = await fixed(signal);
      if (identity !== undefined) return identity;
      try {
        return await tokens.get(signal);
      } catch (error) {
        const nobodyHas = error instanceof HelperError && error.code === 'auth' && account.principal === undefined;
        if (!nobodyHas || credentials?.canAsk !== true) throw error;
        // The container may be public; if it is not, the user is asked.
        settled = Promise.resolve({ ...nobody, lacking: error });
        return { ...nobody, lacking: error };
      }
    },
    renew: async (used, signal) => ((await fixed(signal)) === undefined ? await tokens.renew(used, signal) : false),
    async replace(used, complaint, signal) {
      const now = await fixed(signal);
      if (now !== undefined && now.proof !== used.proof) return true;
      replacement ??= askForAnother(used, complaint, signal).finally(() => {
        replacement = undefined;
      });
      return await replacement;
    },
    proven({ credential }) {
      if (credential !== undefined) credentials?.approve(origin, credential);
    },
  };
}

const nobody: Identity = { proof: { kind: 'none' }, source: 'nowhere', hints: [], from: 'repository' };

/** What Git keeps is no option that could be wrong: whatever it is, the service judges it. */
const fault: Fault = (text) => new HelperError('auth', `what Git keeps for this storage cannot be used: ${text}`);

function needOf({ remote, displayUrl, account }: AzureSettings): string {
  const user = account.name ?? 'the storage account';
  return (
    `storage remote '${remote}' (${displayUrl}) needs a key: ` +
    `give '${user}' as username and the account key, or a shared access signature, as password`
  );
}
