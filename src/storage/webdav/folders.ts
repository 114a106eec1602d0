import { HelperError, isAbort } from '../../model/error.ts';
import type { Call } from '../http/call.ts';
import type { Client } from '../http/client.ts';
import type { HttpSettings } from '../http/settings.ts';
import { ExhaustedError } from '../retry.ts';
import { textOf } from '../wire/request.ts';
import { parseMultistatus, propfindBody, type Resource } from './multistatus.ts';

/** The folders of one storage remote. Names end in `/`, '' is the folder that the URL names. */
export interface Folders {
  /** Makes a folder and those above it, once for each. */
  make(folder: string, signal: AbortSignal): Promise<void>;
  /** Somebody else may have removed it. */
  forget(folder: string): void;
  /** Throws `unavailable` when the folder of the URL is not there, unless it may be made. */
  checkBase(action: string, signal: AbortSignal): Promise<void>;
  /** What a folder holds (`depth` 1, with the folder itself) or one resource (0). undefined: it is not there. */
  look(action: string, key: string, depth: 0 | 1, signal: AbortSignal): Promise<readonly Resource[] | undefined>;
}

export function openFolders(settings: HttpSettings, client: Client, mayMakeBase: boolean): Folders {
  const { displayUrl } = settings;
  const made = new Map<string, Promise<void>>();
  let baseSeen = false;
  const action = `cannot write to '${displayUrl}'`;

  const look: Folders['look'] = async (what, key, depth, signal) => {
    const headers = ['depth', String(depth), 'content-type', 'application/xml; charset=utf-8'];
    const body = { size: propfindBody.length, open: () => propfindBody };
    const call = { action: what, method: 'PROPFIND', key, headers, body, expects: [404, 410] };
    const answer = await client.ask(call, signal);
    if (answer.status === 404 || answer.status === 410) return undefined;
    const resources = answer.status === 207 ? parseMultistatus(textOf(answer)) : undefined;
    if (resources !== undefined) return resources;
    throw new HelperError('unavailable', `${what}: the answer to PROPFIND is no listing (${answer.status})`, {
      hints: [`is '${displayUrl}' the URL of a WebDAV server?`],
    });
  };

  const absentBase = (what: string): HelperError =>
    new ExhaustedError('unavailable', `${what}: there is no such folder on the server`, {
      hints: [
        `check the URL: dvc remote modify ${settings.remote} url <url>`,
        'the first push of a clone that has not used it yet makes the folder',
      ],
    });

  const makeOne = async (folder: string, signal: AbortSignal): Promise<void> => {
    // 405: it is there. What else is refused here the write behind it will be told in its own words.
    const expects = [301, 302, 307, 308, 403, 404, 405, 409];
    const call = { action, method: 'MKCOL', key: folder, expects };
    const { status } = await client.ask(call, signal);
    // Refused although it is there, or because it may not be made: only the latter is an error, told by the server again.
    if (status === 403 && (await look(action, folder, 0, signal)) === undefined) {
      await client.ask({ ...call, expects: [] }, signal);
    }
    if (status !== 404 && status !== 409) return;
    if (folder === '' && !mayMakeBase) throw absentBase(action);
    if (folder === '') await makeAbove(settings.base, call, client, signal);
    else await make(parentOf(folder), signal);
    await client.ask({ ...call, expects: expects.filter((each) => each !== 404 && each !== 409) }, signal);
  };

  const make = (folder: string, signal: AbortSignal): Promise<void> => {
    if (folder === '' && !mayMakeBase) return checkBase(action, signal);
    const known = made.get(folder);
    // Whoever began it may have been stopped, which is not our affair.
    if (known !== undefined) {
      return known.catch((error) => {
        if (signal.aborted || !isAbort(error)) throw error;
        return make(folder, signal);
      });
    }
    const making = makeOne(folder, signal);
    made.set(folder, making);
    // The next one tries again; those who wait for this one are told.
    making.catch(() => made.delete(folder));
    return making;
  };

  const checkBase: Folders['checkBase'] = async (what, signal) => {
    if (baseSeen || mayMakeBase) return;
    if ((await look(what, '', 0, signal)) === undefined) throw absentBase(what);
    baseSeen = true;
  };

  return { make, forget: (folder) => void made.delete(folder), checkBase, look };
}

/** The folders that the URL's own lies in, from the top. */
async function makeAbove(base: string, call: Call, client: Client, signal: AbortSignal): Promise<void> {
  const parts = base.split('/').slice(1, -1);
  for (let count = 1; count <= parts.length; count++) {
    await client.ask({ ...call, path: `/${parts.slice(0, count).join('/')}/` }, signal);
  }
}

const parentOf = (folder: string): string => folder.replace(/[^/]+\/$/, '');
