import { join } from 'node:path';
import { isInside } from './config-paths.ts';

/** `unused`: DVC knows it, nothing here asks for it, so it is neither checked nor passed on. */
type OptionKind = 'text' | 'boolean' | 'number' | 'path' | 'unused';

/**
 * How far a value counts that came with the repository, so from a stranger: the value to use, brought within bounds
 * where it has some, or undefined to ignore it. Paths are absolute by then.
 */
type Judge = (value: string, home: string) => string | undefined;

export interface Option {
  readonly kind: OptionKind;
  readonly committed: Judge;
}

const honoured: Judge = (value) => value;
// May run a command, name another file, weaken the connection, publish or redirect the data.
const refused: Judge = () => undefined;
const only =
  (...allowed: string[]): Judge =>
  (value) =>
    allowed.includes(value.toLowerCase()) ? value : undefined;
const within =
  (least: number, most: number): Judge =>
  (value) =>
    Number.isFinite(Number(value)) ? String(Math.min(Math.max(Number(value), least), most)) : value;
// A key file there is offered to servers anyway, and only a signature leaves the machine.
const inSshDirectory: Judge = (value, home) => (isInside(value, join(home, '.ssh')) ? value : undefined);

const seconds: Option = { kind: 'number', committed: within(1, 600) };

/** Good only for the place that was committed beside them, see `placeKeys`. */
const secrets = [
  ...['password', 'passphrase', 'access_key_id', 'secret_access_key', 'session_token', 'account_key', 'sas_token'],
  ...['connection_string', 'token', 'custom_auth_header', 'client_secret', 'gdrive_client_secret'],
  ...['oss_key_id', 'oss_key_secret'],
];
export const secretKeys: ReadonlySet<string> = new Set(secrets);

/** What says where a storage remote is. */
export const placeKeys = ['url', 'endpointurl', 'oss_endpoint', 'connection_string', 'account_name', 'port'] as const;

/** Keys by kind, for those whose committed value counts as it is. */
const plain: Readonly<Record<'text' | 'boolean' | 'number' | 'unused', readonly string[]>> = {
  text: [
    ...['url', 'region', 'endpointurl', 'oss_endpoint', 'profile', 'projectname', 'account_name', 'user', 'auth'],
    ...['gdrive_client_id', 'gdrive_service_account_user_email', 'sse', 'sse_kms_key_id', 'sse_customer_algorithm'],
    ...['tenant_id', 'client_id', 'shared'],
    ...secrets,
  ],
  boolean: [
    ...['version_aware', 'worktree', 'verify', 'allow_anonymous_login', 'gdrive_use_service_account'],
    ...['gdrive_trash_only', 'gdrive_acknowledge_abuse', 'ask_password', 'ask_passphrase', 'allow_agent', 'gss_auth'],
    ...['exclude_environment_credential', 'exclude_visual_studio_code_credential'],
    ...['exclude_shared_token_cache_credential', 'exclude_managed_identity_credential'],
  ],
  number: ['port'],
  unused: ['type', 'slow_link_warning', 'protected', 'no_traverse', 'listobjects', 'cache_regions'],
};

const special: readonly (readonly [string, Option])[] = [
  ['use_ssl', { kind: 'boolean', committed: only('true') }],
  // A boolean or the path of a CA bundle, which DVC does not resolve.
  ['ssl_verify', { kind: 'text', committed: only('true') }],
  ['method', { kind: 'text', committed: only('put', 'post', 'patch') }],
  ['jobs', { kind: 'number', committed: within(1, 256) }],
  ['checksum_jobs', { kind: 'number', committed: within(1, 256) }],
  ['max_sessions', { kind: 'number', committed: within(1, 16) }],
  ['timeout', seconds],
  ['read_timeout', seconds],
  ['connect_timeout', seconds],
  ['connection_timeout', seconds],
  ['keyfile', { kind: 'path', committed: inSshDirectory }],
  ...refusedOptions('path', [
    ...['configpath', 'credentialpath', 'cert_path', 'key_path', 'gdrive_user_credentials_file'],
    'gdrive_service_account_json_file_path',
  ]),
  ...refusedOptions('text', [
    ...['bearer_token_command', 'acl', 'grant_read', 'grant_read_acp', 'grant_write_acp', 'grant_full_control'],
    ...['sse_customer_key', 'proxy_to', 'data_proxy_target', 'kerb_ticket', 'kerberos_principal', 'replication'],
  ]),
  ...refusedOptions('boolean', ['kerberos', 'use_https']),
];

function refusedOptions(kind: OptionKind, keys: readonly string[]): readonly (readonly [string, Option])[] {
  return keys.map((key) => [key, { kind, committed: refused }]);
}

/** Every option of a storage remote that DVC knows, whatever its type of storage. */
export const remoteOptions: ReadonlyMap<string, Option> = new Map([
  ...Object.entries(plain).flatMap(([kind, keys]) =>
    keys.map((key): readonly [string, Option] => [key, { kind: kind as OptionKind, committed: honoured }]),
  ),
  ...special,
]);

/** Keys of other sections that DVC knows; undefined: nothing here looks into such a section. */
export const sectionKeys: ReadonlyMap<string, ReadonlySet<string> | undefined> = new Map([
  [
    'core',
    new Set([
      ...['remote', 'checksum_jobs', 'interactive', 'analytics', 'hardlink_lock', 'no_scm', 'autostage'],
      ...['experiments', 'check_update', 'site_cache_dir', 'machine'],
    ]),
  ],
  [
    'cache',
    new Set([
      ...['dir', 'type', 'shared', 'protected', 'slow_link_warning', 'verify', 'local', 's3', 'gs', 'hdfs', 'webhdfs'],
      ...['ssh', 'azure'],
    ]),
  ],
  ...['state', 'index', 'feature', 'plots', 'exp', 'parsing', 'hydra', 'studio'].map((name): [string, undefined] => [
    name,
    undefined,
  ]),
]);
