import { join } from 'node:path';
import { HelperError } from '../../model/error.ts';
import { originUrl } from '../../model/origin.ts';
import { printable } from '../../report/printable.ts';
import { type Credential, parseCredential } from '../google/credential.ts';
import { exchange } from '../google/exchange.ts';
import { type Keychain, openKeychain, type TokenSource } from '../google/keychain.ts';
import { askMetadata } from '../google/metadata.ts';
import type { Transport } from '../google/transport.ts';
import { readOptional } from '../optional-file.ts';
import type { Credential as Kept, SecretUse, StorageContext } from '../remote.ts';
import type { GsSettings } from './settings.ts';

/** Objects, and neither buckets nor who may do what. */
const scopes = ['https://www.googleapis.com/auth/devstorage.read_write'];

/**
 * Who we are to one storage remote. Looks where DVC (gcsfs) and Google's libraries look, in their order: nobody where the
 * option says so, `credentialpath`, GOOGLE_APPLICATION_CREDENTIALS, what gcloud keeps for applications, the machine itself,
 * at last nobody. The only place that knows this order.
 */
export function openGsKeychain(settings: GsSettings, context: StorageContext, transport: Transport): Keychain {
  const { env, home, guard, credentials } = context;
  const { endpoint, remote, credentialsFile } = settings;
  /** undefined: there is no such file. */
  const fromFile = (path: string, name: string, hint: string): TokenSource | undefined => {
    const origin = `'${printable(path)}' (${name})`;
    const text = readOptional(path);
    if (text === '') return undefined;
    const credential = parseCredential(text, { name: origin, trusted: true });
    return {
      name: `${describe(credential)} in ${origin}`,
      hints: [hint],
      // The environment's wish goes before the file's, as in Google's libraries.
      quotaProject: projectOf(env.GOOGLE_CLOUD_QUOTA_PROJECT) ?? projectOf(credential.quotaProject),
      fetch: () => exchange(credential, scopes, transport),
    };
  };
  const fromNamed = (path: string, name: string, hint: string): TokenSource => {
    const found = fromFile(path, name, hint);
    if (found !== undefined) return found;
    throw new HelperError('config', `there are no Google credentials in '${printable(path)}' (${name})`, {
      hints: [hint],
    });
  };
  // An access token is as good as what it was made from, as long as it lasts.
  const admitted = async (from: SecretUse['from'], source: TokenSource): Promise<TokenSource> => {
    const refusal = await guard.admit({ from, shows: 'secret' });
    return refusal === undefined ? source : { ...nobody(), refusal };
  };
  const kept = async (): Promise<TokenSource | undefined> => {
    const found = await credentials?.find(settings.origin, undefined, { signal: new AbortController().signal });
    return found === undefined ? undefined : await admitted('credential', keptSource(found, settings, transport));
  };
  return openKeychain(async () => {
    if (settings.anonymous) {
      const unset = `dvc remote modify --unset ${remote} allow_anonymous_login`;
      return nobody('this remote is read without signing in (allow_anonymous_login)', unset);
    }
    if (endpoint.barred !== undefined) {
      return nobody(
        endpoint.barred,
        `name it on this machine: dvc remote modify --local ${remote} endpointurl https://...`,
      );
    }
    if (credentialsFile !== undefined) {
      const set = `dvc remote modify --local ${remote} credentialpath <file.json>`;
      return await admitted('options', fromNamed(credentialsFile, 'credentialpath', `name another file: ${set}`));
    }
    // What stands in for the service in tests is not shown who somebody really is.
    if (endpoint.kind === 'emulator')
      return nobody('STORAGE_EMULATOR_HOST names an emulator', 'unset STORAGE_EMULATOR_HOST');
    const own = settings.origin.provider ? undefined : await kept();
    if (own !== undefined) return own;
    const variable = 'GOOGLE_APPLICATION_CREDENTIALS';
    const named = env[variable] ?? '';
    if (named !== '') return await admitted('ambient', fromNamed(named, variable, `check ${variable}`));
    const signIn = 'sign in again: gcloud auth application-default login';
    const gcloud = fromFile(applicationDefault(env, home), 'gcloud', signIn);
    if (gcloud !== undefined) return await admitted('ambient', gcloud);
    const late = settings.origin.provider ? await kept() : undefined;
    if (late !== undefined) return late;
    const machine = endpoint.kind === 'google' ? await findMachine(env) : undefined;
    if (machine !== undefined) return await admitted('ambient', machine);
    return nobody(
      'no Google credentials were found',
      'sign in: gcloud auth application-default login',
      `or name a service account's key: dvc remote modify --local ${remote} credentialpath <key.json>`,
      'or set GOOGLE_APPLICATION_CREDENTIALS',
    );
  });
}

/** A key file's text in one line, as Git's helpers keep it. */
function keptSource({ password }: Kept, { origin }: GsSettings, transport: Transport): TokenSource {
  const name = `what Git's credential helpers keep for ${originUrl(origin)}`;
  const hints = ['see which: git config --show-origin --get-all credential.helper (gitcredentials(7))'];
  // A file that names where its secrets are sent counts only where this machine's own configuration names it.
  const credential = parseCredential(password, { name: `in ${name}`, trusted: false });
  return {
    name: `${describe(credential)} in ${name}`,
    hints,
    quotaProject: projectOf(credential.quotaProject),
    fetch: () => exchange(credential, scopes, transport),
  };
}

const nobody = (...hints: readonly string[]): TokenSource => ({ name: 'nobody', hints, fetch: undefined });

/** What may stand in a header. */
function projectOf(text: string | undefined): string | undefined {
  return text !== undefined && /^[a-z0-9][a-z0-9:.-]*$/i.test(text) ? text : undefined;
}

function describe(credential: Credential): string {
  if (credential.kind === 'service_account') return `those of the service account ${printable(credential.email)}`;
  return credential.kind === 'authorized_user' ? 'those of a user' : `those (${String(credential.json.type)})`;
}

/** Where `gcloud auth application-default login` writes. */
function applicationDefault(env: StorageContext['env'], home: string): string {
  const roaming = env.APPDATA ?? '';
  const folder = env.CLOUDSDK_CONFIG || (roaming === '' ? join(home, '.config', 'gcloud') : join(roaming, 'gcloud'));
  return join(folder, 'application_default_credentials.json');
}

async function findMachine(env: StorageContext['env']): Promise<TokenSource | undefined> {
  let first = await askMetadata(env, scopes);
  if (first === undefined) return undefined;
  return {
    name: 'those of the service account that this machine runs as',
    hints: ["see who it is: gcloud auth list; the machine's access scopes bound what it may do"],
    quotaProject: projectOf(env.GOOGLE_CLOUD_QUOTA_PROJECT),
    async fetch() {
      const token = first ?? (await askMetadata(env, scopes));
      first = undefined;
      if (token !== undefined) return token;
      throw new HelperError('unavailable', "this machine's metadata service gives out no access token any more");
    },
  };
}
