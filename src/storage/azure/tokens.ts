import {
  AzureCliCredential,
  AzureDeveloperCliCredential,
  AzurePowerShellCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
  type TokenCredential,
  type TokenCredentialOptions,
  WorkloadIdentityCredential,
} from '@azure/identity';
import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { trace } from '../../report/trace.ts';
import type { StorageContext } from '../remote.ts';
import { openProxies } from '../wire/proxy.ts';
import type { Account } from './credentials.ts';
import type { AccessToken, TokenSource } from './keychain.ts';
import type { AzureSettings } from './settings.ts';
import { openTransport } from './transport.ts';

/** What an access token is to be good for: blobs, whatever the account. */
const scope = 'https://storage.azure.com/.default';

/** Programs of Azure start slowly, and one that asks a question gets no answer. */
const patient = { processTimeoutInMs: 30_000 };

/** One who may give out tokens. */
interface Giver {
  readonly name: string;
  readonly hints: readonly string[];
  /** Set up on purpose: its refusal is the last word. Otherwise the next one is asked. */
  readonly meant: boolean;
  readonly open: (options: TokenCredentialOptions) => TokenCredential;
}

/**
 * Who gives us access tokens of Microsoft Entra ID: the service principal of the options, else the first who can, in the
 * order of Azure's libraries (DefaultAzureCredential). Microsoft's library knows how to ask each of them; it starts
 * the Azure CLI and the like itself. Throws `auth` when there is nobody.
 */
export async function findTokens(settings: AzureSettings, context: StorageContext): Promise<TokenSource> {
  const { remote, displayUrl, account } = settings;
  for (const giver of giversOf(account, context)) {
    const { name, hints, meant } = giver;
    const fetch = (): Promise<AccessToken> => getToken(giver, settings, context);
    // Asked at the first request in any case, where its refusal is told.
    if (meant) return { name, hints, fetch };
    try {
      let first: AccessToken | undefined = await fetch();
      return {
        name,
        hints,
        async fetch() {
          const token = first ?? (await fetch());
          first = undefined;
          return token;
        },
      };
    } catch (error) {
      trace(() => `storage: ${error instanceof Error ? error.message : name}`);
    }
  }
  throw new HelperError('auth', `no credentials for storage remote '${remote}' (${displayUrl})`, {
    hints: [
      'sign in: az login',
      `or set a key: dvc remote modify --local ${remote} account_key <key>, or set AZURE_STORAGE_KEY`,
      `or a shared access signature: dvc remote modify --local ${remote} sas_token <query>`,
      `or read what is public: dvc remote modify ${remote} allow_anonymous_login true`,
    ],
  });
}

/** Without those who open a window or a browser: nobody may be there. */
function giversOf({ principal, excluded }: Account, { env }: StorageContext): readonly Giver[] {
  if (principal !== undefined) {
    const { tenant, client, secret, source, hints } = principal;
    const open: Giver['open'] = (options) => new ClientSecretCredential(tenant, client, secret, options);
    return [{ name: source, hints, meant: true, open }];
  }
  const optional = (name: string, hint: string, open: Giver['open']): Giver => ({
    name,
    hints: [hint],
    meant: false,
    open,
  });
  const clientId = env.AZURE_CLIENT_ID;
  const managed = optional(
    "this machine's managed identity",
    'AZURE_CLIENT_ID says which one, where there are several',
    (options) => new ManagedIdentityCredential(clientId ? { ...options, clientId } : options),
  );
  return [
    ...(excluded.has('environment') ? [] : ofEnvironment(env)),
    ...ofWorkload(env),
    ...(excluded.has('managed_identity') ? [] : [managed]),
    optional('the Azure CLI', 'see who that is: az account show', () => new AzureCliCredential(patient)),
    optional('Azure PowerShell', 'see who that is: Get-AzContext', () => new AzurePowerShellCredential(patient)),
    optional(
      'the Azure Developer CLI',
      'sign in again: azd auth login',
      () => new AzureDeveloperCliCredential(patient),
    ),
  ];
}

type Env = StorageContext['env'];

function ofEnvironment(env: Env): readonly Giver[] {
  const [tenant, client, secret] = [env.AZURE_TENANT_ID, env.AZURE_CLIENT_ID, env.AZURE_CLIENT_SECRET];
  const certificatePath = env.AZURE_CLIENT_CERTIFICATE_PATH;
  if (!tenant || !client || !(secret || certificatePath)) return [];
  const last = secret ? 'AZURE_CLIENT_SECRET' : 'AZURE_CLIENT_CERTIFICATE_PATH';
  const hints = [`check AZURE_TENANT_ID, AZURE_CLIENT_ID and ${last}`];
  const open: Giver['open'] = (options) => {
    if (secret) return new ClientSecretCredential(tenant, client, secret, options);
    const certificatePassword = env.AZURE_CLIENT_CERTIFICATE_PASSWORD;
    const certificate = { certificatePath: certificatePath ?? '', ...(certificatePassword && { certificatePassword }) };
    return new ClientCertificateCredential(tenant, client, certificate, options);
  };
  return [{ name: 'the service principal of the environment', hints, meant: true, open }];
}

function ofWorkload(env: Env): readonly Giver[] {
  const [tenantId, clientId, tokenFilePath] = [
    env.AZURE_TENANT_ID,
    env.AZURE_CLIENT_ID,
    env.AZURE_FEDERATED_TOKEN_FILE,
  ];
  if (!tenantId || !clientId || !tokenFilePath) return [];
  const open: Giver['open'] = (options) =>
    new WorkloadIdentityCredential({ ...options, tenantId, clientId, tokenFilePath });
  const hints = ['check AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE'];
  return [{ name: 'the workload identity of this machine', hints, meant: true, open }];
}

/** By a new credential each time: the library keeps tokens, and gives out no other before their end. */
async function getToken(
  { name, hints, open }: Giver,
  settings: AzureSettings,
  context: StorageContext,
): Promise<AccessToken> {
  const transport = openTransport(settings, openProxies(context));
  const authorityHost = context.env.AZURE_AUTHORITY_HOST;
  const options = {
    httpClient: transport,
    // Whoever needs the token tries again.
    retryOptions: { maxRetries: 0 },
    // Where this machine names the authority, Microsoft is not asked whether that is one of its own.
    ...(authorityHost ? { authorityHost, disableInstanceDiscovery: true } : {}),
  };
  try {
    const token = await open(options).getToken(scope);
    // It goes into a header.
    if (token === null || !/^[\x21-\x7e]+$/.test(token.token)) throw new Error('the answer holds no access token');
    return { text: token.token, expiresMs: token.expiresOnTimestamp };
  } catch (error) {
    const broken = transport.failure();
    if (broken !== undefined) throw broken;
    throw new HelperError('auth', `no access token for ${name}: ${explain(error)}`, { hints, cause: error });
  } finally {
    transport.close();
  }
}

/** Of Microsoft's many lines the one that tells what is wrong. */
function explain(error: unknown): string {
  const text = error instanceof Error ? error.message : '';
  const [, told] = /(AADSTS\d+: [^\r\n]*?)(?:\. | Trace ID|\r|\n|$)/.exec(text) ?? [];
  return printable((told ?? text.split(/\r?\n/)[0] ?? '').replace(/\.$/, ''));
}
