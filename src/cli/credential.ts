import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import type { CommandContext } from './context.ts';
import { checkSecrets } from './credential-check.ts';
import { exportSecrets } from './credential-export.ts';
import { importSecrets } from './credential-import.ts';
import { loginToStorage } from './credential-login.ts';
import { type CredentialOptions, openSecretStore } from './secret-store.ts';

const actions = { import: importSecrets, export: exportSecrets, check: checkSecrets, login: loginToStorage };

/** `git dvcexp credential (import | export | check | login) [<storage remote>]`. */
export async function credentialCommand(
  options: CredentialOptions,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const action = Object.entries(actions).find(([name]) => name === options.action)?.[1];
  if (action === undefined) {
    throw new HelperError('usage', `unknown action '${printable(options.action)}'`, {
      hints: [`it is one of ${Object.keys(actions).join(', ')}`],
    });
  }
  if (options.json && action !== checkSecrets) {
    throw new HelperError('usage', "'--json' goes with 'credential check' alone");
  }
  const store = await openSecretStore(context, operation);
  try {
    return await action(options, store, context, operation);
  } finally {
    await store.credentials.settle();
  }
}
