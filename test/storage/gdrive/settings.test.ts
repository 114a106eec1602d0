import assert from 'node:assert/strict';
import { test } from 'node:test';
import { originUrl } from '../../../src/model/origin.ts';
import { locateDrive, readDriveSettings } from '../../../src/storage/gdrive/settings.ts';
import { failsWith } from '../../conformance/storage.ts';

const read = (url: string, options: Record<string, string> = {}, env: Record<string, string> = {}) =>
  readDriveSettings(
    { name: 'store', scheme: 'gdrive', url, options, committed: new Set() },
    { env, home: '/nonexistent', configuration: (key) => (key === 'http.lowSpeedTime' ? '20' : undefined) },
  );

test('a URL is a folder and names below it, which are not decoded', () => {
  const places: readonly (readonly [string, string, readonly string[]])[] = [
    ['gdrive://root', 'root', []],
    ['gdrive://appDataFolder/', 'appDataFolder', []],
    ['gdrive://0AIac4JZqHhKmUk9PDA/my data//x%20y/', '0AIac4JZqHhKmUk9PDA', ['my data', 'x%20y']],
    ["gdrive://1-a_Bc/it's?#ü", '1-a_Bc', ["it's?#ü"]],
  ];
  for (const [url, root, base] of places) {
    const settings = read(url);
    assert.deepEqual([settings.root, settings.base], [root, base]);
  }
});

test('what names no folder is a mistake in the configuration', () => {
  for (const url of ['gdrive://', 'gdrive:///x', 'gdrive:x']) {
    assert.throws(() => read(url), failsWith('config', /names no folder[\s\S]*gdrive:\/\/root/));
  }
  for (const url of ['gdrive://my folder/x', 'gdrive://https:/x', "gdrive://x'y/z", 'gdrive://user:pw@id/x']) {
    assert.throws(() => read(url), failsWith('config', /begins with no folder ID/));
  }
  assert.throws(() => read('gdrive://root/a/../b'), failsWith('config', /leads out/));
});

test('patience is what Git is told, within bounds', () => {
  assert.equal(read('gdrive://root').stallMs, 20_000);
  assert.equal(read('gdrive://root', {}, { GIT_HTTP_LOW_SPEED_TIME: '5' }).stallMs, 5000);
  assert.equal(read('gdrive://root', {}, { GIT_HTTP_LOW_SPEED_TIME: '0' }).stallMs, 1000);
  assert.equal(read('gdrive://root', {}, { GIT_HTTP_LOW_SPEED_TIME: 'soon' }).stallMs, 60_000);
});

test("where tokens go is Google's own, whoever names the folder", () => {
  const at = (committed: string[]) =>
    locateDrive(
      { name: 'store', scheme: 'gdrive', url: 'gdrive://1-a_Bc/x/y', options: {}, committed: new Set(committed) },
      { env: {}, home: '/nonexistent' },
    );
  for (const [committed, namedBy] of [
    [['url'], 'repository'],
    [[], 'user'],
  ] as const) {
    const origin = at([...committed]);
    assert.equal(originUrl(origin), 'https://www.googleapis.com/1-a_Bc');
    assert.deepEqual([origin.provider, origin.namedBy], [true, namedBy]);
  }
});
