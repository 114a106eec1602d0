// Files as the two versions of the API show them, and the selection of fields ("Return specific fields").
import { DriveError } from './failure.ts';
import { folderType, type Item, type Store } from './store.ts';

type Value = Record<string, unknown>;

/** @param base address of the API as the client sees it, such as `https://www.googleapis.com` */
export function fileResource(store: Store, item: Item, version: 2 | 3, base: string, email: string): Value {
  const { content } = item;
  const role = store.roleOf(item, email);
  const inDrive = item.driveId === undefined ? {} : { driveId: item.driveId, teamDriveId: item.driveId };
  const owned = item.driveId === undefined ? { ownedByMe: item.owner === email } : {};
  const hashes = content && { md5Checksum: content.md5, sha1Checksum: content.sha1, sha256Checksum: content.sha256 };
  const trashed = store.isTrashed(item);
  const shared = {
    kind: 'drive#file',
    id: item.id,
    mimeType: item.mimeType,
    spaces: [item.space],
    version: String(item.version),
    explicitlyTrashed: item.trashed,
    headRevisionId: content && `0B${content.md5}`,
    originalFilename: content && item.name,
    description: item.description,
    quotaBytesUsed: String(content?.size ?? 0),
    capabilities: capabilities(item, role),
    ...inDrive,
    ...owned,
    ...hashes,
  };
  const [properties, appProperties] = [item.properties, item.appProperties];
  if (version === 3) {
    return defined({
      ...shared,
      name: item.name,
      parents: item.parent === undefined ? undefined : [item.parent],
      trashed,
      starred: false,
      createdTime: item.createdTime,
      modifiedTime: item.modifiedTime,
      size: content && String(content.size),
      owners: item.owner === undefined ? undefined : [{ kind: 'drive#user', emailAddress: item.owner }],
      webViewLink: `https://drive.google.com/file/d/${item.id}/view`,
      webContentLink: content && `https://drive.google.com/uc?id=${item.id}&export=download`,
      ...(Object.keys(properties).length > 0 ? { properties } : {}),
      ...(Object.keys(appProperties).length > 0 ? { appProperties } : {}),
    });
  }
  const self = `${base}/drive/v2/files/${item.id}`;
  return defined({
    ...shared,
    title: item.name,
    parents: item.parent === undefined ? [] : [parentResource(store, item.parent, base)],
    labels: { starred: false, hidden: false, trashed, restricted: false, viewed: true },
    createdDate: item.createdTime,
    modifiedDate: item.modifiedTime,
    fileSize: content && String(content.size),
    ownerNames: item.owner === undefined ? undefined : [item.owner],
    selfLink: self,
    downloadUrl: content && `${self}?alt=media&source=downloadUrl`,
    properties: Object.entries(properties).map(([key, value]) => ({ key, value, visibility: 'PUBLIC' })),
  });
}

function parentResource(store: Store, id: string, base: string): Value {
  const isRoot = store.items.get(id)?.parent === undefined;
  return { kind: 'drive#parentReference', id, isRoot, parentLink: `${base}/drive/v2/files/${id}` };
}

function capabilities(item: Item, role: string | undefined): Value {
  const may = (...roles: string[]): boolean => role !== undefined && roles.includes(role);
  const edit = may('writer', 'fileOrganizer', 'organizer', 'owner');
  return {
    canEdit: edit,
    canRename: edit,
    canDownload: true,
    canAddChildren: edit && item.mimeType === folderType,
    canListChildren: item.mimeType === folderType,
    canTrash: may('fileOrganizer', 'organizer', 'owner'),
    canDelete: may('organizer', 'owner'),
  };
}

function defined(value: Value): Value {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined));
}

/** `kind,files(id,owners/emailAddress)` as a tree; undefined takes everything. */
type Mask = Map<string, Mask | undefined>;

/** Leaves of a value only what `fields` names. Throws when it names what no such resource has. */
export function select(value: Value, fields: string | undefined, version: 2 | 3): Value {
  if (fields === undefined) return value;
  return cut(value, parseMask(fields, version)) as Value;
}

function parseMask(fields: string, version: 2 | 3): Mask {
  const words = fields.match(/[^,()/\s]+|[,()/]/g) ?? [];
  const mask = list();
  if (words.length > 0) throw wrong(fields);
  return mask;

  function list(): Mask {
    const found: Mask = new Map();
    do {
      const [name, below] = path();
      const there = found.get(name);
      // `a/b,a/c` names two fields of one.
      found.set(name, found.has(name) && there && below ? new Map([...there, ...below]) : below);
    } while (take(','));
    return found;
  }
  function path(): [string, Mask | undefined] {
    const name = words.shift() ?? '';
    if (name !== '*' && (!nameable.has(name) || ofOther[version].includes(name))) throw wrong(name);
    if (take('/')) return [name, new Map([path()])];
    if (!take('(')) return [name, undefined];
    const below = list();
    if (!take(')')) throw wrong(fields);
    return [name, below];
  }
  function take(sign: string): boolean {
    if (words[0] !== sign) return false;
    words.shift();
    return true;
  }
}

function wrong(name: string): DriveError {
  const place = { location: 'fields', locationType: 'parameter' } as const;
  return new DriveError(400, 'invalidParameter', `Invalid field selection ${name}`, place);
}

function cut(value: unknown, mask: Mask | undefined): unknown {
  if (mask === undefined || mask.has('*')) return value;
  if (Array.isArray(value)) return value.map((each) => cut(each, mask));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => mask.has(name));
  return Object.fromEntries(kept.map(([name, each]) => [name, cut(each, mask.get(name))]));
}

/** Names that only the other version has. */
const ofOther = {
  2: ['files', 'size', 'createdTime', 'modifiedTime', 'viewedByMe', 'modifiedByMe'],
  3: ['items', 'title', 'fileSize', 'createdDate', 'modifiedDate', 'labels', 'downloadUrl', 'selfLink', 'etag'],
};

/** Fields that the discovery documents of both versions know; the service refuses others. */
const nameable = new Set(
  `kind etag selfLink nextLink nextPageToken incompleteSearch items files drives ids space user storageQuota limit usage
  usageInDrive usageInDriveTrash maxUploadSize rootFolderId importFormats exportFormats canCreateDrives emailAddress displayName me permissionId
  quotaBytesTotal quotaBytesUsed quotaBytesUsedAggregate isRoot parentLink trashed canEdit canRename canDownload
  canAddChildren canListChildren canTrash canDelete targetId targetMimeType
  appProperties capabilities contentHints contentRestrictions copyRequiresWriterPermission createdTime description driveId
  explicitlyTrashed exportLinks fileExtension folderColorRgb fullFileExtension hasAugmentedPermissions hasThumbnail
  headRevisionId iconLink id imageMediaMetadata isAppAuthorized labelInfo lastModifyingUser linkShareMetadata md5Checksum
  mimeType modifiedByMe modifiedByMeTime modifiedTime name originalFilename ownedByMe owners parents permissionIds
  permissions properties quotaBytesUsed resourceKey sha1Checksum sha256Checksum shared sharedWithMeTime sharingUser
  shortcutDetails size spaces starred teamDriveId thumbnailLink thumbnailVersion trashedTime trashingUser version
  videoMediaMetadata viewedByMe viewedByMeTime viewersCanCopyContent webContentLink webViewLink writersCanShare
  alternateLink appDataContents copyable createdDate defaultOpenWithLink downloadUrl editable embedLink fileSize labels
  lastViewedByMeDate markedViewedByMeDate modifiedByMeDate modifiedDate openWithLinks ownerNames shareable title
  trashedDate thumbnail userPermission`.split(/\s+/),
);
