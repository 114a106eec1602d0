import { readFileSync } from 'node:fs';
import ssh2, { type ParsedKey } from 'ssh2';
import { printable } from '../../report/printable.ts';

export interface UnreadKey {
  /** Why it cannot be used, for people. */
  readonly problem: string;
  /** It wants a passphrase, and none was given. */
  readonly locked: boolean;
}

/** undefined: there is no such file. */
export function readKey(path: string, passphrase: string | undefined): ParsedKey | UnreadKey | undefined {
  let text: Buffer;
  try {
    text = readFileSync(path);
  } catch {
    return undefined;
  }
  const parsed: unknown = ssh2.utils.parseKey(text, passphrase);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (!(key instanceof Error)) return key as ParsedKey;
  if (/no passphrase/i.test(key.message)) {
    return { problem: `it has a passphrase; load it with: ssh-add ${printable(path)}`, locked: true };
  }
  const wrong = /passphrase|decrypt|integrity/i.test(key.message);
  return { problem: wrong ? 'the passphrase is wrong' : printable(key.message), locked: false };
}
