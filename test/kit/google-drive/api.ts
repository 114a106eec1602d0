// Which request is for whom, and who may ask.
import type { Accounts } from './accounts.ts';
import { CutError, type Exchange, sendError, sendJson } from './exchange.ts';
import { DriveError, unauthenticated } from './failure.ts';
import * as files from './files.ts';
import { listDrives, listFiles, type Pages } from './listing.ts';
import { type Consent, serveOAuth } from './oauth.ts';
import { select } from './resource.ts';
import type { Caller, Store } from './store.ts';
import { resume, type Session, upload } from './uploads.ts';

export interface Api {
  readonly store: Store;
  readonly accounts: Accounts;
  readonly sessions: Map<string, Session>;
  readonly pages: Pages;
  readonly consent: Consent;
}

/** A request to the Drive API by somebody known. */
export interface Call {
  readonly exchange: Exchange;
  readonly url: URL;
  readonly params: URLSearchParams;
  readonly version: 2 | 3;
  /** Scheme and host as the client wrote them. */
  readonly base: string;
  readonly caller: Caller;
  /** The client says that it knows of shared drives. */
  readonly allDrives: boolean;
}

/** Answers everything, errors included. Throws only where the connection broke. */
export async function serve(api: Api, exchange: Exchange): Promise<void> {
  try {
    if (await serveOAuth(api, exchange)) return;
    await serveDrive(api, exchange);
  } catch (error) {
    if (error instanceof CutError || exchange.request.errored || exchange.response.headersSent) throw error;
    // Else it is a defect of the double, and whoever tests with it should read which.
    const shown = error instanceof DriveError ? error : new DriveError(500, 'internalError', `double: ${error}`);
    await sendError(exchange, shown);
  }
}

async function serveDrive(api: Api, exchange: Exchange): Promise<void> {
  const { url, params, request } = exchange;
  const match = /^\/(resumable\/upload\/|upload\/)?drive\/v([23])(\/.*)$/.exec(url.pathname);
  if (match === null || (exchange.host !== undefined && exchange.host !== 'www.googleapis.com'))
    throw new DriveError(404, 'notFound', `The requested URL ${url.pathname} was not found on this server.`);
  const [, uploading, version, path = ''] = match;
  const session = params.get('upload_id');
  const caller = callerOf(api.accounts, request.headers.authorization);
  if (uploading !== undefined && session !== null && caller !== 'wrong') return resume(api, exchange, session);
  if (caller === undefined || caller === 'wrong') throw unauthenticated();
  const call: Call = {
    exchange,
    url,
    params,
    version: version === '2' ? 2 : 3,
    base: url.origin,
    caller,
    allDrives: params.get('supportsAllDrives') === 'true' || params.get('supportsTeamDrives') === 'true',
  };
  checkScopes(call);
  await route(api, call, path, uploading !== undefined);
}

function callerOf(accounts: Accounts, header: string | undefined): Caller | 'wrong' | undefined {
  if (header === undefined) return undefined;
  return accounts.callerOf(/^Bearer (\S+)$/i.exec(header)?.[1] ?? '') ?? 'wrong';
}

const auth = 'https://www.googleapis.com/auth/drive';

function checkScopes({ caller, exchange }: Call): void {
  const reading = [auth, `${auth}.file`, `${auth}.appdata`, `${auth}.readonly`];
  const enough = exchange.method === 'GET' ? [...reading, `${auth}.metadata.readonly`] : reading.slice(0, 3);
  if (caller.scopes.some((scope) => enough.includes(scope))) return;
  throw new DriveError(403, 'insufficientPermissions', 'Request had insufficient authentication scopes.');
}

type Method = (api: Api, call: Call, id: string) => Promise<void>;

/** `METHOD path` with `*` for an id, and what the log calls it; `2` or `3` for methods of one version. */
const methods: Readonly<Record<string, readonly [operation: string, method: Method, version?: 2 | 3]>> = {
  'GET /files': ['files.list', listFiles],
  'POST /files': ['files.create', files.createFile],
  'GET /files/generateIds': ['files.generateIds', files.generateIds],
  'DELETE /files/trash': ['files.emptyTrash', files.emptyTrash],
  'GET /files/*': ['files.get', files.getFile],
  'PATCH /files/*': ['files.update', files.patchFile],
  'PUT /files/*': ['files.update', files.patchFile, 2],
  'DELETE /files/*': ['files.delete', files.deleteFile],
  'POST /files/*/copy': ['files.copy', files.copyFileTo],
  'POST /files/*/trash': ['files.trash', (api, call, id) => files.trashFile(api, call, id, true), 2],
  'POST /files/*/untrash': ['files.untrash', (api, call, id) => files.trashFile(api, call, id, false), 2],
  'GET /drives': ['drives.list', listDrives],
  'GET /drives/*': ['drives.get', files.getDrive],
  'GET /about': ['about.get', getAbout],
};

async function route(api: Api, call: Call, path: string, uploading: boolean): Promise<void> {
  const { method } = call.exchange;
  const [, collection = '', id, verb] = path.split('/').map(decodeURIComponent);
  if (uploading) {
    const ways = call.version === 3 ? ['POST', 'PATCH'] : ['POST', 'PUT'];
    if (collection !== 'files' || ways.indexOf(method) !== (id === undefined ? 0 : 1)) throw missing(path);
    return upload(api, call, id);
  }
  const pattern = `${method} /${collection}${id === undefined ? '' : '/*'}${verb === undefined ? '' : `/${verb}`}`;
  const found = methods[`${method} ${path}`] ?? methods[pattern];
  if (found === undefined || (found[2] ?? call.version) !== call.version) throw missing(path);
  call.exchange.operation = found[0];
  await found[1](api, call, id ?? '');
}

function missing(path: string): DriveError {
  return new DriveError(404, 'notFound', `No such method: ${path}`);
}

async function getAbout({ store }: Api, { exchange, params, caller, version }: Call): Promise<void> {
  const fields = params.get('fields') || undefined;
  if (version === 3 && fields === undefined) {
    const place = { location: 'fields', locationType: 'parameter' } as const;
    throw new DriveError(400, 'required', "The 'fields' parameter is required for this method.", place);
  }
  const user = { kind: 'drive#user', displayName: caller.email, emailAddress: caller.email, me: true };
  const [limit, usage] = [store.quotas.get(caller.email), String(store.usage(caller.email))];
  const about =
    version === 3
      ? {
          storageQuota: { usage, usageInDrive: usage, ...(limit === undefined ? {} : { limit: String(limit) }) },
          maxUploadSize: '5242880000000',
          canCreateDrives: false,
        }
      : {
          quotaBytesUsed: usage,
          quotaBytesTotal: String(limit ?? 0),
          rootFolderId: store.resolve('root', caller),
        };
  await sendJson(exchange, 200, select({ kind: 'drive#about', user, ...about }, fields, version));
}
