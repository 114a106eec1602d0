import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireRemote } from '../dvc/config.ts';
import { parseConfigObj } from '../dvc/configobj.ts';
import { runGit } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import type { Origin } from '../model/origin.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { printable } from '../report/printable.ts';
import { locateStorage } from '../storage/open.ts';
import type { Surroundings } from '../storage/remote.ts';
import { type GitCredentials, openCredentials } from '../trust/credentials.ts';
import { formsOf, type SecretForm } from '../trust/forms.ts';
import type { CommandContext } from './context.ts';
import { projectAround, workTreeConfig } from './dvc-settings.ts';
import { type CommandRepository, requireRepository } from './repository.ts';

/** What `git dvcexp credential` was told. */
export interface CredentialOptions {
  readonly action: string;
  /** Storage remote; undefined: for `import` and `check` all of them, else the default one. */
  readonly storage: string | undefined;
  /** Do not ask. */
  readonly yes: boolean;
  /** Of `check` alone. */
  readonly json: boolean;
}

/** One storage remote with the forms that its secrets have. */
export interface SecretHolder {
  readonly config: StorageConfig;
  readonly origin: Origin;
  readonly forms: readonly SecretForm[];
}

/** Where secrets of one DVC project are: Git's helpers, and `config.local`. */
export interface SecretStore {
  readonly repository: CommandRepository;
  readonly surroundings: Surroundings;
  /** `.dvc/config.local`, which need not be there. */
  readonly localPath: string;
  /** '' when it is not there. */
  readonly localText: string;
  /** Asks Git's helpers, and nobody else. */
  readonly credentials: GitCredentials;
  /** Those that are named, all when none is, without those that cannot be located. */
  holders(name: string | undefined): Promise<readonly SecretHolder[]>;
  /** The one that is named, or the default one. Throws `usage` and `config`. */
  holder(name: string | undefined): Promise<SecretHolder>;
  /** Keys of a storage remote that stand in `config.local` itself. */
  localKeys(name: string): ReadonlySet<string>;
}

export async function openSecretStore(context: CommandContext, operation: Operation): Promise<SecretStore> {
  const repository = await requireRepository(context, operation);
  const config = await workTreeConfig(repository, context);
  const root = projectAround(repository);
  const { workTree } = repository.location;
  if (config === undefined || root === undefined || workTree === undefined) {
    throw new HelperError('usage', 'there is no DVC project here');
  }
  const { get } = repository.configuration;
  const surroundings = { env: context.env, home: context.home, configuration: get };
  const localPath = join(workTree, root, '.dvc', 'config.local');
  const localText = existsSync(localPath) ? readFileSync(localPath, 'utf8') : '';
  const git = { ...repository.git, env: { ...repository.git.env, GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '' } };
  const holderOf = async (storage: StorageConfig): Promise<SecretHolder> => {
    const origin = await locateStorage(storage, surroundings);
    return { config: storage, origin, forms: formsOf(storage, origin) };
  };
  return {
    repository,
    surroundings,
    localPath,
    localText,
    credentials: openCredentials({ git, platform: context.platform, configuration: get, aside: (_, work) => work() }),
    async holders(name) {
      if (name !== undefined) return [await holderOf(requireRemote(config, name))];
      const found: SecretHolder[] = [];
      for (const storage of config.remotes.values()) {
        const holder = await holderOf(storage).catch(() => undefined);
        if (holder !== undefined) found.push(holder);
      }
      return found;
    },
    async holder(name) {
      const chosen = name ?? config.defaultRemote;
      if (chosen === undefined) throw new HelperError('usage', 'no default storage remote is configured: name one');
      return await holderOf(requireRemote(config, chosen));
    },
    localKeys(name) {
      const { sections } = parseConfigObj(localText, localPath);
      const title = `remote "${name}"`;
      return new Set([...sections].find(([each]) => each.trim() === title)?.[1].keys() ?? []);
    },
  };
}

/** Puts a text in the place of a file, whole or not at all, readable by its owner alone. */
export function replacePrivateFile(path: string, text: string): void {
  const aside = `${path}.${randomBytes(8).toString('hex')}`;
  try {
    writeFileSync(aside, text, { mode: 0o600, flag: 'wx' });
    renameSync(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Throws `config` when Git would show the file to others: tracked, or not ignored. */
export async function requireIgnored(path: string, { git }: CommandRepository): Promise<void> {
  const ignored = await runGit(['check-ignore', '--quiet', '--', path], { ...git, accept: [0, 1, 128] });
  if (ignored.code === 0) return;
  const text = `'${printable(path)}' is not ignored by Git: a secret there would be committed`;
  throw new HelperError('config', text, {
    hints: [
      'have it ignored: echo /config.local >>.dvc/.gitignore',
      'and take it out of the index: git rm --cached .dvc/config.local',
    ],
  });
}
