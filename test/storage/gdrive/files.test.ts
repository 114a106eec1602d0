import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from '../../../src/storage/gdrive/client.ts';
import { type FolderRef, openFiles, parseFile, quote } from '../../../src/storage/gdrive/files.ts';
import { openFolders } from '../../../src/storage/gdrive/folders.ts';
import { listObjects } from '../../../src/storage/gdrive/listing.ts';
import { readDriveSettings } from '../../../src/storage/gdrive/settings.ts';
import { operation } from '../../conformance/storage.ts';

const about = { action: 'cannot look' };
const { signal } = operation;
const folder = 'application/vnd.google-apps.folder';

interface Item {
  readonly id: string;
  readonly name: string;
  readonly parents?: readonly string[];
  readonly mimeType?: string;
  readonly [key: string]: unknown;
}

const shortcut = (id: string, name: string, parent: string, targetId: string): Item => ({
  id,
  name,
  parents: [parent],
  mimeType: 'application/vnd.google-apps.shortcut',
  shortcutDetails: { targetId, targetMimeType: folder },
});

/** As much of the service as a listing by parents and a look at one file. Answers what was asked, too. */
function service(items: readonly Item[]) {
  const asked: URLSearchParams[] = [];
  const askFor: Client['askFor'] = async ({ path }) => {
    const [place = '', query] = path.split('?');
    const params = new URLSearchParams(query);
    const id = /\/files\/(.+)$/.exec(place)?.[1];
    if (id !== undefined) {
      const item = items.find((each) => each.id === decodeURIComponent(id));
      return item === undefined ? { status: 404, value: undefined } : { status: 200, value: item };
    }
    asked.push(params);
    const parents = [...(params.get('q') ?? '').matchAll(/'([^']+)' in parents/g)].map(([, parent]) => parent);
    const driveId = params.get('driveId') ?? undefined;
    const files = items.filter(
      (item) => item.parents?.some((parent) => parents.includes(parent)) === true && item.driveId === driveId,
    );
    return { status: 200, value: { files } };
  };
  const client = { askFor, repeat: (_: string, __: AbortSignal, work: () => unknown) => work() } as unknown as Client;
  const files = openFiles(client, 'drive', () => undefined);
  const config = { name: 's', scheme: 'gdrive', url: 'gdrive://top', options: {}, committed: new Set<string>() };
  const context = { env: {}, home: '/nonexistent' };
  const folders = openFolders(readDriveSettings(config, context), client, files, {});
  return { asked, files, folders };
}

test('names in a query stay within their quotes', () => {
  assert.equal(quote("it's \\ here"), "it\\'s \\\\ here");
});

test('what Google tells of a file, and what it leaves out', () => {
  const file = parseFile({ id: 'a', name: 'n', mimeType: 'x', size: '12', md5Checksum: 'ABCD', parents: ['p', 'q'] });
  assert.deepEqual(
    [file.size, file.md5, file.parents, file.folder, file.trashed],
    [12, 'abcd', ['p', 'q'], undefined, false],
  );
  for (const odd of [undefined, 'text', [], { size: 'x', parents: 'y' }]) {
    const { size, parents, id } = parseFile(odd);
    assert.deepEqual([size, parents, id], [undefined, [], '']);
  }
});

test('a shortcut to a folder is that folder, wherever it lies, and never the first to be written into', async () => {
  const items: Item[] = [
    { id: 'top', name: 'top', mimeType: folder },
    shortcut('0-link', 'files', 'top', 'far'),
    shortcut('0-dead', 'files', 'top', 'gone'),
    { id: 'z-own', name: 'files', mimeType: folder, parents: ['top'] },
    { id: 'far', name: 'Elsewhere', mimeType: folder, parents: ['drive'], driveId: 'drive' },
    { id: 'f1', name: 'far away', parents: ['far'], driveId: 'drive', size: '1' },
    { id: 'f2', name: 'near', parents: ['z-own'], size: '2' },
  ];
  const { files, folders, asked } = service(items);
  const found = await folders.find(about, 'files', signal);
  assert.deepEqual(found satisfies readonly FolderRef[], [
    { id: 'z-own', driveId: undefined, linked: false },
    { id: 'far', driveId: 'drive', linked: true },
  ]);
  const keys: string[] = [];
  for await (const { key } of listObjects(files, folders, about, '', signal)) keys.push(key);
  assert.deepEqual(keys.sort(), ['files/far away', 'files/near']);
  assert.ok(asked.some((params) => params.get('corpora') === 'drive' && params.get('driveId') === 'drive'));
  assert.ok(asked.every((params) => params.get('supportsAllDrives') === 'true'));
});

test('shortcuts that lead in circles end', async () => {
  const items: Item[] = [
    { id: 'top', name: 'top', mimeType: folder },
    { id: 'a', name: 'a', mimeType: folder, parents: ['top'] },
    shortcut('l', 'round', 'a', 'top'),
    { id: 'f', name: 'file', parents: ['a'], size: '1' },
  ];
  const { files, folders } = service(items);
  const keys: string[] = [];
  for await (const { key } of listObjects(files, folders, about, '', signal)) keys.push(key);
  assert.deepEqual(keys, ['a/file']);
});

test('a file that lies in two folders is found in both, and what has no bytes in none', async () => {
  const items: Item[] = [
    { id: 'top', name: 'top', mimeType: folder },
    { id: 'a', name: 'a', mimeType: folder, parents: ['top'] },
    { id: 'b', name: 'b', mimeType: folder, parents: ['top'] },
    { id: 'f', name: 'file', parents: ['a', 'b', 'elsewhere'], size: '1' },
    { id: 'd', name: 'document', parents: ['a'], mimeType: 'application/vnd.google-apps.document' },
  ];
  const { files, folders } = service(items);
  const keys: string[] = [];
  for await (const { key } of listObjects(files, folders, about, '', signal)) keys.push(key);
  assert.deepEqual(keys.sort(), ['a/file', 'b/file']);
});
