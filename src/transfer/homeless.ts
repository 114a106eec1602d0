import { countOf } from '../report/progress.ts';

/** `no storage remote is configured for 'data' and 2 more outputs`. Of one path or more. */
export function noStorageFor([first = '', ...more]: readonly string[]): string {
  const others = more.length > 0 ? ` and ${countOf(more.length, 'more output')}` : '';
  return `no storage remote is configured for '${first}'${others}`;
}

export const storageHint = 'set one: dvc remote add --default storage <url>';
