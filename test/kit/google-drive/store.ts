// What the service holds: files and folders of people and of shared drives, and who may do what with them.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { Content } from './content.ts';
import { DriveError, forbidden, notFound } from './failure.ts';

export const folderType = 'application/vnd.google-apps.folder';

const appDataScope = 'https://www.googleapis.com/auth/drive.appdata';
const fileScope = 'https://www.googleapis.com/auth/drive.file';
/** Whoever has no other scope sees only what the same client made. */
const ownScopes: readonly string[] = [fileScope, appDataScope];

/** In shared drives: writer is "contributor", fileOrganizer "content manager", organizer "manager". */
export type Role = 'reader' | 'writer' | 'fileOrganizer' | 'organizer' | 'owner';
const ranks: readonly Role[] = ['reader', 'writer', 'fileOrganizer', 'organizer', 'owner'];

export interface Item {
  readonly id: string;
  /** Grows with every creation. */
  readonly order: number;
  name: string;
  mimeType: string;
  /** Of at most one folder, as in the service since 2020. None: a root, or an orphan. */
  parent: string | undefined;
  driveId: string | undefined;
  readonly space: 'drive' | 'appDataFolder';
  /** E-mail address; nobody owns what lies in a shared drive. */
  owner: string | undefined;
  /** The OAuth client, or service account, that made it. */
  readonly clientId: string;
  /** By itself, not through a folder above. */
  trashed: boolean;
  readonly createdTime: string;
  modifiedTime: string;
  version: number;
  content: Content | undefined;
  /** Google holds it to be malware. */
  abusive: boolean;
  /** Roles given on this very item. */
  readonly roles: Map<string, Role>;
  properties: Record<string, string>;
  appProperties: Record<string, string>;
  description: string | undefined;
}

/** Who asks, and through which client. */
export interface Caller {
  readonly email: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
}

export interface Store {
  readonly directory: string;
  readonly items: Map<string, Item>;
  readonly drives: Map<string, { readonly name: string; readonly root: Item }>;
  /** Ids that were given out by generateIds and not used yet. */
  readonly promised: Set<string>;
  /**
   * Bytes an account may own, by e-mail address; endless when it is not here. 0 is what service accounts have since
   * 2025: they make folders, and files in shared drives alone.
   */
  readonly quotas: Map<string, number>;
  newId(): string;
  add(fields: Partial<Item> & Pick<Item, 'name' | 'mimeType'>): Item;
  children(id: string): Iterable<Item>;
  /** `root` and `appDataFolder` are the caller's own. */
  resolve(id: string, caller: Caller): string;
  /** Whether the caller, through this client and with these scopes, may know of the item. */
  sees(item: Item, caller: Caller): boolean;
  /** The item, when the caller sees it. Throws 404 else: the service does not tell what is there. */
  find(id: string, caller: Caller, allDrives: boolean): Item;
  roleOf(item: Item, email: string): Role | undefined;
  demand(item: Item, caller: Caller, role: Role): void;
  isTrashed(item: Item): boolean;
  /** For good, with everything below. */
  remove(item: Item): void;
  setContent(item: Item, content: Content): void;
  usage(email: string): number;
  /** Throws when an owner has no room for so many more bytes. */
  checkQuota(owner: string | undefined, more: number): void;
}

export function openStore(directory: string): Store {
  const items = new Map<string, Item>();
  const below = new Map<string, Set<Item>>();
  const roots = new Map<string, string>();
  let order = 0;

  const parentOf = (item: Item): Item | undefined => (item.parent === undefined ? undefined : items.get(item.parent));

  function* upward(item: Item): Generator<Item> {
    for (let each: Item | undefined = item; each !== undefined; each = parentOf(each)) yield each;
  }

  const store: Store = {
    directory,
    items,
    drives: new Map(),
    promised: new Set(),
    quotas: new Map(),
    newId: () => `1${randomBytes(24).toString('base64url')}`,
    add(fields) {
      const now = new Date().toISOString();
      order += 1;
      const given: Item = {
        id: store.newId(),
        order,
        parent: undefined,
        driveId: undefined,
        space: 'drive',
        owner: undefined,
        clientId: '',
        trashed: false,
        createdTime: now,
        modifiedTime: now,
        version: 1,
        content: undefined,
        abusive: false,
        roles: new Map(),
        properties: {},
        appProperties: {},
        description: undefined,
        ...fields,
      };
      // The parent is an index too: who changes it moves the item there.
      let parent = given.parent;
      const item = Object.defineProperty(given, 'parent', {
        get: () => parent,
        set(next: string | undefined) {
          if (parent !== undefined) below.get(parent)?.delete(item);
          parent = next;
          if (next !== undefined) below.set(next, (below.get(next) ?? new Set()).add(item));
        },
      });
      item.parent = parent;
      items.set(item.id, item);
      return item;
    },
    children: (id) => below.get(id) ?? [],
    resolve(id, { email, clientId, scopes }) {
      if (id !== 'root' && id !== 'appDataFolder') return id;
      if (id === 'appDataFolder' && !scopes.includes(appDataScope)) {
        const text = 'The granted scopes do not allow use of the Application Data folder.';
        throw new DriveError(403, 'insufficientScopes', text);
      }
      const key = id === 'root' ? email : `${email} ${clientId}`;
      const there = roots.get(key);
      if (there !== undefined) return there;
      const [name, space] = id === 'root' ? (['My Drive', 'drive'] as const) : (['App Data', id] as const);
      const root = store.add({ id: rootId(), name, space, mimeType: folderType, owner: email, clientId });
      roots.set(key, root.id);
      return root.id;
    },
    find(id, caller, allDrives) {
      const item = items.get(store.resolve(id, caller));
      if (item === undefined || (item.driveId !== undefined && !allDrives)) throw notFound(id);
      if (!store.sees(item, caller)) throw notFound(id);
      return item;
    },
    sees(item, { email, clientId, scopes }) {
      const isData = item.space === 'appDataFolder';
      const wide = !isData && scopes.some((scope) => !ownScopes.includes(scope));
      const own = item.clientId === clientId && scopes.includes(isData ? appDataScope : fileScope);
      return (wide || own) && store.roleOf(item, email) !== undefined;
    },
    roleOf(item, email) {
      const found: Role[] = [];
      if (item.owner === email) return 'owner';
      for (const each of upward(item)) {
        const role = each.roles.get(email);
        if (role !== undefined) found.push(role);
        // Who owns a folder can edit what others put into it.
        if (each.owner === email) found.push('writer');
      }
      return found.sort((a, b) => ranks.indexOf(b) - ranks.indexOf(a))[0];
    },
    demand(item, caller, role) {
      const has = store.roleOf(item, caller.email);
      if (has === undefined || ranks.indexOf(has) < ranks.indexOf(role)) throw forbidden(item.id);
    },
    isTrashed: (item) => [...upward(item)].some((each) => each.trashed),
    remove(item) {
      for (const child of [...store.children(item.id)]) store.remove(child);
      item.parent = undefined;
      items.delete(item.id);
      if (item.content !== undefined) rmSync(item.content.path, { force: true });
    },
    setContent(item, content) {
      if (item.content !== undefined) rmSync(item.content.path, { force: true });
      item.content = content;
    },
    usage(email) {
      let bytes = 0;
      for (const item of items.values()) if (item.owner === email) bytes += item.content?.size ?? 0;
      return bytes;
    },
    checkQuota(owner, more) {
      const quota = owner === undefined ? undefined : store.quotas.get(owner);
      if (owner === undefined || quota === undefined || (quota > 0 && store.usage(owner) + more <= quota)) return;
      const text = owner.endsWith('.gserviceaccount.com') ? robotsOwnNothing : quotaExceeded;
      throw new DriveError(403, 'storageQuotaExceeded', text);
    },
  };
  return store;
}

const quotaExceeded = "The user's Drive storage quota has been exceeded.";
const robotsOwnNothing =
  'Service Accounts do not have storage quota. Leverage shared drives ' +
  '(https://developers.google.com/workspace/drive/api/guides/about-shareddrives), or use OAuth delegation ' +
  '(http://support.google.com/a/answer/7281227) instead.';

/** Roots and shared drives have short ids that begin alike. */
export function rootId(): string {
  return `0A${randomBytes(13).toString('base64url').slice(0, 17)}`;
}
