import { type OpenContext, openStorage } from '../../src/storage/open.ts';
import type { Storage } from '../../src/storage/remote.ts';
import { trusting } from '../kit/trusting.ts';
import { password, user } from '../kit/web-servers.ts';

/** Nothing of the user's, and waits short enough for a test. */
export const alone: OpenContext = {
  env: {},
  home: '/nonexistent',
  judge: trusting,
  createBase: true,
  retry: { shortestMs: 1, firstMs: 2, longestMs: 10 },
};

export const login: Readonly<Record<string, string>> = { user, password };

let serial = 0;
/** A folder of its own for each test. */
export const freshFolder = (): string => `test${serial++}`;

export function openWeb(
  url: string,
  options: Readonly<Record<string, string>> = {},
  context: Partial<OpenContext> = {},
): Promise<Storage> {
  const scheme = url.slice(0, url.indexOf(':'));
  return openStorage({ name: 'store', scheme, url, options, committed: new Set() }, { ...alone, ...context });
}
