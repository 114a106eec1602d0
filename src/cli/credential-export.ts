import { withKeys } from '../dvc/config-edit.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import type { CommandContext } from './context.ts';
import {
  type CredentialOptions,
  replacePrivateFile,
  requireIgnored,
  type SecretHolder,
  type SecretStore,
} from './secret-store.ts';

/** Writes what Git keeps for a storage remote to `.dvc/config.local`, where `dvc` reads it. Git keeps it as well. */
export async function exportSecrets(
  options: CredentialOptions,
  store: SecretStore,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const holder = await store.holder(options.storage);
  const name = printable(holder.config.name);
  if (holder.forms.length === 0) {
    throw new HelperError('unsupported', `DVC takes no secret of storage remote '${name}' in its configuration`);
  }
  await requireIgnored(store.localPath, store.repository);
  const values = await optionsFor(holder, store, operation);
  if (Object.keys(values).length === 0) {
    throw new HelperError('missing', `Git keeps nothing for storage remote '${name}'`);
  }
  replacePrivateFile(store.localPath, withKeys(store.localText, holder.config.name, values, store.localPath));
  const keys = Object.keys(values).join(', ');
  context.stdout(`wrote ${keys} of storage remote '${name}' to '${printable(store.localPath)}'\n`);
  return 0;
}

/** What Git keeps for a storage remote, as options of DVC. */
async function optionsFor(
  { config, forms }: SecretHolder,
  { credentials }: SecretStore,
  operation: Operation,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const form of forms) {
    const found = await credentials.find(form.place, form.username, operation);
    if (found !== undefined) Object.assign(values, form.toOptions(found), howToShow(config));
  }
  return values;
}

/** DVC heeds a password over plain HTTP only when it is told how to show it. */
export function howToShow({ scheme, options }: SecretHolder['config']): Record<string, string> {
  return /^https?$/.test(scheme) && options.auth === undefined ? { auth: 'basic' } : {};
}
