import type { AuthClient } from 'google-auth-library';
// Not the whole library, which takes twice as long to load.
import { JWT } from 'google-auth-library/build/src/auth/jwtclient.js';
import { UserRefreshClient } from 'google-auth-library/build/src/auth/refreshclient.js';
import type { AuthorizedUser, ServiceAccount } from './credential.ts';

export interface ClientOptions {
  readonly transporter: AuthClient['transporter'];
  /** False: nothing is added to requests, and nothing logged. */
  readonly useAuthRequestParameters: false;
}

/** What gets tokens for a credential that is proof by itself. */
export function openDirectClient(
  credential: ServiceAccount | AuthorizedUser,
  scopes: readonly string[],
  options: ClientOptions,
): AuthClient {
  if (credential.kind === 'authorized_user') {
    const { clientId, clientSecret, refreshToken } = credential;
    return new UserRefreshClient({ ...options, clientId, clientSecret, refreshToken });
  }
  const { email, key, subject, tokenUrl } = credential;
  const whom = subject === undefined ? {} : { subject };
  // RFC 7523, 3: the assertion is meant for the place it is sent to.
  return new JWT({ ...options, email, key, ...whom, scopes: [...scopes], additionalClaims: { aud: tokenUrl } });
}
