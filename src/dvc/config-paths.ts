import { isAbsolute, join, relative, resolve, sep } from 'node:path';

/** True for text that DVC takes for a URL and leaves as it is. */
export function isUrl(text: string): boolean {
  return /^[a-z][\w+.-]*:\/\//i.test(text);
}

/**
 * A path of a configuration file made absolute: `~` is the home directory, everything else relative counts from
 * `directory`. undefined when it names another user's home (`~ann/…`), which nothing here can look up.
 */
export function resolvePath(path: string, directory: string, home: string): string | undefined {
  if (path === '~' || path.startsWith('~/') || path.startsWith(`~${sep}`)) return join(home, path.slice(1));
  if (path.startsWith('~')) return undefined;
  return resolve(directory, path);
}

/** True for `directory` itself and all below it, by name alone: links are not looked at. */
export function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return !isAbsolute(way) && way.split(sep)[0] !== '..';
}

/** `\\server\share`: to open one hands the user's Windows password hash to the server. */
export function isNetworkShare(path: string): boolean {
  return path.startsWith('\\\\') || (sep === '\\' && path.startsWith('//'));
}
