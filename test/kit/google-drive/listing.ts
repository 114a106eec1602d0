// files.list and drives.list, page by page.
import { randomBytes } from 'node:crypto';
import type { Api, Call } from './api.ts';
import { sendJson } from './exchange.ts';
import { DriveError, invalid, notFound } from './failure.ts';
import { parseQuery, type Query } from './query.ts';
import { fileResource, select } from './resource.ts';
import type { Item } from './store.ts';

/** Answers of files.list that are not given out yet; a page token can be used again. */
export interface Pages {
  /** At most so many files on a page, whatever the client asks for: the service may always return fewer. */
  limit: number;
  /** The first page of every listing is empty and has a token, as happens in big shared drives. */
  emptyFirst: boolean;
  /** Files that are younger (ms) are not found yet: the index of the service lags behind. */
  lagMs: number;
  readonly open: Map<string, { readonly question: string; readonly ids: readonly string[] }>;
}

export function openPages(): Pages {
  return { limit: 1000, emptyFirst: false, lagMs: 0, open: new Map() };
}

export async function listFiles(api: Api, call: Call): Promise<void> {
  const { params, version, base, caller } = call;
  const { pages, store } = api;
  const size = pageSize(params.get(version === 3 ? 'pageSize' : 'maxResults'));
  const token = params.get('pageToken') ?? undefined;
  const names = ['q', 'corpora', 'driveId', 'spaces', 'orderBy', 'includeItemsFromAllDrives'];
  const question = JSON.stringify([version, caller.email, ...names.map((name) => params.get(name))]);
  const begun = token === undefined ? undefined : pages.open.get(token);
  if (token !== undefined && begun?.question !== question) throw invalid('pageToken');
  const ids = begun?.ids ?? (await search(api, call));
  const count = token === undefined && pages.emptyFirst ? 0 : Math.min(size, pages.limit);
  const next = ids.length > count ? `~!!~${randomBytes(24).toString('base64url')}` : undefined;
  if (next !== undefined) pages.open.set(next, { question, ids: ids.slice(count) });
  const found = ids.slice(0, count).flatMap((id) => store.items.get(id) ?? []);
  const resources = found.map((item) => fileResource(store, item, version, base, caller.email));
  const fields = params.get('fields') || (version === 3 ? usualFields : undefined);
  const answer = {
    kind: 'drive#fileList',
    incompleteSearch: false,
    ...(next === undefined ? {} : { nextPageToken: next }),
    [version === 3 ? 'files' : 'items']: resources,
  };
  await sendJson(call.exchange, 200, select(answer, fields, version));
}

const usualFields = 'kind,incompleteSearch,nextPageToken,files(kind,id,name,mimeType,driveId,teamDriveId)';

function pageSize(text: string | null): number {
  if (text === null) return 100;
  const size = Number(text);
  if (!(size >= 1)) throw invalid('pageSize', `Invalid value '${text}'. Values must be within the range: [1, 1000]`);
  return Math.min(size, 1000);
}

async function search({ store, pages }: Api, call: Call): Promise<readonly string[]> {
  const { params, version } = call;
  const q = params.get('q') ?? '';
  // Complains when the client may not use it.
  if (params.get('spaces')?.includes('appDataFolder')) store.resolve('appDataFolder', call.caller);
  const query = q.trim() === '' ? undefined : parseQuery(q, version, surroundings(store, call));
  const within = scopeOf(store, call, query);
  const before = Date.now() - pages.lagMs;
  const found = [...within].filter(
    (item) =>
      item.parent !== undefined &&
      visible(store, call, item) &&
      (query?.matches(item) ?? true) &&
      (pages.lagMs === 0 || Date.parse(item.createdTime) <= before),
  );
  const orders = orderOf(params.get('orderBy'));
  found.sort((a, b) => orders.reduce((last, order) => last || order(a, b), 0) || b.order - a.order);
  return found.map(({ id }) => id);
}

function surroundings(store: Api['store'], { caller }: Call): Parameters<typeof parseQuery>[2] {
  return {
    resolve: (id) => store.resolve(id, caller),
    isTrashed: store.isTrashed,
    isSharedWithMe: ({ owner, roles }) => owner !== caller.email && roles.has(caller.email),
    roles(item) {
      const having = (...roles: string[]): string[] =>
        [...item.roles].filter(([, role]) => roles.includes(role)).map(([email]) => email);
      return {
        owner: item.owner,
        writers: having('writer', 'fileOrganizer', 'organizer', 'owner'),
        readers: having('reader', 'writer', 'fileOrganizer', 'organizer', 'owner'),
      };
    },
  };
}

/** The items to look through. Throws when the parameters do not fit each other, or a folder in the query is not there. */
function scopeOf(store: Api['store'], { params, caller, allDrives }: Call, query: Query | undefined): Iterable<Item> {
  const [corpora, driveId] = [params.get('corpora') ?? undefined, params.get('driveId') ?? undefined];
  if ((corpora === 'drive') !== (driveId !== undefined)) {
    const text = 'The driveId parameter must be specified if and only if corpora is set to drive.';
    throw invalid('driveId', text);
  }
  const included = params.get('includeItemsFromAllDrives') === 'true';
  if ((corpora === 'drive' || corpora === 'allDrives' || included) && !(allDrives && included)) {
    const text = 'The includeItemsFromAllDrives and supportsAllDrives parameters must both be true to search shared';
    throw new DriveError(403, 'teamDrivesNotSupported', `${text} drives.`);
  }
  if (driveId !== undefined) {
    const drive = store.drives.get(driveId);
    if (drive === undefined || store.roleOf(drive.root, caller.email) === undefined)
      throw new DriveError(404, 'notFound', `Shared drive not found: ${driveId}`, notFound(driveId).place);
  }
  if (query?.parents === undefined) return store.items.values();
  for (const id of query.parents) {
    try {
      store.find(id, caller, allDrives);
    } catch {
      // The service does not say which.
      throw notFound('');
    }
  }
  return [...query.parents].flatMap((id) => [...store.children(id)]);
}

function visible(store: Api['store'], { params, caller, version, allDrives }: Call, item: Item): boolean {
  const spaces = (params.get('spaces') ?? (version === 3 ? 'drive' : 'drive,appDataFolder')).split(',');
  if (!spaces.includes(item.space)) return false;
  if (item.driveId !== undefined && !(allDrives && params.get('includeItemsFromAllDrives') === 'true')) return false;
  const driveId = params.get('driveId');
  if (driveId !== null && item.driveId !== driveId) return false;
  return store.sees(item, caller);
}

type Order = (a: Item, b: Item) => number;

function orderOf(text: string | null): Order[] {
  return (text ?? '')
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [key = '', direction] = part.trim().split(' ');
      const sign = direction === 'desc' ? -1 : 1;
      const value = orderKeys[key];
      if (value === undefined) throw invalid('orderBy');
      return (a, b) => {
        const [left, right] = [value(a), value(b)];
        if (left === right) return 0;
        return left < right ? -sign : sign;
      };
    });
}

const orderKeys: Readonly<Record<string, (item: Item) => string>> = {
  name: ({ name }) => name.toLowerCase(),
  name_natural: ({ name }) => name.toLowerCase(),
  title: ({ name }) => name.toLowerCase(),
  createdTime: ({ createdTime }) => createdTime,
  createdDate: ({ createdTime }) => createdTime,
  modifiedTime: ({ modifiedTime }) => modifiedTime,
  modifiedDate: ({ modifiedTime }) => modifiedTime,
  folder: ({ mimeType }) => (mimeType.endsWith('.folder') ? '0' : '1'),
};

export async function listDrives({ store, pages }: Api, call: Call): Promise<void> {
  const { params, version, caller } = call;
  const size = Math.min(Number(params.get(version === 3 ? 'pageSize' : 'maxResults') ?? 10), 100, pages.limit);
  const first = Number(params.get('pageToken') ?? 0);
  const all = [...store.drives].filter(([, { root }]) => store.roleOf(root, caller.email) !== undefined);
  const drives = all.slice(first, first + size).map(([id, { name }]) => ({ kind: 'drive#drive', id, name }));
  const next = first + size < all.length ? { nextPageToken: String(first + size) } : {};
  const answer = { kind: 'drive#driveList', ...next, [version === 3 ? 'drives' : 'items']: drives };
  await sendJson(call.exchange, 200, select(answer, params.get('fields') || undefined, version));
}
