import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import type { ClientConfig } from './client-config.ts';
import { fingerprint, typeOf, type Verdict } from './known-hosts.ts';
import { type SshSettings, sshCommand } from './settings.ts';

/** The refusal that a verdict amounts to; undefined for a host that is known. Nobody is asked: Git holds the terminal. */
export function judgeHost(
  verdict: Verdict,
  key: Uint8Array,
  settings: SshSettings,
  { knownAs: [name = settings.host] }: ClientConfig,
): HelperError | undefined {
  const shown = `${printable(typeOf(key))} ${fingerprint(key)}`;
  const subject = `'${settings.displayUrl}'`;
  const learn = sshCommand(settings);
  switch (verdict.kind) {
    case 'known':
      return undefined;
    case 'unknown':
      return new HelperError('auth', `${subject}: the host key of '${printable(name)}' is not known (${shown})`, {
        hints: [`compare it with what the server's owner says, and have ssh remember it: ${learn}`],
      });
    case 'changed':
      return new HelperError(
        'auth',
        `${subject}: THE HOST KEY OF '${printable(name)}' HAS CHANGED (${shown}, another one in ${printable(verdict.where)}): somebody may be listening in`,
        {
          hints: [
            "ask the server's owner; only if the new key is right: " +
              `ssh-keygen -R '${printable(name)}', then ${learn}`,
          ],
        },
      );
    case 'revoked':
      return new HelperError(
        'auth',
        `${subject}: the host key of '${printable(name)}' is revoked (${shown}, ${printable(verdict.where)})`,
        { hints: ["ask the server's owner for a new one"] },
      );
    case 'authority':
      return new HelperError(
        'auth',
        `${subject}: the host key of '${printable(name)}' (${shown}) is vouched for by a certificate only (${printable(verdict.where)}), which is not supported`,
        {
          hints: [
            `have ssh remember the key itself: ${sshCommand(settings, ['-o', `HostKeyAlgorithms=${printable(typeOf(key))}`])}`,
          ],
        },
      );
  }
}
