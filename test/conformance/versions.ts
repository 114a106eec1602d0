import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Storage } from '../../src/storage/remote.ts';
import { failsWith, noise, operation, readAll } from './storage.ts';

/** What the suite needs of a service that keeps versions, beside the backend: hands that write behind its back. */
export interface VersionedSubject {
  /** A storage remote over an empty base of its own. */
  open(): Promise<Storage>;
  /** Stores bytes under a key of the last opened base; answers the version as DVC notes it. */
  put(key: string, bytes: Uint8Array): Promise<string>;
  /** Deletes the current version, older ones stay. Answers the version of the mark that says so, where there is one. */
  remove(key: string): Promise<string | undefined>;
  /** Bytes from which on the backend reads an object in parts. */
  readonly bigBytes: number;
}

/** The suite for `read` with a version. */
export function testVersions(name: string, subject: VersionedSubject): void {
  describe(name, () => {
    const at = (version: string): { version: string; signal: AbortSignal } => ({ ...operation, version });
    const within = async (work: (storage: Storage) => Promise<void>): Promise<void> => {
      const storage = await subject.open();
      try {
        await work(storage);
      } finally {
        await storage.close();
      }
    };

    test('each version has its own bytes, whatever the current one is', () =>
      within(async (storage) => {
        const key = 'data/b ü/c+d.txt';
        const [one, two] = [await subject.put(key, Buffer.from('one')), await subject.put(key, Buffer.from('twos'))];
        assert.notEqual(one, two);
        assert.equal(String(await readAll(storage, key, at(one))), 'one');
        assert.equal(String(await readAll(storage, key, at(two))), 'twos');
        assert.equal(String(await readAll(storage, key)), 'twos');
      }));

    test('what was overwritten and deleted is still there by its version', () =>
      within(async (storage) => {
        const version = await subject.put('model', Buffer.alloc(0));
        const second = await subject.put('model', Buffer.from('second'));
        const mark = await subject.remove('model');
        await assert.rejects(readAll(storage, 'model'), failsWith('missing'));
        assert.equal((await readAll(storage, 'model', at(version))).length, 0);
        assert.equal(String(await readAll(storage, 'model', at(second))), 'second');
        if (mark !== undefined) await assert.rejects(readAll(storage, 'model', at(mark)), failsWith('missing'));
      }));

    test('a big object comes from one version from its first to its last part', () =>
      within(async (storage) => {
        const bytes = noise(subject.bigBytes * 2 + 11);
        const version = await subject.put('big', bytes);
        await subject.put('big', noise(subject.bigBytes * 2));
        assert.ok((await readAll(storage, 'big', at(version))).equals(bytes));
        const end = await readAll(storage, 'big', { ...at(version), start: subject.bigBytes + 5 });
        assert.ok(end.equals(bytes.subarray(subject.bigBytes + 5)));
      }));

    test('a version of another object, or one that never was, is missing', () =>
      within(async (storage) => {
        const version = await subject.put('one', Buffer.from('1'));
        await assert.rejects(readAll(storage, 'nobody', at(version)), failsWith('missing', /'nobody' in version/));
        const other = version.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
        await assert.rejects(readAll(storage, 'one', at(other)), failsWith('missing'));
      }));
  });
}
