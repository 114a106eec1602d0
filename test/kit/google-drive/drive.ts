// A double of Google Drive on loopback: files (API versions 2 and 3), uploads, shared drives, OAuth, faults. What it
// answers is judged by rclone and by the real DVC, which know nothing of it (test/interop/google-drive-double.test.ts).
//
//   const drive = await startDrive();
//   HTTPS_PROXY=drive.proxyUrl with drive.caFile as authority    the way of production, hosts www.googleapis.com,
//                                                                oauth2.googleapis.com, accounts.google.com
//   drive.url + '/drive/v3/files', '/upload/drive/v3/files', '/token', '/o/oauth2/v2/auth'     the same in plain HTTP
//   drive.serviceAccount      key file of robot@…, which may write in drive.folderId and in drive.sharedDriveId
//   drive.userCredentials()   oauth2client JSON as DVC keeps it, with an expired access token, of ada@example.org
//   drive.faults = [{ match: /^GET .*alt=media/, times: 2, reason: 'userRateLimitExceeded' }]     see exchange.ts
//   drive.log, drive.counts, drive.tree(), drive.unfinished()    what was asked, and what is left
//
// It lives in this process: a client program must not be waited for synchronously (World.runAsync, not World.run).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCertificates } from '../web-servers.ts';
import { type Accounts, type OAuthClient, openAccounts, type ServiceAccountKey, tokenUri } from './accounts.ts';
import { type Api, serve } from './api.ts';
import { contentOf } from './content.ts';
import { openPages, type Pages } from './listing.ts';
import type { Consent } from './oauth.ts';
import { googleHosts, listen, type Traffic } from './server.ts';
import { type Caller, folderType, type Item, openStore, type Role, rootId, type Store } from './store.ts';
import type { Session } from './uploads.ts';

export interface DriveOptions {
  /** The service account may act for people (domain-wide delegation). */
  readonly delegation?: boolean;
}

export interface Leftover {
  readonly id: string;
  /** Names from the top, `/` between; twins have the same path. */
  readonly path: string;
  /** Undefined for folders. */
  readonly size: number | undefined;
  readonly md5: string | undefined;
  readonly trashed: boolean;
}

export interface Drive extends Traffic {
  readonly port: number;
  /** `http://127.0.0.1:port`: the API in plain HTTP. */
  readonly url: string;
  /** The same, for HTTPS_PROXY. */
  readonly proxyUrl: string;
  /** PEM file of the authority to trust behind the proxy. */
  readonly caFile: string;
  /** A folder in ada's My Drive that the service account may write in, and bob may read. */
  readonly folderId: string;
  /** Ada manages it, the service account is content manager, bob reads. */
  readonly sharedDriveId: string;
  readonly client: OAuthClient;
  /** Its `token_uri` is Google's; `url + '/token'` works too. */
  readonly serviceAccount: ServiceAccountKey;
  readonly accounts: Accounts;
  readonly store: Store;
  readonly pages: Pages;
  readonly consent: Consent;
  /** A refresh token, as if this person had signed in. Ada when nobody is named. */
  refreshToken(email?: string, scopes?: readonly string[]): string;
  /** A good access token of this person; of the service account when that is named. */
  accessToken(email?: string, scopes?: readonly string[]): string;
  /** What oauth2client, and so DVC, writes into its credentials file; the access token in it has expired. */
  userCredentials(email?: string): Record<string, unknown>;
  /** Makes a folder behind the clients' back; twins when it is there already. */
  addFolder(name: string, parent: string, owner?: string): string;
  addFile(name: string, parent: string, bytes: Uint8Array | string, owner?: string): Promise<string>;
  share(id: string, email: string, role: Role): void;
  /** Everything below a folder (the shared one when left out), sorted by path. */
  tree(folder?: string): readonly Leftover[];
  /** Resumable uploads that began and did not end, with the bytes they hold. */
  unfinished(): readonly { readonly name: string | undefined; readonly received: number }[];
  /** From now on every unfinished upload is answered with 404. */
  loseSessions(): void;
  /** Requests by operation, such as `files.list`. */
  requests(operation: string): number;
  close(): Promise<void>;
}

export const ada = 'ada@example.org';
export const bob = 'bob@example.org';
export const driveScopes: readonly string[] = [
  'https://www.googleapis.com/auth/drive',
  'https://www.googleapis.com/auth/drive.appdata',
];

export async function startDrive(options: DriveOptions = {}): Promise<Drive> {
  const directory = mkdtempSync(join(tmpdir(), 'dvcexp-drive-'));
  const certificates = makeCertificates(directory, googleHosts.map((host) => `DNS:${host}`).join());
  const store = openStore(directory);
  const traffic: Traffic = {
    faults: [],
    log: [],
    counts: { inFlight: 0, mostInFlight: 0, connections: 0, refused: 0 },
  };
  let api: Api | undefined;
  const server = await listen(certificates, traffic, async (exchange) => {
    if (api !== undefined) await serve(api, exchange);
  });
  const url = `http://127.0.0.1:${server.port}`;
  const accounts = openAccounts(`${url}/token`);
  accounts.delegation = options.delegation === true;
  const consent: Consent = { answer: 'allow', email: ada };
  api = { store, accounts, sessions: new Map(), pages: openPages(), consent };
  const { sessions, pages } = api;
  const open = (): Session[] => [...sessions.values()].filter(({ done }) => done === undefined);
  const robot = accounts.serviceAccount.client_email;
  const { folderId, sharedDriveId } = furnish(store, robot, accounts.client.id);

  const drive: Drive = Object.assign(traffic, {
    port: server.port,
    url,
    proxyUrl: url,
    caFile: certificates.ca,
    folderId,
    sharedDriveId,
    client: accounts.client,
    serviceAccount: accounts.serviceAccount,
    accounts,
    store,
    pages,
    consent,
    refreshToken: (email = ada, scopes: readonly string[] = driveScopes) =>
      accounts.grant({ email, clientId: accounts.client.id, scopes }),
    accessToken: (email = ada, scopes: readonly string[] = driveScopes) =>
      accounts.issue({ email, clientId: accounts.client.id, scopes }).access_token,
    userCredentials: (email = ada) => credentialsFile(accounts.client, drive.refreshToken(email)),
    addFolder: (name: string, parent: string, owner = ada) => put(store, { name, parent, owner }).id,
    async addFile(name: string, parent: string, bytes: Uint8Array | string, owner = ada) {
      const content = await contentOf(directory, Buffer.from(bytes));
      return put(store, { name, parent, owner, mimeType: 'application/octet-stream', content }).id;
    },
    share: (id: string, email: string, role: Role) => void store.items.get(id)?.roles.set(email, role),
    tree: (folder = folderId) => [...below(store, folder, '')].sort((a, b) => (a.path < b.path ? -1 : 1)),
    unfinished: () => open().map(({ metadata, units }) => ({ name: metadata.name, received: units.size })),
    loseSessions: () => sessions.clear(),
    requests: (operation: string) => traffic.log.filter((each) => each.operation === operation).length,
    async close() {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  });
  return drive;
}

function furnish(store: Store, robot: string, clientId: string): { folderId: string; sharedDriveId: string } {
  const person: Caller = { email: ada, clientId, scopes: driveScopes };
  const folder = put(store, { name: 'Project data', parent: store.resolve('root', person), owner: ada });
  folder.roles.set(robot, 'writer').set(bob, 'reader');
  const sharedDriveId = rootId();
  const root = store.add({ id: sharedDriveId, name: 'Drive', mimeType: folderType, driveId: sharedDriveId });
  root.roles.set(ada, 'organizer').set(robot, 'fileOrganizer').set(bob, 'reader');
  store.drives.set(sharedDriveId, { name: 'Team data', root });
  return { folderId: folder.id, sharedDriveId };
}

function put(store: Store, fields: Pick<Item, 'name'> & Partial<Item> & { readonly parent: string }): Item {
  const parent = store.items.get(fields.parent);
  if (parent === undefined) throw new Error(`no folder ${fields.parent}`);
  const { driveId, space } = parent;
  const owner = driveId === undefined ? fields.owner : undefined;
  return store.add({ mimeType: folderType, ...fields, driveId, space, owner });
}

function credentialsFile(client: OAuthClient, refreshToken: string): Record<string, unknown> {
  return {
    access_token: 'ya29.expired',
    client_id: client.id,
    client_secret: client.secret,
    refresh_token: refreshToken,
    token_expiry: '2020-01-01T00:00:00Z',
    token_uri: tokenUri,
    user_agent: null,
    revoke_uri: 'https://oauth2.googleapis.com/revoke',
    id_token: null,
    id_token_jwt: null,
    token_response: null,
    scopes: driveScopes,
    token_info_uri: 'https://oauth2.googleapis.com/tokeninfo',
    invalid: false,
    _class: 'OAuth2Credentials',
    _module: 'oauth2client.client',
  };
}

function* below(store: Store, folder: string, prefix: string): Generator<Leftover> {
  for (const item of store.children(folder)) {
    const path = prefix + item.name;
    const { id, content } = item;
    yield { id, path, size: content?.size, md5: content?.md5, trashed: store.isTrashed(item) };
    yield* below(store, id, `${path}/`);
  }
}
