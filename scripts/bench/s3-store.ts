import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { admin } from '../../test/kit/weed.ts';
import type { Store, Stored } from './service.ts';

const readyTimeoutMs = 60_000;
const uploadsAtOnce = 16;
const warmUps = 64;

/** The S3 server as seen through the vendor's library. */
export function openStore(endpoint: string): Store {
  // The library warns on stderr about every Node that it will leave behind one day.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const client = new S3Client({
    endpoint,
    credentials: { accessKeyId: admin.id, secretAccessKey: admin.secret },
    region: 'us-east-1',
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  const put = async (bucket: string, key: string, body: Buffer): Promise<void> => {
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }));
  };
  const create = async (bucket: string): Promise<void> => {
    try {
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
    } catch (error) {
      // An attempt that was reported as failed may have made it all the same.
      if (!(error instanceof Error) || !error.name.startsWith('BucketAlready')) throw error;
    }
  };
  return {
    async makeBucket(name) {
      await untilReady(() => create(name));
      await untilReady(() => put(name, 'warm-up/first', Buffer.alloc(4096)));
      const keys = Array.from({ length: warmUps }, (_, index) => `warm-up/${index}`);
      await eachOf(keys, (key) => put(name, key, Buffer.alloc(4096)));
    },
    async dropBucket(name) {
      await client.send(new DeleteBucketCommand({ Bucket: name }));
    },
    async fill(bucket, prefix, directory, paths) {
      await eachOf(paths, (path) => put(bucket, `${prefix}/${path}`, readFileSync(join(directory, path))));
    },
    async list(bucket, prefix) {
      const found = new Map<string, Stored>();
      let token: string | undefined;
      do {
        const page = await client.send(
          new ListObjectsV2Command({ Bucket: bucket, Prefix: `${prefix}/`, ContinuationToken: token }),
        );
        for (const { Key = '', Size = -1, ETag = '' } of page.Contents ?? []) {
          found.set(Key.slice(prefix.length + 1), { sizeBytes: Size, etag: ETag.replaceAll('"', '') });
        }
        token = page.NextContinuationToken;
      } while (token !== undefined);
      return found;
    },
    async md5(bucket, key) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      const hash = createHash('md5');
      for await (const chunk of Body as AsyncIterable<Uint8Array>) hash.update(chunk);
      return hash.digest('hex');
    },
    close: () => client.destroy(),
  };
}

/** The gateway answers before it can store. */
async function untilReady(attempt: () => Promise<void>): Promise<void> {
  const until = Date.now() + readyTimeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > until) throw error;
      await sleep(500);
    }
  }
}

async function eachOf(items: readonly string[], work: (item: string) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item);
  };
  await Promise.all(Array.from({ length: uploadsAtOnce }, worker));
}
