import { after, before } from 'node:test';
import { testStorage } from '../conformance/storage.ts';
import { bucket, startWeed, type Weed } from '../kit/weed.ts';
import { adminKeys, freshUrl, openS3 } from './s3-remote.ts';

let weed: Weed;
before(
  async () => {
    weed = await startWeed();
  },
  { timeout: 90_000 },
);
after(() => weed.close());

let base = '';
testStorage('S3 on SeaweedFS', {
  open(prefix = 'store') {
    const url = `${freshUrl()}/${prefix}`;
    base = url.slice(`s3://${bucket}/`.length);
    return openS3(weed.endpoint, adminKeys, { url });
  },
  async leftovers() {
    const prefix = encodeURIComponent(`${base}/`);
    const objects = await weed.request('GET', `/${bucket}`, `list-type=2&prefix=${prefix}`);
    const uploads = await weed.request('GET', `/${bucket}`, `prefix=${prefix}&uploads=`);
    return [objects, uploads].flatMap(({ text }) => [...text.matchAll(/<Key>([^<]*)/g)].map((found) => found[1] ?? ''));
  },
  bigBytes: 17 << 20,
});
