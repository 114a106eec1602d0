import { after, before } from 'node:test';
import { testStorage } from '../conformance/storage.ts';
import { type Drive, startDrive } from '../kit/google-drive/drive.ts';
import { openDrive } from './drive-remote.ts';
import { freshFolder } from './web-remote.ts';

let drive: Drive;
before(async () => {
  drive = await startDrive();
});
after(() => drive?.close());

let base = '';
testStorage('Google Drive on the double', {
  open(prefix = 'store') {
    base = freshFolder();
    return openDrive(drive, `${drive.folderId}/${base}/${prefix}`);
  },
  async leftovers() {
    const files = drive.tree().filter(({ path, size }) => path.startsWith(`${base}/`) && size !== undefined);
    return [...files.map(({ path }) => path), ...drive.unfinished().map(({ name }) => `unfinished ${name}`)];
  },
  bigBytes: 6 << 20,
});
