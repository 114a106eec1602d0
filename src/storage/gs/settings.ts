import { HelperError } from '../../model/error.ts';
import { createOrigin, type Origin } from '../../model/origin.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { displayUrl, printable } from '../../report/printable.ts';
import { isGoogle } from '../google/credential.ts';
import { mayBePlain } from '../google/transport.ts';
import type { LocateStorage, Surroundings } from '../remote.ts';
import { seconds } from '../wire/seconds.ts';
import { readTrust } from '../wire/trust.ts';

/** Everything that configuration and environment say about one Google Cloud Storage remote. */
export interface GsSettings {
  readonly remote: string;
  readonly displayUrl: string;
  readonly bucket: string;
  /** What stands before every key: '' or `prefix/`. */
  readonly prefix: string;
  readonly endpoint: Endpoint;
  readonly origin: Origin;
  readonly secure: boolean;
  /** PEM of the authorities to trust in place of the system's. */
  readonly ca: string | undefined;
  readonly verifyTls: boolean;
  readonly connectMs: number;
  /** Without one byte in either direction for so long, a request is given up. */
  readonly stallMs: number;
  readonly anonymous: boolean;
  /** A file of the user's own that the storage remote names. */
  readonly credentialsFile: string | undefined;
}

export interface Endpoint {
  /** For messages. */
  readonly url: string;
  /** With the port where it is not the scheme's own. */
  readonly host: string;
  /** Of the URL, without the slash at its end. */
  readonly path: string;
  /** `google` itself; an `emulator` that the environment names; `other`: an option names it. */
  readonly kind: 'google' | 'emulator' | 'other';
  /** Why no access token may be shown there, in words for people; undefined: it may. */
  readonly barred: string | undefined;
}

const serviceUrl = 'https://storage.googleapis.com';

/** Reads what the options name (a file of authorities). Throws `config` for what cannot be. */
export function readGsSettings(config: StorageConfig, context: Surroundings): GsSettings {
  const { options, committed } = config;
  const fail = (text: string, ...hints: string[]): HelperError =>
    new HelperError('config', `storage remote '${printable(config.name)}': ${text}`, { hints });
  const { endpoint, secure } = readEndpoint(config, context.env, fail);
  const { bucket, prefix } = parseUrl(config.url, fail);
  return {
    remote: printable(config.name),
    displayUrl: displayUrl(config.url),
    bucket,
    prefix,
    endpoint,
    origin: originOf(config, bucket, endpoint, secure),
    secure,
    ...readTrust(config, context),
    // DVC knows no limits for this kind of storage.
    connectMs: seconds(options.connect_timeout, 20),
    stallMs: seconds(options.read_timeout, 60),
    anonymous: options.allow_anonymous_login?.toLowerCase() === 'true',
    // A path that came with the repository is never opened: it could name any file.
    credentialsFile: committed.has('credentialpath') ? undefined : options.credentialpath || undefined,
  };
}

/** Where a storage remote on Google Cloud is. Reads what `readGsSettings` reads, and throws as it does. */
export const locateGs: LocateStorage = (config, surroundings) => readGsSettings(config, surroundings).origin;

function originOf({ committed }: StorageConfig, bucket: string, endpoint: Endpoint, secure: boolean): Origin {
  const { kind, host, path } = endpoint;
  const named = kind === 'google' ? 'url' : 'endpointurl';
  const namedBy = kind !== 'emulator' && committed.has(named) ? 'repository' : 'user';
  const provider = kind === 'google' && secure;
  return createOrigin(secure ? 'https' : 'http', host, `${path}/${bucket}`, { provider, namedBy });
}

type Fail = (text: string, ...hints: string[]) => HelperError;

// Google's rules for names, without those about length, and nothing that would change the path of a URL.
const bucketPattern = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/;

function parseUrl(url: string, fail: Fail): { bucket: string; prefix: string } {
  const [, bucket = '', rest = ''] = /^gs:\/\/([^/]*)\/?(.*)$/is.exec(url) ?? [];
  // Shown as a URL, which hides what may be a secret in front of the bucket.
  if (!bucketPattern.test(bucket)) throw fail(`'${displayUrl(url)}' names no bucket`, "write 'gs://bucket/prefix'");
  const prefix = rest.replace(/\/+$/, '');
  return { bucket, prefix: prefix === '' ? '' : `${prefix}/` };
}

/** The option, then the emulator of the environment as Google's libraries have it, then Google itself. */
function readEndpoint(
  { options }: StorageConfig,
  env: Surroundings['env'],
  fail: Fail,
): { endpoint: Endpoint; secure: boolean } {
  const named = options.endpointurl || undefined;
  const variable = env.STORAGE_EMULATOR_HOST === 'default' ? '' : (env.STORAGE_EMULATOR_HOST ?? '');
  const emulator = variable === '' || variable.includes('://') ? variable : `http://${variable}`;
  const text = named ?? (emulator || serviceUrl);
  const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '' || url.search !== '') {
    const where = named === undefined ? ' (STORAGE_EMULATOR_HOST)' : '';
    throw fail(`'${displayUrl(text)}'${where} is no endpoint URL`, "write 'https://host' or 'https://host:port'");
  }
  const secure = url.protocol === 'https:';
  const google = isGoogle(url);
  const endpoint = {
    url: printable(url.origin),
    host: url.host,
    path: url.pathname.replace(/\/+$/, ''),
    kind: google ? 'google' : named === undefined ? 'emulator' : 'other',
    barred: google ? undefined : barrier(url),
  } as const;
  return { endpoint, secure };
}

/** A token opens everything it is good for to whoever reads it. */
function barrier(url: URL): string | undefined {
  if (url.protocol === 'http:' && !mayBePlain(url.hostname))
    return 'the endpoint is not encrypted, so it is shown no credentials';
  return undefined;
}
