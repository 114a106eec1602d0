import { after, before } from 'node:test';
import { testStorage } from '../conformance/storage.ts';
import { bucket, type FakeGcs, startFakeGcs } from '../kit/fake-gcs.ts';
import { anonymous, freshUrl, openGs } from './gs-remote.ts';

let server: FakeGcs;
before(
  async () => {
    server = await startFakeGcs();
  },
  { timeout: 60_000 },
);
after(() => server?.close());

let base = '';
testStorage('Google Cloud Storage on fake-gcs-server', {
  open(prefix = 'store') {
    const url = `${freshUrl()}/${prefix}`;
    base = url.slice(`gs://${bucket}/`.length);
    return openGs(server.endpoint, anonymous, { url });
  },
  leftovers: () => server.names(`${base}/`),
  bigBytes: 17 << 20,
});
