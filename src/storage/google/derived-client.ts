import {
  type AuthClient,
  ExternalAccountAuthorizedUserClient,
  ExternalAccountClient,
  Impersonated,
} from 'google-auth-library';
import { type Credential, type DerivedCredential, parseCredential } from './credential.ts';
import type { ClientOptions } from './direct-client.ts';

type OpenSource = (source: Credential, scopes: readonly string[]) => Promise<AuthClient>;

/** What gets tokens for a credential that is had by means of another one, which `openSource` opens. */
export async function openDerivedClient(
  json: DerivedCredential['json'],
  scopes: readonly string[],
  options: ClientOptions,
  openSource: OpenSource,
): Promise<AuthClient> {
  const known = { ...json, ...options, scopes: [...scopes] } as never;
  if (json.type === 'external_account') {
    const client = ExternalAccountClient.fromJSON(known);
    if (client === null) throw new Error('it names no source of a token');
    // The one request for which the library opens a connection of its own.
    const { stsCredential } = client as unknown as { readonly stsCredential: Pick<AuthClient, 'transporter'> };
    stsCredential.transporter = options.transporter;
    return client;
  }
  if (json.type === 'external_account_authorized_user') return new ExternalAccountAuthorizedUserClient(known);
  const name = 'to act as a service account with';
  const source = parseCredential(JSON.stringify(json.source_credentials ?? {}), { name, trusted: true });
  const url = String(json.service_account_impersonation_url);
  const [, targetPrincipal] = /\/serviceAccounts\/([^/]+):generateAccessToken$/.exec(url) ?? [];
  if (targetPrincipal === undefined || !URL.canParse(url)) throw new Error('they name no service account to act as');
  return new Impersonated({
    ...options,
    sourceClient: await openSource(source, ['https://www.googleapis.com/auth/cloud-platform']),
    targetPrincipal,
    targetScopes: [...scopes],
    delegates: Array.isArray(json.delegates) ? json.delegates.map(String) : [],
    endpoint: new URL(url).origin,
  });
}
