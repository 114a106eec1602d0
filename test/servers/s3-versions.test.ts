import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { testVersions } from '../conformance/versions.ts';
import { keepVersions, startWeed, type Weed } from '../kit/weed.ts';
import { adminKeys, openS3 } from './s3-remote.ts';

const bucket = 'versions';
let weed: Weed;
before(
  async () => {
    weed = await startWeed();
    await keepVersions(weed, bucket);
  },
  { timeout: 90_000 },
);
after(() => weed.close());

let serial = 0;
let base = '';
const versionIn = async (path: string): Promise<string> => {
  const prefix = encodeURIComponent(path.slice(`/${bucket}/`.length));
  const { text } = await weed.request('GET', `/${bucket}`, `prefix=${prefix}&versions=`);
  const [latest] = text.match(/<(?:Version|DeleteMarker)>(?:(?!<\/Version>).)*<IsLatest>true/s) ?? [];
  const [, version = ''] = /<VersionId>([^<]+)/.exec(latest?.split(/<(?:Version|DeleteMarker)>/).at(-1) ?? '') ?? [];
  assert.notEqual(version, '', text);
  return version;
};
const pathOf = (key: string): string => `/${bucket}/${base}/${key.split('/').map(encodeURIComponent).join('/')}`;

testVersions('versions of S3 on SeaweedFS', {
  open() {
    base = `test${process.pid}-${serial++}`;
    return openS3(weed.endpoint, { ...adminKeys, version_aware: 'true' }, { url: `s3://${bucket}/${base}` });
  },
  async put(key, bytes) {
    assert.equal((await weed.request('PUT', pathOf(key), '', bytes)).status, 200);
    return versionIn(decodeURIComponent(pathOf(key)));
  },
  async remove(key) {
    assert.equal((await weed.request('DELETE', pathOf(key))).status, 204);
    return versionIn(decodeURIComponent(pathOf(key)));
  },
  bigBytes: 17 << 20,
});
