import { HelperError } from '../model/error.ts';
import { isPossibleHost, type Origin } from '../model/origin.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { printable } from '../report/printable.ts';
import type {
  Credential,
  CredentialPlace,
  Judge,
  LocateStorage,
  OpenStorage,
  Storage,
  StorageContext,
  Surroundings,
} from './remote.ts';
import { withRetries } from './retry.ts';

interface Backend {
  load(): Promise<OpenStorage>;
  /** Apart from the backend, so that asking where something is costs no client library. */
  locate(): Promise<LocateStorage>;
  /** False where an error is not of the passing kind. */
  readonly retried: boolean;
}

/** Scheme → backend, loaded when first needed: a helper that moves no data pays for none. */
const backends: Readonly<Record<string, Backend>> = {
  local: {
    load: async () => (await import('./local/storage.ts')).openLocalStorage,
    locate: async () => (await import('./local/storage.ts')).locateLocal,
    retried: false,
  },
  s3: {
    load: async () => (await import('./s3/storage.ts')).openS3Storage,
    locate: async () => (await import('./s3/settings.ts')).locateS3,
    retried: true,
  },
  gs: {
    load: async () => (await import('./gs/storage.ts')).openGsStorage,
    locate: async () => (await import('./gs/settings.ts')).locateGs,
    retried: true,
  },
  azure: {
    load: async () => (await import('./azure/storage.ts')).openAzureStorage,
    locate: async () => (await import('./azure/settings.ts')).locateAzure,
    retried: true,
  },
  ssh: {
    load: async () => (await import('./ssh/storage.ts')).openSshStorage,
    locate: async () => (await import('./ssh/settings.ts')).locateSsh,
    retried: true,
  },
  http: { load: async () => (await import('./http/storage.ts')).openHttpStorage, locate: locateWeb, retried: true },
  https: { load: async () => (await import('./http/storage.ts')).openHttpStorage, locate: locateWeb, retried: true },
  webdav: {
    load: async () => (await import('./webdav/storage.ts')).openWebdavStorage,
    locate: locateWeb,
    retried: true,
  },
  gdrive: {
    load: async () => (await import('./gdrive/storage.ts')).openDriveStorage,
    locate: async () => (await import('./gdrive/settings.ts')).locateDrive,
    retried: true,
  },
  webdavs: {
    load: async () => (await import('./webdav/storage.ts')).openWebdavStorage,
    locate: locateWeb,
    retried: true,
  },
};

async function locateWeb(): Promise<LocateStorage> {
  return (await import('./http/settings.ts')).locateHttp;
}

/** Storage of DVC that this program knows by name and cannot speak to. */
const unsupported = 'oss hdfs webhdfs'.split(' ');

/** What opening takes: a judge, who gives every storage remote the guard of its secrets. */
export interface OpenContext extends Omit<StorageContext, 'guard'> {
  readonly judge: Judge;
}

/**
 * Opens the storage remote, with retries, once the judge lets it. Asks the service nothing: the first verb meets the
 * first error. Throws `unsupported` for a scheme or a layout we do not speak, `config` for a URL or an option that
 * cannot be, `trust` where nothing may go.
 */
export async function openStorage(config: StorageConfig, context: OpenContext): Promise<Storage> {
  const { backend, origin } = await locate(config, context);
  const guard = await context.judge.guardFor(config, origin);
  const open = await backend.load();
  const storage = await open(config, { ...context, guard });
  return backend.retried ? withRetries(storage, context.retry) : storage;
}

/** Where a storage remote is; asks nobody. Throws as `openStorage` does for what cannot be. */
export async function locateStorage(config: StorageConfig, context: Surroundings): Promise<Origin> {
  return (await locate(config, context)).origin;
}

/** What a person has signed in for, to be kept by Git. */
export interface SignedIn {
  readonly place: CredentialPlace;
  readonly credential: Credential;
}

/**
 * Has a person sign in with the service in a browser. Throws `unsupported` for storage that knows no such way, `config`
 * without what it takes, `auth` when the person or the service says no.
 *
 * @param show told the address to open
 */
export async function signIn(
  config: StorageConfig,
  surroundings: Surroundings,
  options: { readonly show: (url: string) => void; readonly signal: AbortSignal },
): Promise<SignedIn> {
  if (config.scheme !== 'gdrive') {
    throw new HelperError(
      'unsupported',
      `there is no signing in to storage of the kind '${printable(config.scheme)}'`,
      {
        hints: ['keys and passwords are asked for when they are needed'],
      },
    );
  }
  const { signInToDrive } = await import('./gdrive/sign-in.ts');
  const { tokenPlace, tokenUser } = await import('./gdrive/kept-token.ts');
  const { clientId, refreshToken } = await signInToDrive(config, surroundings, options);
  return { place: tokenPlace(clientId), credential: { username: tokenUser(config), password: refreshToken } };
}

async function locate(
  config: StorageConfig,
  context: Surroundings,
): Promise<{ readonly backend: Backend; readonly origin: Origin }> {
  if (config.url === '') {
    throw new HelperError('config', `storage remote '${printable(config.name)}' has no URL`, {
      hints: [`set one with: dvc remote modify ${printable(config.name)} url <url>`],
    });
  }
  const backend = Object.hasOwn(backends, config.scheme) ? backends[config.scheme] : undefined;
  if (backend === undefined) throw unknownScheme(config);
  const originOf = await backend.locate();
  const origin = originOf(config, context);
  if (origin.protocol !== 'file' && !isPossibleHost(origin)) {
    const text = `storage remote '${printable(config.name)}': '${printable(origin.host)}' can be no host`;
    throw new HelperError('config', text, { hints: [`see its URL: dvc remote list`] });
  }
  return { backend, origin };
}

function unknownScheme(config: StorageConfig): HelperError {
  const remote = `storage remote '${printable(config.name)}'`;
  if (config.scheme === 'file') {
    return new HelperError('config', `${remote}: DVC takes 'file://' for a relative path`, {
      hints: [`name the directory: dvc remote modify ${printable(config.name)} url /path/to/storage`],
    });
  }
  const scheme = printable(config.scheme);
  const why = unsupported.includes(config.scheme) ? 'is not supported yet' : 'is unknown';
  return new HelperError('unsupported', `${remote}: storage of the kind '${scheme}' ${why}`, {
    hints: [
      "let DVC move the data: 'dvc push', then 'git push -o dvcexp.no-cache'; 'git fetch', then 'dvc pull'",
      "or keep it in another storage remote ('git config dvcexp.remote <name>'): a directory, s3://, gs://, azure://, " +
        'ssh://, webdav(s)://, http(s)://, gdrive://',
    ],
  });
}
