import type { StorageConfig } from '../../model/storage-config.ts';
import { type AuthorizedUser, googleTokenUrl } from '../google/credential.ts';
import type { Credential, CredentialPlace, StorageContext } from '../remote.ts';

/** What a token of one OAuth client is filed under in Git's credential system. */
export function tokenPlace(clientId: string): CredentialPlace {
  return { protocol: 'https', host: new URL(googleTokenUrl).host, path: clientId };
}

/**
 * Whose token it is, for people with more than one account. Git leaves the path out unless it is told otherwise, so the
 * client stands here once more: a token is of no use to another one.
 */
export function tokenUser({ options }: StorageConfig): string {
  return `${options.profile ?? 'default'}@${options.gdrive_client_id ?? ''}`;
}

interface KeptToken {
  readonly credential: AuthorizedUser;
  readonly accessToken: undefined;
  readonly source: string;
  readonly from: 'credential';
  readonly report: (verdict: 'approve' | 'reject') => void;
}

/** The refresh token that Git keeps for the storage remote's own OAuth client; undefined: none, or no client. */
export async function findKeptToken(
  config: StorageConfig,
  { credentials }: Pick<StorageContext, 'credentials'>,
): Promise<KeptToken | undefined> {
  const { gdrive_client_id: clientId, gdrive_client_secret: clientSecret } = config.options;
  if (clientId === undefined || clientSecret === undefined || credentials === undefined) return undefined;
  const place = tokenPlace(clientId);
  const operation = { signal: new AbortController().signal };
  const kept: Credential | undefined = await credentials.find(place, tokenUser(config), operation);
  if (kept === undefined) return undefined;
  return {
    credential: {
      kind: 'authorized_user',
      clientId,
      clientSecret,
      refreshToken: kept.password,
      tokenUrl: googleTokenUrl,
      quotaProject: undefined,
    },
    accessToken: undefined,
    source: "what Git's credential helpers keep",
    from: 'credential',
    report: (verdict) => credentials[verdict](place, kept),
  };
}
