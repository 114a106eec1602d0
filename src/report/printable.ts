import { withoutSecrets } from './conceal.ts';

// Control characters (C0, DEL, C1) and the marks that reorder text on a terminal.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
const unsafe = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const longest = 1024;

/**
 * Foreign text (paths, ref names, server errors) made safe for a terminal, rid of our secrets and cut at 1 KiB. The only
 * way it may be printed.
 */
export function printable(text: string): string {
  const shown = withoutSecrets(text);
  const cut = shown.length > longest ? `${shown.slice(0, longest)}...` : shown;
  return cut.replace(unsafe, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/**
 * A URL without user information and query, printable; the names of remote helpers in front of it (`dvcexp::`) stay.
 * Text that is no URL comes back as it is, printable.
 */
export function displayUrl(url: string): string {
  const match = /^((?:[a-z0-9][a-z0-9+.-]*::)*[a-z][a-z0-9+.-]*:\/\/)(?:[^/?#]*@)?([^?#]*)/i.exec(url);
  return printable(match === null ? url : `${match[1]}${match[2]}`);
}
