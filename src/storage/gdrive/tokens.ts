import { HelperError } from '../../model/error.ts';
import { exchange } from '../google/exchange.ts';
import { type Keychain, openKeychain } from '../google/keychain.ts';
import type { Transport } from '../google/transport.ts';
import type { DriveCredentials } from './credentials.ts';
import { refusedHints } from './failure.ts';
import type { DriveSettings } from './settings.ts';

/** With less of its life left, a token that somebody kept is not worth showing. */
const leastMs = 60_000;

/** Access tokens for one storage remote. The one that was kept comes first, while it is good. */
export function openTokens(
  credentials: DriveCredentials,
  settings: DriveSettings,
  scopes: readonly string[],
  transport: Transport,
): Keychain {
  const { credential, source } = credentials;
  let kept = credentials.accessToken;
  const fetch = async () => {
    const known = kept;
    kept = undefined;
    if (known?.expiresMs !== undefined && known.expiresMs - Date.now() > leastMs) return known;
    try {
      if (credential !== undefined) {
        const token = await exchange(credential, scopes, transport);
        credentials.report?.('approve');
        return token;
      }
    } catch (error) {
      if (!(error instanceof HelperError) || error.code !== 'auth') throw error;
      if (/\binvalid_grant\b/.test(error.message)) credentials.report?.('reject');
      const hints = [...error.hints, ...refusedHints(error.message, settings, credentials)];
      throw new HelperError('auth', error.message, { hints, cause: error });
    }
    throw new HelperError('auth', 'the access token has ended, and there is no other', {
      hints: refusedHints('', settings, credentials),
    });
  };
  // It goes into a header.
  const quotaProject = /^[a-z0-9][a-z0-9:.-]*$/i.exec(credential?.quotaProject ?? '')?.[0];
  return openKeychain(async () => ({ name: `those in ${source}`, hints: [], quotaProject, fetch }));
}
