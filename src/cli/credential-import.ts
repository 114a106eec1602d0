import { join } from 'node:path';
import { withoutKeys } from '../dvc/config-edit.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { originUrl } from '../model/origin.ts';
import { printable } from '../report/printable.ts';
import type { Credential } from '../storage/remote.ts';
import { writeBackup } from '../trust/backups.ts';
import type { SecretForm } from '../trust/forms.ts';
import { askTerminal, hasTerminal } from '../trust/terminal.ts';
import type { CommandContext } from './context.ts';
import { type CredentialOptions, replacePrivateFile, type SecretHolder, type SecretStore } from './secret-store.ts';

interface Move {
  readonly holder: SecretHolder;
  readonly form: SecretForm;
  readonly credential: Credential;
  /** Keys to take out of config.local. */
  readonly keys: readonly string[];
}

/**
 * Moves secrets from `.dvc/config.local` to Git's credential helpers. Nothing is taken out before Git has given it back,
 * and a copy stays until the secret has opened the storage from there.
 */
export async function importSecrets(
  options: CredentialOptions,
  store: SecretStore,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const moves = (await store.holders(options.storage)).flatMap((holder) => movesOf(holder, store));
  if (moves.length === 0) {
    context.stdout(`no secret that Git could keep is in '${printable(store.localPath)}'\n`);
    return 1;
  }
  if (store.repository.configuration.all('credential.helper').every((helper) => helper === '')) {
    throw new HelperError('config', 'Git keeps no passwords here: no credential.helper is set', {
      hints: ["set one: git config --global credential.helper store, or a keychain's (gitcredentials(7))"],
    });
  }
  if (!options.yes && !(await isWanted(moves, context, operation))) return 1;
  let text = store.localText;
  for (const move of moves) {
    await hand(move, store, operation);
    const backup = writeBackup(join(store.repository.location.commonDirectory, 'dvcexp'), move.form.place, text);
    text = withoutKeys(text, move.holder.config.name, move.keys, store.localPath);
    replacePrivateFile(store.localPath, text);
    const { place } = move.form;
    const where = place.protocol === 'ssh-key' ? `key ${printable(place.path)}` : originUrl(move.holder.origin);
    context.stdout(`Git keeps the secret of storage remote '${printable(move.holder.config.name)}' now (${where})\n`);
    context.stdout(`a copy of config.local stays in '${printable(backup)}' until it has opened the storage\n`);
  }
  return 0;
}

function movesOf(holder: SecretHolder, store: SecretStore): readonly Move[] {
  const local = store.localKeys(holder.config.name);
  return holder.forms.flatMap((form) => {
    const keys = form.keys.filter((key) => local.has(key));
    const credential = form.fromOptions;
    return credential === undefined || keys.length === 0 ? [] : [{ holder, form, credential, keys }];
  });
}

async function hand(
  { form, holder, credential }: Move,
  { credentials }: SecretStore,
  operation: Operation,
): Promise<void> {
  credentials.approve(form.place, credential);
  await credentials.settle();
  const back = await credentials.find(form.place, credential.username, operation);
  if (back?.password === credential.password) return;
  const text = `Git does not give the secret of storage remote '${printable(holder.config.name)}' back`;
  throw new HelperError('config', text, {
    hints: ['nothing was taken out; see which helpers there are: git config --show-origin --get-all credential.helper'],
  });
}

async function isWanted(moves: readonly Move[], context: CommandContext, { signal }: Operation): Promise<boolean> {
  if (!context.terminal || !hasTerminal(context.env, context.platform)) {
    throw new HelperError('usage', 'nobody can be asked here', { hints: ['say yes beforehand: --yes'] });
  }
  const names = [...new Set(moves.map(({ holder }) => `'${printable(holder.config.name)}'`))].join(', ');
  const question = `Move the secrets of ${names} from .dvc/config.local to Git's helpers? [y/N] `;
  return /^\s*y(?:es)?\s*$/i.test((await askTerminal([question], signal)) ?? '');
}
