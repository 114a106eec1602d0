import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';

// A backslash would be a separator on Windows, a control character a forged line in somebody's log.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const keyPattern = /^(?!\.\.?(?:\/|$))[^/\\\u0000-\u001f\u007f]+(?:\/(?!\.\.?(?:\/|$))[^/\\\u0000-\u001f\u007f]+)*$/;

/** True for `a/b/c`: relative, no empty part, no `.` or `..`, no control character, no backslash. */
export function isKey(text: string): boolean {
  return keyPattern.test(text);
}

/** Keys reach backends from several parsers; none of them may make us leave the storage remote's base. */
export function requireKey(key: string): string {
  if (isKey(key)) return key;
  throw new HelperError('corrupt', `'${printable(key)}' cannot be the key of a stored object`);
}
