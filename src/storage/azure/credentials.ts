import type { HelperError } from '../../model/error.ts';
import type { Origin } from '../../model/origin.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { conceal } from '../../report/conceal.ts';
import { printable } from '../../report/printable.ts';
import type { Credential, SecretUse, Surroundings } from '../remote.ts';
import { readCliConfig } from './cli-config.ts';
import { parseConnectionString } from './connection-string.ts';

/** The error for an option that cannot be. */
export type Fault = (text: string, ...hints: string[]) => HelperError;

/** What proves who we are. */
export type Proof =
  | { readonly kind: 'key'; readonly account: string; readonly key: Uint8Array }
  /** A query, encoded, without the `?`. */
  | { readonly kind: 'sas'; readonly query: string }
  /** Of Microsoft Entra ID. */
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'none' };

/** A proof, and what to tell when it does not open the door. */
export interface Identity {
  readonly proof: Proof;
  /** Where it came from, in words for people. */
  readonly source: string;
  readonly hints: readonly string[];
  readonly from: SecretUse['from'];
  /** Nobody, because the options say so. */
  readonly wanted?: boolean;
  /** Why there is no proof although there might be one: it may not be shown here. */
  readonly refusal?: HelperError;
  /** There is no proof: what is to be said when nobody is let in without. */
  readonly lacking?: HelperError;
  /** What Git keeps, when that is where the proof comes from. */
  readonly credential?: Credential;
}

/** Which storage account, and how to get in. */
export interface Account {
  /** URL of its blob service. */
  readonly endpoint: string;
  /** Of the account, where it is known. */
  readonly name: string | undefined;
  /** Who said which account. */
  readonly namedBy: Origin['namedBy'];
  /** The container for a storage URL that names none. */
  readonly container: string | undefined;
  /** undefined: access tokens have to be asked for. */
  readonly identity: Identity | undefined;
  /** Who asks for them; undefined: whoever can. */
  readonly principal?: Principal | undefined;
  /** Who is not asked, of those who can. */
  readonly excluded: ReadonlySet<string>;
}

/** A program's own account, by the options of the storage remote. */
export interface Principal {
  readonly tenant: string;
  readonly client: string;
  readonly secret: string;
  readonly source: string;
  readonly hints: readonly string[];
}

/** A value and who said it. */
interface Found {
  readonly value: string;
  readonly source: string;
  readonly hints: readonly string[];
  readonly from: SecretUse['from'];
}

type Find = (option: string, env: string, file: string) => Found | undefined;

// What becomes part of a host name that we prove ourselves to ("Storage account name").
const accountPattern = /^[a-z0-9]{3,24}$/;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * The order of DVC: connection string, service principal, account key, shared access signature, nobody where that is
 * wanted, access tokens. What is no service principal is looked for in the options, then in the environment, then in the
 * Azure CLI's file. Throws `config` for what cannot be.
 */
export function readAccount(config: StorageConfig, context: Surroundings, fail: Fault): Account {
  const remote = printable(config.name);
  const find = openLookup(config, context, remote);
  const container = find('', 'AZURE_STORAGE_CONTAINER_NAME', 'container_name')?.value;
  const excluded = new Set(
    ['environment', 'managed_identity'].filter((who) => isTrue(config, `exclude_${who}_credential`)),
  );
  const connection = find('connection_string', 'AZURE_STORAGE_CONNECTION_STRING', 'connection_string');
  if (connection !== undefined) {
    return { container, excluded, namedBy: namedBy(connection), ...readConnection(connection, fail) };
  }
  const named = find('account_name', 'AZURE_STORAGE_ACCOUNT', 'account');
  const account = readName(named, remote, fail);
  const principal = readPrincipal(config, remote, fail);
  const endpoint = `https://${account}.blob.core.windows.net`;
  const common = { endpoint, name: account, namedBy: namedBy(named), container, excluded, principal };
  if (principal !== undefined) return { ...common, identity: undefined };
  const key = find('account_key', 'AZURE_STORAGE_KEY', 'key');
  if (key !== undefined) return { ...common, identity: withKey(account, key, fail) };
  const sas = find('sas_token', 'AZURE_STORAGE_SAS_TOKEN', 'sas_token');
  if (sas !== undefined) return { ...common, identity: withSas(sas, fail) };
  const hints = [`to sign in: dvc remote modify --unset ${remote} allow_anonymous_login`];
  return { ...common, identity: isTrue(config, 'allow_anonymous_login') ? nobody(hints) : undefined };
}

const namedBy = (found: Found | undefined): Origin['namedBy'] => (found?.from === 'repository' ? 'repository' : 'user');

const isTrue = ({ options }: StorageConfig, option: string): boolean => options[option]?.toLowerCase() === 'true';

function readName(named: Found | undefined, remote: string, fail: Fault): string {
  if (named === undefined) {
    throw fail(
      'no storage account is named',
      `name it: dvc remote modify ${remote} account_name <account>`,
      `or: dvc remote modify --local ${remote} connection_string <text>, or set AZURE_STORAGE_CONNECTION_STRING`,
    );
  }
  if (accountPattern.test(named.value)) return named.value;
  throw fail(`'${printable(named.value)}' cannot be the name of a storage account`, ...named.hints);
}

/** Tenant and client alone say nothing: they may be there for those who have the secret. */
function readPrincipal({ options }: StorageConfig, remote: string, fail: Fault): Principal | undefined {
  const { tenant_id: tenant, client_id: client, client_secret: secret } = options;
  if (!secret) return undefined;
  if (!tenant || !client) {
    throw fail(
      `'tenant_id', 'client_id' and 'client_secret' go together and '${tenant ? 'client' : 'tenant'}_id' is missing`,
    );
  }
  // It becomes part of the URL that the secret is sent to.
  if (!/^[\w.-]+$/.test(tenant)) throw fail(`'${printable(tenant)}' cannot be a tenant`);
  const source = `the service principal of storage remote '${remote}'`;
  const hints = [`check 'tenant_id', 'client_id' and 'client_secret' of '${remote}': dvc config --local --list`];
  return { tenant, client, secret, source, hints };
}

function openLookup(config: StorageConfig, context: Surroundings, remote: string): Find {
  let file: ReadonlyMap<string, string> | undefined;
  return (option, env, name) => {
    const chosen = config.options[option];
    if (chosen) {
      const source = `the option '${option}' of storage remote '${remote}'`;
      return {
        value: chosen,
        source,
        from: config.committed.has(option) ? 'repository' : 'options',
        hints: [`set it anew: dvc remote modify --local ${remote} ${option} <${option}>`],
      };
    }
    const ambient = context.env[env];
    if (ambient) return { value: ambient, source: 'the environment', hints: [`check ${env}`], from: 'ambient' };
    file ??= readCliConfig(context);
    const written = file.get(name);
    if (!written) return undefined;
    const hints = [`check it: az config get storage.${name}`];
    return { value: written, source: "the Azure CLI's file", hints, from: 'ambient' };
  };
}

function readConnection(found: Found, fail: Fault): { endpoint: string; name: string | undefined; identity: Identity } {
  const { value, source, hints } = found;
  const connection = parseConnectionString(value);
  if (connection === undefined) {
    throw fail(`${source} has no connection string that names a storage account`, ...hints);
  }
  const { account, key, sas } = connection;
  const [endpoint = '', query] = connection.endpoint.split(/\?(.*)/s);
  const part = { source: `the connection string of ${source}`, hints, from: found.from };
  if (account !== undefined && key !== undefined) {
    return { endpoint, name: account, identity: withKey(account, { ...part, value: key }, fail) };
  }
  const signature = sas ?? query;
  if (signature !== undefined)
    return { endpoint, name: account, identity: withSas({ ...part, value: signature }, fail) };
  const identity = nobody([`the connection string of ${source} has neither key nor signature`, ...hints]);
  return { endpoint, name: account, identity };
}

function withKey(account: string, { value, source, hints, from }: Found, fail: Fault): Identity {
  conceal(value);
  if (!base64.test(value)) throw fail(`the account key from ${source} is not in base64`, ...hints);
  return { proof: { kind: 'key', account, key: Buffer.from(value, 'base64') }, source, hints, from };
}

function withSas({ value, source, hints, from }: Found, fail: Fault): Identity {
  const query = value.replace(/^\?/, '');
  const signature = new URLSearchParams(query).get('sig') ?? undefined;
  conceal(query, signature);
  // Any other character would end the request's line, or the query.
  if (!/(?:^|&)sig=/.test(query) || !/^[\x21-\x7e]+$/.test(query) || query.includes('#')) {
    throw fail(`${source} has no shared access signature`, 'it is a query such as sv=...&sig=...', ...hints);
  }
  return { proof: { kind: 'sas', query }, source, hints, from };
}

const nobody = (hints: readonly string[]): Identity => ({
  proof: { kind: 'none' },
  source: 'nowhere (anonymous)',
  hints,
  from: 'options',
  wanted: true,
});

/** An account key, or a shared access signature, as Git's helpers keep it. Throws what `fail` makes of anything else. */
export function keptProof({ username, password }: Credential, fail: Fault): Pick<Identity, 'proof' | 'hints' | 'from'> {
  const hints = ['see which: git config --show-origin --get-all credential.helper (gitcredentials(7))'];
  const found = { value: password, source: 'Git', hints, from: 'credential' } as const;
  return /(?:^|[?&])sig=/.test(password) ? withSas(found, fail) : withKey(username, found, fail);
}
