// The AWS SDK as judge: what we wrote it reads, what it wrote we read, small and in parts.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { admin, bucket, startWeed, type Weed } from '../kit/weed.ts';
import { freshUrl, openS3 } from './s3-remote.ts';

process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
const operation = { signal: new AbortController().signal };
const hash = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
let weed: Weed;
let sdk: S3Client;
before(async () => {
  weed = await startWeed();
  sdk = new S3Client({
    endpoint: weed.endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: admin.id, secretAccessKey: admin.secret },
  });
});
after(async () => {
  sdk?.destroy();
  await weed?.close();
});

for (const [what, size] of Object.entries({ empty: 0, small: 4096, 'in parts': 40_000_000 })) {
  test(`an object that is ${what} is the same to both`, async () => {
    const url = freshUrl();
    const prefix = url.slice(`s3://${bucket}/`.length);
    const bytes = Buffer.alloc(size, 'dvc object ');
    const storage = await openS3(weed.endpoint, undefined, { url });
    try {
      await storage.write(
        'files/md5/aa/ours',
        {
          size,
          open: async function* () {
            yield bytes;
          },
        },
        operation,
      );
      const { Body } = await sdk.send(new GetObjectCommand({ Bucket: bucket, Key: `${prefix}/files/md5/aa/ours` }));
      assert.equal(hash((await Body?.transformToByteArray()) ?? new Uint8Array(1)), hash(bytes));

      await sdk.send(new PutObjectCommand({ Bucket: bucket, Key: `${prefix}/files/md5/aa/theirs`, Body: bytes }));
      const chunks: Uint8Array[] = [];
      for await (const chunk of storage.read('files/md5/aa/theirs', operation)) chunks.push(chunk);
      assert.equal(hash(Buffer.concat(chunks)), hash(bytes));

      const { Contents } = await sdk.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}/` }));
      const listed: string[] = [];
      for await (const entry of storage.list('files/md5/', operation))
        listed.push(`${prefix}/${entry.key} ${entry.size}`);
      assert.deepEqual(listed.sort(), Contents?.map(({ Key, Size }) => `${Key} ${Size}`).sort());
    } finally {
      await storage.close();
    }
  });
}
