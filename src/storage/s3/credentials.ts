import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { trace } from '../../report/trace.ts';
import type { Guard, SecretUse, StorageContext } from '../remote.ts';
import type { AccessKeys, KeySettings, S3Settings } from './settings.ts';

/** Keys to sign with, and what to tell when they do not open the door. */
export interface Identity {
  /** undefined: anonymous, requests go unsigned. */
  readonly keys: AccessKeys | undefined;
  /** Where they came from, in words for people. */
  readonly source: string;
  readonly hints: readonly string[];
  /** Milliseconds since 1970. */
  readonly expiresMs?: number | undefined;
  /** Why there are no keys although the user has some: they may not be shown here. */
  readonly refusal?: HelperError;
}

/** One lookup for all requests of a storage remote, renewed in time. */
export interface Keychain {
  /** Throws `auth` when there are none to be found. */
  get(): Promise<Identity>;
  /** After the service called `used` expired: true when there is another to try. */
  renew(used: Identity): Promise<boolean>;
}

type Env = Readonly<Record<string, string | undefined>>;

// Renewed this long before the end, so that no request is under way when it comes.
const marginMs = 5 * 60_000;

/** @param patienceMs how long programs and services that make keys may take */
export function openKeychain(
  settings: S3Settings,
  { env, guard }: Pick<StorageContext, 'env' | 'guard'>,
  patienceMs = 120_000,
): Keychain {
  let current: Promise<Identity> | undefined;
  let renewal: Promise<Identity> | undefined;
  const lookup = openLookup(settings, env, guard, patienceMs);
  const refresh = async (used: Identity): Promise<Identity> => {
    renewal ??= lookup(true).finally(() => {
      renewal = undefined;
    });
    const next = await renewal;
    current = Promise.resolve(next);
    trace(() => `storage: access keys from ${next.source} renewed`);
    return next.keys?.id === used.keys?.id && next.keys?.token === used.keys?.token ? used : next;
  };
  return {
    async get() {
      current ??= lookup(false);
      const identity = await current;
      if (identity.expiresMs === undefined || identity.expiresMs - Date.now() > marginMs) return identity;
      try {
        return await refresh(identity);
      } catch (error) {
        if (identity.expiresMs > Date.now()) return identity;
        throw error;
      }
    },
    async renew(used) {
      const now = await current;
      if (now !== undefined && now.keys !== used.keys) return true;
      return (await refresh(used)).keys !== used.keys;
    },
  };
}

/** The order of DVC and botocore: the remote's own keys, the environment, the profile, then whatever takes time. */
function openLookup(
  settings: S3Settings,
  env: Env,
  guard: Guard,
  patienceMs: number,
): (again: boolean) => Promise<Identity> {
  const { keys } = settings;
  const chain = openChain(settings, env, patienceMs);
  const admitted = async (from: SecretUse['from'], identity: Identity): Promise<Identity> => {
    const refusal = await guard.admit({ from, shows: 'proof' });
    return refusal === undefined ? identity : { keys: undefined, source: 'nowhere', hints: [], refusal };
  };
  return async (again) => {
    const { profile } = keys;
    if (keys.explicit !== undefined) {
      return await admitted(keys.explicitFrom, {
        keys: keys.explicit,
        source: `the options of storage remote '${settings.remote}'`,
        hints: [`check them with: dvc config --local --list`],
      });
    }
    if (keys.anonymous) {
      return {
        keys: undefined,
        source: 'nowhere (anonymous)',
        hints: [
          `this remote is read without signing in: dvc remote modify --unset ${settings.remote} allow_anonymous_login`,
        ],
      };
    }
    const [id, secret] = [env.AWS_ACCESS_KEY_ID, env.AWS_SECRET_ACCESS_KEY];
    if (!keys.profileChosen && id && secret) {
      return await admitted('ambient', {
        keys: { id, secret, token: env.AWS_SESSION_TOKEN || undefined },
        source: 'the environment',
        hints: [
          'check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or: aws sts get-caller-identity',
        ],
      });
    }
    const said = profile.settings;
    if (!needsChain(keys) && said.aws_access_key_id && said.aws_secret_access_key && !again) {
      return await admitted('ambient', {
        keys: {
          id: said.aws_access_key_id,
          secret: said.aws_secret_access_key,
          token: said.aws_session_token || undefined,
        },
        ...profileSource(profile.name),
      });
    }
    return await admitted('ambient', await chain(again));
  };
}

const profileSource = (name: string): { source: string; hints: readonly string[] } => ({
  source: `AWS profile '${printable(name)}'`,
  hints: [`see who you are: aws sts get-caller-identity --profile ${printable(name)}`],
});

/** Profiles whose keys are made on demand come before keys that stand in the same section. */
function needsChain(keys: KeySettings): boolean {
  const said = keys.profile.settings;
  return ['role_arn', 'sso_session', 'sso_start_url', 'web_identity_token_file', 'login_session'].some(
    (key) => said[key],
  );
}

/**
 * The AWS SDK's chain, for single sign-on, roles, web identity, processes, containers and instances. Loaded when first
 * needed: it takes a tenth of a second. It only ever sees the user's own files.
 */
function openChain(settings: S3Settings, env: Env, patienceMs: number): (again: boolean) => Promise<Identity> {
  const { keys } = settings;
  const named = keys.profileChosen || keys.profile.name !== 'default';
  let provide: ((options: { forceRefresh: boolean }) => Promise<Provided>) | undefined;
  return async (again) => {
    const said = keys.profile.settings;
    const promising = needsChain(keys) || ['credential_process', 'aws_access_key_id'].some((key) => said[key]);
    const container = [
      'AWS_WEB_IDENTITY_TOKEN_FILE',
      'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
      'AWS_CONTAINER_CREDENTIALS_FULL_URI',
    ];
    const instance = env.AWS_EC2_METADATA_DISABLED?.toLowerCase() !== 'true';
    if (!promising && !instance && !container.some((name) => env[name])) throw noKeys(settings, undefined);
    try {
      if (provide === undefined) {
        const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
        provide = defaultProvider({
          ...(named ? { profile: keys.profile.name } : {}),
          filepath: keys.credentialsFile,
          configFilepath: keys.configFile,
          ...(settings.region === undefined ? {} : { clientConfig: { region: settings.region } }),
          // The metadata service of an instance answers at once or is not there.
          timeout: 1000,
          maxRetries: 0,
          logger: silent,
        });
      }
      const found = await within(patienceMs, provide({ forceRefresh: again }));
      return {
        keys: { id: found.accessKeyId, secret: found.secretAccessKey, token: found.sessionToken },
        ...(named
          ? profileSource(keys.profile.name)
          : { source: "Amazon's credential chain", hints: ['see who you are: aws sts get-caller-identity'] }),
        expiresMs: found.expiration?.getTime(),
      };
    } catch (error) {
      throw noKeys(settings, error);
    }
  };
}

class OutOfPatience extends Error {}

/** A `credential_process` that asks a question gets no answer from us, and would wait for one without end. */
async function within<T>(patienceMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    const error = new OutOfPatience(
      `no answer within ${patienceMs / 1000} s (does 'credential_process' ask something?)`,
    );
    timer = setTimeout(reject, patienceMs, error);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
  }
}

interface Provided {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** The SDK would else print its advice among Git's own lines. */
const silent = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };
function ignore(): void {}

function noKeys(settings: S3Settings, cause: unknown): HelperError {
  const { profile } = settings.keys;
  const name = printable(profile.name);
  const flag = name === 'default' ? '' : ` --profile ${name}`;
  const sso = profile.settings.sso_session ?? profile.settings.sso_start_url;
  const why =
    cause instanceof Error && (cause instanceof OutOfPatience || needsChain(settings.keys))
      ? `: ${printable(cause.message).replace(/\.$/, '')}`
      : '';
  const hints = [
    sso === undefined ? `set them up with: aws configure${flag}` : `sign in with: aws sso login${flag}`,
    'or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
    `or: dvc remote modify --local ${settings.remote} profile <profile>`,
  ];
  const message = `no AWS access keys for storage remote '${settings.remote}' (${settings.displayUrl})${why}`;
  return new HelperError('auth', message, { hints, cause });
}
