import { HelperError } from '../../model/error.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { printable } from '../../report/printable.ts';
import type { StorageContext } from '../remote.ts';
import { readCliConfig } from './cli-config.ts';
import { parseConnectionString } from './connection-string.ts';

/** The error for an option that cannot be. */
export type Fault = (text: string, ...hints: string[]) => HelperError;

/** What proves who we are. */
export type Proof =
  | { readonly kind: 'key'; readonly account: string; readonly key: Uint8Array }
  /** A query, encoded, without the `?`. */
  | { readonly kind: 'sas'; readonly query: string }
  | { readonly kind: 'none' };

/** A proof, and what to tell when it does not open the door. */
export interface Identity {
  readonly proof: Proof;
  /** Where it came from, in words for people. */
  readonly source: string;
  readonly hints: readonly string[];
}

/** Which storage account, and how to get in. */
export interface Account {
  /** URL of its blob service. */
  readonly endpoint: string;
  /** The container for a storage URL that names none. */
  readonly container: string | undefined;
  readonly identity: Identity;
}

/** A value and who said it. */
interface Found {
  readonly value: string;
  readonly source: string;
  readonly hints: readonly string[];
}

type Find = (option: string, env: string, file: string) => Found | undefined;

// What becomes part of a host name that we prove ourselves to ("Storage account name").
const accountPattern = /^[a-z0-9]{3,24}$/;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;

/**
 * The order of DVC: connection string, account key, shared access signature, nobody. Each of them is looked for
 * in the options, then in the environment, then in the Azure CLI's file. Throws `config` for what cannot be.
 */
export function readAccount(config: StorageConfig, context: StorageContext, fail: Fault): Account {
  const remote = printable(config.name);
  const find = openLookup(config, context, remote);
  const container = find('', 'AZURE_STORAGE_CONTAINER_NAME', 'container_name')?.value;
  const connection = find('connection_string', 'AZURE_STORAGE_CONNECTION_STRING', 'connection_string');
  if (connection !== undefined) return { container, ...readConnection(connection, fail) };
  const named = find('account_name', 'AZURE_STORAGE_ACCOUNT', 'account');
  if (named === undefined) {
    throw fail(
      'no storage account is named',
      `name it: dvc remote modify ${remote} account_name <account>`,
      `or: dvc remote modify --local ${remote} connection_string <text>, or set AZURE_STORAGE_CONNECTION_STRING`,
    );
  }
  const account = named.value;
  if (!accountPattern.test(account)) {
    throw fail(`'${printable(account)}' cannot be the name of a storage account`, ...named.hints);
  }
  const endpoint = `https://${account}.blob.core.windows.net`;
  const key = find('account_key', 'AZURE_STORAGE_KEY', 'key');
  if (key !== undefined) return { endpoint, container, identity: withKey(account, key, fail) };
  const sas = find('sas_token', 'AZURE_STORAGE_SAS_TOKEN', 'sas_token');
  if (sas !== undefined) return { endpoint, container, identity: withSas(sas, fail) };
  if (config.options.allow_anonymous_login?.toLowerCase() === 'true') {
    const hints = [`to sign in: dvc remote modify --unset ${remote} allow_anonymous_login`];
    return { endpoint, container, identity: nobody(hints) };
  }
  throw new HelperError('auth', `no credentials for storage remote '${remote}' (storage account '${account}')`, {
    hints: [
      `set a key: dvc remote modify --local ${remote} account_key <key>, or set AZURE_STORAGE_KEY`,
      `or a shared access signature: dvc remote modify --local ${remote} sas_token <query>`,
      `or read what is public: dvc remote modify ${remote} allow_anonymous_login true`,
    ],
  });
}

function openLookup(config: StorageConfig, context: StorageContext, remote: string): Find {
  let file: ReadonlyMap<string, string> | undefined;
  return (option, env, name) => {
    const chosen = config.options[option];
    if (chosen) {
      const source = `the option '${option}' of storage remote '${remote}'`;
      return {
        value: chosen,
        source,
        hints: [`set it anew: dvc remote modify --local ${remote} ${option} <${option}>`],
      };
    }
    const ambient = context.env[env];
    if (ambient) return { value: ambient, source: 'the environment', hints: [`check ${env}`] };
    file ??= readCliConfig(context);
    const written = file.get(name);
    if (!written) return undefined;
    return { value: written, source: "the Azure CLI's file", hints: [`check it: az config get storage.${name}`] };
  };
}

function readConnection(found: Found, fail: Fault): { endpoint: string; identity: Identity } {
  const { value, source, hints } = found;
  const connection = parseConnectionString(value);
  if (connection === undefined) {
    throw fail(`${source} has no connection string that names a storage account`, ...hints);
  }
  const { account, key, sas } = connection;
  const [endpoint = '', query] = connection.endpoint.split(/\?(.*)/s);
  const part = { source: `the connection string of ${source}`, hints };
  if (account !== undefined && key !== undefined) {
    return { endpoint, identity: withKey(account, { ...part, value: key }, fail) };
  }
  const signature = sas ?? query;
  if (signature !== undefined) return { endpoint, identity: withSas({ ...part, value: signature }, fail) };
  return { endpoint, identity: nobody([`the connection string of ${source} has neither key nor signature`, ...hints]) };
}

function withKey(account: string, { value, source, hints }: Found, fail: Fault): Identity {
  if (!base64.test(value)) throw fail(`the account key from ${source} is not in base64`, ...hints);
  return { proof: { kind: 'key', account, key: Buffer.from(value, 'base64') }, source, hints };
}

function withSas({ value, source, hints }: Found, fail: Fault): Identity {
  const query = value.replace(/^\?/, '');
  // Any other character would end the request's line, or the query.
  if (!/(?:^|&)sig=/.test(query) || !/^[\x21-\x7e]+$/.test(query) || query.includes('#')) {
    throw fail(`${source} has no shared access signature`, 'it is a query such as sv=...&sig=...', ...hints);
  }
  return { proof: { kind: 'sas', query }, source, hints };
}

const nobody = (hints: readonly string[]): Identity => ({
  proof: { kind: 'none' },
  source: 'nowhere (anonymous)',
  hints,
});
