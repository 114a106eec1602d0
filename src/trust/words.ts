import { HelperError } from '../model/error.ts';
import { isCleartext, originUrl } from '../model/origin.ts';
import type { StorageConfig } from '../model/storage-config.ts';
import { printable } from '../report/printable.ts';
import type { SecretUse } from '../storage/remote.ts';
import type { Facts, Verdict } from './rule.ts';

type Why = Exclude<Verdict, { kind: 'go' }>['why'];

/** What the user is asked, the question in the last line. */
export function questionFor(config: StorageConfig, facts: Facts, why: Why): readonly string[] {
  const { secret } = facts;
  const question = secret === undefined ? 'Send your data there?' : `Use ${nounFor(secret, config)} there?`;
  return [`dvcexp: ${placeOf(config, facts, why)}.`, `${question} [y/N] `];
}

/** Says what is not done, where, and the command that allows it. */
export function refusalFor(config: StorageConfig, facts: Facts, why: Why): HelperError {
  const { secret, direction } = facts;
  const shown = secret === undefined || direction === 'push' ? undefined : nounFor(secret, config);
  const done = shown === undefined ? 'nothing is sent there' : `${shown} will not be used there`;
  return new HelperError('trust', `${placeOf(config, facts, why)}: ${done}`, { hints: hintsFor(config, facts, why) });
}

function nounFor({ from }: SecretUse, { name }: StorageConfig): string {
  if (from === 'ambient') return 'your own access keys';
  if (from === 'options') return `the password or key that you configured for '${printable(name)}'`;
  return from === 'credential' ? 'your password or key' : 'the password or key of the repository';
}

function placeOf({ name }: StorageConfig, { origin }: Facts, why: Why): string {
  const url = `${originUrl(origin)}${isCleartext(origin) ? ' (unencrypted)' : ''}`;
  const start = `.dvc/config has storage remote '${printable(name)}' at ${url}`;
  switch (why) {
    case 'changed':
      return `${start}, where this clone has not been before`;
    case 'stranger':
      return `${start}, which nobody but the repository names`;
    case 'insecure':
      return `${start}, and whoever listens would read the password`;
    case 'never':
      return `${start}, to which you said 'never'`;
    case 'metadata':
      return `${start}, which tells this machine's own secrets and stores nothing`;
  }
}

function hintsFor({ name }: StorageConfig, { origin }: Facts, why: Why): readonly string[] {
  const url = originUrl(origin);
  if (why === 'metadata') {
    return [`name another place: dvc remote modify --local ${printable(name)} url <url>`];
  }
  if (why === 'insecure') {
    return [`to send it all the same: git config --local ${quoted(`dvcexp.${url}.allowInsecure`)} true`];
  }
  return [`if you trust it: git dvcexp trust ${quoted(url)}`];
}

/** As a word of a shell: what `originUrl` writes holds no quotes. */
function quoted(url: string): string {
  return /^[\w%.:/~-]+$/.test(url) ? url : `'${url}'`;
}
