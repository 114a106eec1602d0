import { HelperError } from '../../model/error.ts';
import { parseKeptKey } from '../../model/kept-secret.ts';
import type { Operation } from '../../model/operation.ts';
import { originUrl } from '../../model/origin.ts';
import { conceal } from '../../report/conceal.ts';
import { printable } from '../../report/printable.ts';
import type { Credential, SecretUse, StorageContext } from '../remote.ts';
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
  /** There are no keys: what is to be said when nobody is let in without. */
  readonly lacking?: HelperError;
  /** What Git keeps, when that is where the keys come from. */
  readonly credential?: Credential;
}

/** What keys are looked for with. */
export type LookupContext = Pick<StorageContext, 'env' | 'guard' | 'credentials'>;

type Env = StorageContext['env'];

/**
 * Finds keys in the order of DVC and botocore: the remote's own, the environment, the profile, then whatever takes time.
 * What Git keeps for the origin comes before the guesses of the environment where the service is not Amazon's, and
 * before what takes time where it is.
 */
export function openLookup(
  settings: S3Settings,
  { env, guard, credentials }: LookupContext,
  patienceMs: number,
): (again: boolean, operation: Operation) => Promise<Identity> {
  const { keys, origin } = settings;
  const chain = openChain(settings, env, patienceMs);
  const admitted = async (from: SecretUse['from'], identity: Identity): Promise<Identity> => {
    conceal(identity.keys?.secret, identity.keys?.token);
    const refusal = await guard.admit({ from, shows: 'proof' });
    return refusal === undefined ? identity : { keys: undefined, source: 'nowhere', hints: [], refusal };
  };
  const kept = async (operation: Operation): Promise<Identity | undefined> => {
    const found = await credentials?.find(origin, keys.idHint, operation);
    return found === undefined ? undefined : await admitted('credential', keptIdentity(found, settings));
  };
  const nobody = (lacking: HelperError): Identity => {
    if (credentials?.canAsk !== true) throw lacking;
    // The service may want none; if it does, the user is asked.
    return { keys: undefined, source: 'nowhere', hints: [], lacking };
  };
  return async (again, operation) => {
    if (keys.explicit !== undefined)
      return await admitted(keys.explicitFrom, explicitIdentity(keys.explicit, settings));
    if (keys.anonymous) return anonymousIdentity(settings);
    if (keys.idHint !== undefined) return (await kept(operation)) ?? nobody(noSecret(settings));
    const own = origin.provider ? undefined : await kept(operation);
    if (own !== undefined) return own;
    const cheap = environmentIdentity(keys, env) ?? (again ? undefined : profileIdentity(keys));
    if (cheap !== undefined) return await admitted('ambient', cheap);
    const late = origin.provider ? await kept(operation) : undefined;
    if (late !== undefined) return late;
    let slow: Identity;
    try {
      slow = await chain(again);
    } catch (error) {
      if (!(error instanceof HelperError) || error.code !== 'auth') throw error;
      return nobody(error);
    }
    return await admitted('ambient', slow);
  };
}

function explicitIdentity(keys: AccessKeys, { remote }: S3Settings): Identity {
  return {
    keys,
    source: `the options of storage remote '${remote}'`,
    hints: [`check them with: dvc config --local --list`],
  };
}

function anonymousIdentity({ remote }: S3Settings): Identity {
  const unset = `dvc remote modify --unset ${remote} allow_anonymous_login`;
  return {
    keys: undefined,
    source: 'nowhere (anonymous)',
    hints: [`this remote is read without signing in: ${unset}`],
  };
}

function environmentIdentity(keys: KeySettings, env: Env): Identity | undefined {
  const [id, secret] = [env.AWS_ACCESS_KEY_ID, env.AWS_SECRET_ACCESS_KEY];
  if (keys.profileChosen || !id || !secret) return undefined;
  return {
    keys: { id, secret, token: env.AWS_SESSION_TOKEN || undefined },
    source: 'the environment',
    hints: ['check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or: aws sts get-caller-identity'],
  };
}

function profileIdentity(keys: KeySettings): Identity | undefined {
  const { name, settings: said } = keys.profile;
  if (needsChain(keys) || !said.aws_access_key_id || !said.aws_secret_access_key) return undefined;
  return {
    keys: {
      id: said.aws_access_key_id,
      secret: said.aws_secret_access_key,
      token: said.aws_session_token || undefined,
    },
    ...profileSource(name),
  };
}

/** Keys that Git's helpers keep. A session token goes with the secret as JSON: Git knows two fields only. */
export function keptIdentity(credential: Credential, { origin }: S3Settings): Identity {
  const { username: id, password } = credential;
  return {
    keys: { id, ...parseKeptKey(password) },
    source: `Git's credential helpers (${originUrl(origin)})`,
    hints: ['see which: git config --show-origin --get-all credential.helper (gitcredentials(7))'],
    credential,
  };
}

function noSecret({ remote, displayUrl }: S3Settings): HelperError {
  const text = `storage remote '${remote}' (${displayUrl}): 'access_key_id' is set, and there is no secret key for it`;
  return new HelperError('auth', text, {
    hints: [
      `dvc remote modify --local ${remote} secret_access_key <secret>`,
      'or have Git keep it: git config credential.helper store, or a better one, and push again in a terminal',
    ],
  });
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
