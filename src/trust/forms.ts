import { keptKey, parseKeptKey } from '../model/kept-secret.ts';
import type { Origin } from '../model/origin.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import type { Credential, CredentialPlace } from '../storage/remote.ts';

type Options = Readonly<Record<string, string>>;

/** How one kind of storage has a secret as options of DVC, and as what Git keeps. */
export interface SecretForm {
  readonly place: CredentialPlace;
  /** Whose; undefined: anybody's. */
  readonly username: string | undefined;
  /** What the options hold; undefined: no whole secret. */
  readonly fromOptions: Credential | undefined;
  /** Keys of the options that hold it. */
  readonly keys: readonly string[];
  toOptions(credential: Credential): Options;
  /** Variables of the environment in which programs of the provider's, and DVC, look; none where there is no such. */
  toVariables(credential: Credential): Options;
}

/** The forms of a storage remote's secrets; none for storage that has none, or none that DVC takes as options. */
export function formsOf(config: StorageConfig, origin: Origin): readonly SecretForm[] {
  const { options, scheme } = config;
  if (scheme === 's3') return [awsForm(options, origin)];
  if (scheme === 'azure') return [azureForm(options, origin)];
  if (/^(?:http|webdav)s?$/.test(scheme)) return [passwordForm(options, origin)];
  if (scheme !== 'ssh') return [];
  return [passwordForm(options, { protocol: 'ssh', host: origin.host, path: '' }), ...passphraseForms(options)];
}

function awsForm(options: Options, place: CredentialPlace): SecretForm {
  const { access_key_id: username, secret_access_key: secret, session_token: token } = options;
  return {
    place,
    username,
    fromOptions: username && secret ? { username, password: keptKey(secret, token) } : undefined,
    keys: ['secret_access_key', 'session_token', 'access_key_id'],
    toOptions(credential) {
      const parts = parseKeptKey(credential.password);
      const rest: Options = parts.token === undefined ? {} : { session_token: parts.token };
      return { access_key_id: credential.username, secret_access_key: parts.secret, ...rest };
    },
    toVariables(credential) {
      const parts = parseKeptKey(credential.password);
      const rest: Options = parts.token === undefined ? {} : { AWS_SESSION_TOKEN: parts.token };
      return { AWS_ACCESS_KEY_ID: credential.username, AWS_SECRET_ACCESS_KEY: parts.secret, ...rest };
    },
  };
}

const isSignature = (text: string): boolean => /(?:^|[?&])sig=/.test(text);

function azureForm(options: Options, place: CredentialPlace): SecretForm {
  const { account_name: username, account_key: key, sas_token: sas } = options;
  const password = key ?? sas;
  return {
    place,
    username,
    fromOptions: username && password ? { username, password } : undefined,
    keys: ['account_key', 'sas_token'],
    toOptions: (credential) => ({
      account_name: credential.username,
      [isSignature(credential.password) ? 'sas_token' : 'account_key']: credential.password,
    }),
    toVariables: (credential) => ({
      AZURE_STORAGE_ACCOUNT: credential.username,
      [isSignature(credential.password) ? 'AZURE_STORAGE_SAS_TOKEN' : 'AZURE_STORAGE_KEY']: credential.password,
    }),
  };
}

function passwordForm(options: Options, place: CredentialPlace): SecretForm {
  const { user: username, password } = options;
  return {
    place,
    username,
    fromOptions: username && password ? { username, password } : undefined,
    keys: ['password'],
    toOptions: (credential) => ({ user: credential.username, password: credential.password }),
    // DVC takes these from its configuration alone.
    toVariables: () => ({}),
  };
}

function passphraseForms({ keyfile, passphrase }: Options): readonly SecretForm[] {
  if (keyfile === undefined) return [];
  return [
    {
      place: { protocol: 'ssh-key', host: '', path: keyfile.replace(/^\/+/, '') },
      username: '',
      fromOptions: passphrase ? { username: '', password: passphrase } : undefined,
      keys: ['passphrase'],
      toOptions: (credential) => ({ passphrase: credential.password }),
      toVariables: () => ({}),
    },
  ];
}
