import { startProcess } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import type { Operation } from '../model/operation.ts';
import { printable } from '../report/printable.ts';
import { signIn } from '../storage/open.ts';
import type { CommandContext } from './context.ts';
import type { CredentialOptions, SecretStore } from './secret-store.ts';

/** Signs in with the service of a storage remote in a browser, and has Git keep what that gives. */
export async function loginToStorage(
  options: CredentialOptions,
  store: SecretStore,
  context: CommandContext,
  operation: Operation,
): Promise<number> {
  const { config } = await store.holder(options.storage);
  const show = (url: string): void => {
    context.stdout(`to sign in, open this address in a browser on this machine:\n${url}\n`);
    openBrowser(url, context);
  };
  const { place, credential } = await signIn(config, store.surroundings, { show, signal: operation.signal });
  store.credentials.approve(place, credential);
  await store.credentials.settle();
  const back = await store.credentials.find(place, credential.username, operation);
  if (back?.password !== credential.password) {
    throw new HelperError('config', 'signed in, and Git does not keep it', {
      hints: ["set a helper: git config --global credential.helper store, or a keychain's (gitcredentials(7))"],
    });
  }
  context.stdout(`Git keeps the token for storage remote '${printable(config.name)}' now\n`);
  return 0;
}

/** Where there is one. The address is shown in any case. */
function openBrowser(url: string, { env, platform }: CommandContext): void {
  const program = platform === 'darwin' ? 'open' : env.DISPLAY || env.WAYLAND_DISPLAY ? 'xdg-open' : undefined;
  if (program === undefined) return;
  startProcess(program, [url], { env, stderr: 'collect' }).ended.catch(() => undefined);
}
