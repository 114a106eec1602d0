import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configLayerPaths } from '../dvc/config.ts';
import { withKeys } from '../dvc/config-edit.ts';
import { runForeground } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import type { CommandContext } from './context.ts';
import { howToShow } from './credential-export.ts';
import { openSecretStore, type SecretHolder, type SecretStore } from './secret-store.ts';

export interface WithCredentialsOptions {
  /** Storage remote; undefined: the default one. */
  readonly remote: string | undefined;
  readonly command: readonly string[];
}

/**
 * `git dvcexp with-credentials [-r <storage remote>] -- <command>…`: runs a program, `dvc` mostly, that finds the storage
 * remote's secret as Git keeps it: in its environment, or where DVC reads it from its configuration alone, in a global one
 * that is readable by its owner alone and gone afterwards. Answers the program's exit code.
 */
export async function withCredentialsCommand(
  { remote, command: [program, ...args] }: WithCredentialsOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  if (program === undefined) {
    throw new HelperError('usage', 'say what to run', { hints: ['git dvcexp with-credentials -- dvc pull'] });
  }
  const store = await openSecretStore(context, operation);
  const holder = await store.holder(remote);
  const { variables, options } = await secretsOf(holder, store, operation);
  if (Object.keys({ ...variables, ...options }).length === 0) {
    throw new HelperError('missing', `Git keeps nothing for storage remote '${printable(holder.config.name)}'`, {
      hints: [`see what there is: git dvcexp credential check ${printable(holder.config.name)}`],
    });
  }
  const folder = Object.keys(options).length === 0 ? undefined : makeGlobalConfig(holder, options, context);
  try {
    const own = folder === undefined ? {} : { DVC_GLOBAL_CONFIG_DIR: folder };
    const env = { ...context.env, ...variables, ...own };
    return await runForeground(program, args, { env, cwd: context.cwd, signal: operation.signal });
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
}

type Values = Record<string, string>;

async function secretsOf(
  { config, forms }: SecretHolder,
  store: SecretStore,
  operation: Operation,
): Promise<{ readonly variables: Values; readonly options: Values }> {
  const [variables, options]: [Values, Values] = [{}, {}];
  for (const form of forms) {
    const found = await store.credentials.find(form.place, form.username, operation);
    if (found === undefined) continue;
    const named = form.toVariables(found);
    if (Object.keys(named).length > 0) Object.assign(variables, named);
    else Object.assign(options, form.toOptions(found));
  }
  if (Object.keys(options).length > 0) Object.assign(options, howToShow(config));
  return { variables, options };
}

/** The user's own global configuration, and the secret. */
function makeGlobalConfig({ config }: SecretHolder, options: Values, context: CommandContext): string {
  const { global } = configLayerPaths(context.env, context.platform, context.home);
  const folder = mkdtempSync(join(tmpdir(), 'dvcexp-'));
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, 'config');
    writeFileSync(path, withKeys(readIfThere(global), config.name, options, global), { mode: 0o600, flag: 'wx' });
    return folder;
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
