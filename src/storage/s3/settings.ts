import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { HelperError } from '../../model/error.ts';
import type { Origin } from '../../model/origin.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { displayUrl, printable } from '../../report/printable.ts';
import type { LocateStorage, Surroundings } from '../remote.ts';
import { seconds } from '../wire/seconds.ts';
import { readTrust } from '../wire/trust.ts';
import { type Endpoint, originOf } from './origin.ts';
import { type Profile, readProfile, type Section } from './profile.ts';

export type Headers = readonly (readonly [name: string, value: string])[];

/** Everything that configuration, environment and the AWS profile say about one S3 storage remote. */
export interface S3Settings {
  readonly remote: string;
  readonly displayUrl: string;
  readonly bucket: string;
  /** What stands before every key: '' or `prefix/`. */
  readonly prefix: string;
  /** undefined: Amazon's own, by region. */
  readonly endpoint: Endpoint | undefined;
  readonly origin: Origin;
  readonly secure: boolean;
  readonly region: string | undefined;
  readonly virtualHost: boolean;
  /** PEM of the authorities to trust in place of the system's. */
  readonly ca: string | undefined;
  readonly verifyTls: boolean;
  readonly connectMs: number;
  /** Without one byte in either direction for so long, a request is given up. */
  readonly stallMs: number;
  /** How many small requests at once. */
  readonly concurrency: number;
  /** Sent with every request that touches the bytes of an object (the customer's own key). */
  readonly objectHeaders: Headers;
  /** Sent when an object is made (encryption, access). */
  readonly createHeaders: Headers;
  readonly keys: KeySettings;
}

/** Where access keys may come from. */
export interface KeySettings {
  readonly explicit: AccessKeys | undefined;
  /** Who set `explicit`. */
  readonly explicitFrom: 'repository' | 'options';
  /** `access_key_id` without its secret: which key is to be looked for. */
  readonly idHint: string | undefined;
  readonly anonymous: boolean;
  readonly profile: Profile;
  /** Named by the storage remote itself: then keys in the environment are not meant. */
  readonly profileChosen: boolean;
  readonly configFile: string;
  readonly credentialsFile: string;
}

export interface AccessKeys {
  readonly id: string;
  readonly secret: string;
  readonly token?: string | undefined;
}

// What may become part of a host name that we send a signature to.
const regionPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;
const bucketPattern = /^[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?$/i;

export function isRegion(text: string | undefined): text is string {
  return text !== undefined && regionPattern.test(text);
}

/** Reads what the options name (profile, CA file). Throws `config` for what cannot be. */
export function readS3Settings(config: StorageConfig, context: Surroundings): S3Settings {
  const { options } = config;
  const env = (name: string): string | undefined => (context.env[name] === '' ? undefined : context.env[name]);
  const fail = fault(config);
  const { bucket, prefix } = parseUrl(config.url, fail);
  const files = profileFiles(config, context);
  const chosen = options.profile;
  const profileName = chosen ?? env('AWS_PROFILE') ?? env('AWS_DEFAULT_PROFILE') ?? 'default';
  const profile = readProfile(profileName, files.configFile, files.credentialsFile);
  if (!profile.found && profileName !== 'default') {
    throw new HelperError(
      'config',
      `storage remote '${printable(config.name)}': no AWS profile '${printable(profileName)}'`,
      {
        hints: [`set it up with: aws configure --profile ${printable(profileName)}`],
      },
    );
  }
  const said = profile.settings;
  const ambient = ambientEndpoints(env, said, fail);
  const endpoint = options.endpointurl === undefined ? ambient[0] : parseEndpoint(options.endpointurl, fail);
  const region = options.region ?? env('AWS_REGION') ?? env('AWS_DEFAULT_REGION') ?? said.region;
  if (region !== undefined && !isRegion(region)) throw fail(`'${printable(region)}' is not a region`);
  const secure = endpoint?.secure ?? options.use_ssl?.toLowerCase() !== 'false';
  const style = said['s3.addressing_style'] ?? 'auto';
  const nameable = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/.test(bucket);
  const explicit = readExplicit(options, fail);
  return {
    remote: printable(config.name),
    displayUrl: displayUrl(config.url),
    bucket,
    prefix,
    endpoint,
    origin: originOf(config, bucket, endpoint, ambient, { secure, region, account: accountOf(options, env, profile) }),
    secure,
    region,
    // A dot in the bucket's name would leave the reach of a wildcard certificate.
    virtualHost: style === 'virtual' || (style === 'auto' && endpoint === undefined && nameable),
    ...readTrust(config, context, { name: 'AWS_CA_BUNDLE', path: env('AWS_CA_BUNDLE') ?? said.ca_bundle }),
    connectMs: seconds(options.connect_timeout, 20),
    stallMs: seconds(options.read_timeout, 60),
    concurrency: Math.min(256, Number(/^[1-9]\d*$/.exec(said['s3.max_concurrent_requests'] ?? '')?.[0] ?? 128)),
    objectHeaders: customerKey(options, fail),
    createHeaders: createHeaders(options, fail),
    keys: {
      explicit,
      explicitFrom: ['access_key_id', 'secret_access_key'].every((key) => config.committed.has(key))
        ? 'repository'
        : 'options',
      idHint: explicit === undefined ? options.access_key_id : undefined,
      anonymous: options.allow_anonymous_login?.toLowerCase() === 'true',
      profile,
      profileChosen: chosen !== undefined,
      ...files,
    },
  };
}

/** Where a storage remote on S3 is. Reads what `readS3Settings` reads, and throws as it does. */
export const locateS3: LocateStorage = (config, context) => readS3Settings(config, context).origin;

type Fault = (text: string, ...hints: string[]) => HelperError;
const fault =
  (config: StorageConfig): Fault =>
  (text, ...hints) =>
    new HelperError('config', `storage remote '${printable(config.name)}': ${text}`, { hints });

function parseUrl(url: string, fail: Fault): { bucket: string; prefix: string } {
  const [, bucket = '', rest = ''] = /^s3:\/\/([^/]*)\/?(.*)$/is.exec(url) ?? [];
  if (bucket === '') throw fail(`'${displayUrl(url)}' names no bucket`, "write 's3://bucket/prefix'");
  // Shown as a URL, which hides what may be a secret in front of the bucket.
  if (!bucketPattern.test(bucket))
    throw fail(`'${displayUrl(url)}' names no possible bucket`, "write 's3://bucket/prefix'");
  const prefix = rest.replace(/\/+$/, '');
  return { bucket, prefix: prefix === '' ? '' : `${prefix}/` };
}

/** The user's own files. A path that came with the repository is never opened: it could name any file's parser. */
function profileFiles(config: StorageConfig, context: Surroundings): { configFile: string; credentialsFile: string } {
  const own = (key: string): string | undefined => (config.committed.has(key) ? undefined : config.options[key]);
  // DVC sets the variables from the options only where they are unset, so the environment comes first.
  return {
    configFile: context.env.AWS_CONFIG_FILE || own('configpath') || join(context.home, '.aws', 'config'),
    credentialsFile:
      context.env.AWS_SHARED_CREDENTIALS_FILE || own('credentialpath') || join(context.home, '.aws', 'credentials'),
  };
}

/** Those that the user's environment and profile name, the one that counts first. */
function ambientEndpoints(
  env: (name: string) => string | undefined,
  profile: Section,
  fail: Fault,
): readonly Endpoint[] {
  if ((env('AWS_IGNORE_CONFIGURED_ENDPOINT_URLS') ?? profile.ignore_configured_endpoint_urls) === 'true') return [];
  const texts = [env('AWS_ENDPOINT_URL_S3'), env('AWS_ENDPOINT_URL'), profile['s3.endpoint_url'], profile.endpoint_url];
  return texts.flatMap((text) => (text === undefined ? [] : [parseEndpoint(text, fail)]));
}

function parseEndpoint(text: string, fail: Fault): Endpoint {
  const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.username !== '' || url.password !== '' || url.search !== '') {
    throw fail(`'${displayUrl(text)}' is no endpoint URL`, "write 'https://host' or 'https://host:port'");
  }
  return { secure: url.protocol === 'https:', host: url.host, path: url.pathname.replace(/\/+$/, '') };
}

function readExplicit(options: Section, fail: Fault): AccessKeys | undefined {
  const [id, secret] = [options.access_key_id, options.secret_access_key];
  if (secret === undefined) return undefined;
  if (id === undefined) throw fail("'secret_access_key' is set and 'access_key_id' is not");
  return { id, secret, token: options.session_token };
}

/** The key that will sign, or the profile that gives one on demand. */
function accountOf(options: Section, env: (name: string) => string | undefined, profile: Profile): string {
  const ambient = options.profile === undefined ? env('AWS_ACCESS_KEY_ID') : undefined;
  return options.access_key_id ?? ambient ?? profile.settings.aws_access_key_id ?? profile.name;
}

function customerKey(options: Section, fail: Fault): Headers {
  const key = options.sse_customer_key;
  if (key === undefined) return [];
  if (options.sse_kms_key_id !== undefined) throw fail("'sse_customer_key' and 'sse_kms_key_id' exclude each other");
  const raw = Buffer.from(key, 'base64');
  const name = 'x-amz-server-side-encryption-customer-';
  return [
    [`${name}algorithm`, options.sse_customer_algorithm ?? 'AES256'],
    [`${name}key`, raw.toString('base64')],
    [`${name}key-md5`, createHash('md5').update(raw).digest('base64')],
  ];
}

const creation: readonly (readonly [option: string, header: string])[] = [
  ['sse', 'x-amz-server-side-encryption'],
  ['sse_kms_key_id', 'x-amz-server-side-encryption-aws-kms-key-id'],
  ['acl', 'x-amz-acl'],
  ['grant_read', 'x-amz-grant-read'],
  ['grant_read_acp', 'x-amz-grant-read-acp'],
  ['grant_write_acp', 'x-amz-grant-write-acp'],
  ['grant_full_control', 'x-amz-grant-full-control'],
];

function createHeaders(options: Section, fail: Fault): Headers {
  const grants = Object.keys(options).some((key) => key.startsWith('grant_'));
  if (grants && options.acl !== undefined) throw fail("'acl' and 'grant_...' exclude each other");
  return creation.flatMap(([option, header]) => {
    const value = options[option];
    if (value === undefined || value === '') return [];
    if (!/^[\x20-\x7e]+$/.test(value)) throw fail(`the value of '${option}' cannot be sent`);
    return [[header, value.trim()] as const];
  });
}
