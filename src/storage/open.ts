import { HelperError } from '../model/error.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { printable } from '../report/printable.ts';
import type { OpenStorage, Storage, StorageContext } from './remote.ts';
import { withRetries } from './retry.ts';

interface Backend {
  load(): Promise<OpenStorage>;
  /** False where an error is not of the passing kind. */
  readonly retried: boolean;
}

/** Scheme → backend, loaded when first needed: a helper that moves no data pays for none. */
const backends: Readonly<Record<string, Backend>> = {
  local: { load: async () => (await import('./local.ts')).openLocalStorage, retried: false },
  s3: { load: async () => (await import('./s3/storage.ts')).openS3Storage, retried: true },
  gs: { load: async () => (await import('./gs/storage.ts')).openGsStorage, retried: true },
  azure: { load: async () => (await import('./azure/storage.ts')).openAzureStorage, retried: true },
  ssh: { load: async () => (await import('./ssh/storage.ts')).openSshStorage, retried: true },
  http: { load: async () => (await import('./http/storage.ts')).openHttpStorage, retried: true },
  https: { load: async () => (await import('./http/storage.ts')).openHttpStorage, retried: true },
  webdav: { load: async () => (await import('./webdav/storage.ts')).openWebdavStorage, retried: true },
  gdrive: { load: async () => (await import('./gdrive/storage.ts')).openDriveStorage, retried: true },
  webdavs: { load: async () => (await import('./webdav/storage.ts')).openWebdavStorage, retried: true },
};

/** Storage of DVC that this program knows by name and cannot speak to. */
const unsupported = 'oss hdfs webhdfs'.split(' ');

/**
 * Opens the storage remote, with retries. Asks the service nothing: the first verb meets the first error.
 * Throws `unsupported` for a scheme or a layout we do not speak, `config` for a URL or an option that cannot be.
 */
export async function openStorage(config: StorageConfig, context: StorageContext): Promise<Storage> {
  if (config.url === '') {
    throw new HelperError('config', `storage remote '${printable(config.name)}' has no URL`, {
      hints: [`set one with: dvc remote modify ${printable(config.name)} url <url>`],
    });
  }
  const backend = Object.hasOwn(backends, config.scheme) ? backends[config.scheme] : undefined;
  if (backend === undefined) throw unknownScheme(config);
  const open = await backend.load();
  const storage = await open(config, context);
  return backend.retried ? withRetries(storage, context.retry) : storage;
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
