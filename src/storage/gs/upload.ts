import { createHash, randomBytes } from 'node:crypto';
import { HelperError } from '../../model/error.ts';
import { readWhole } from '../content.ts';
import { objectFields, objectPath, parseObject, uploadPath } from './object.ts';
import { uploadInChunks } from './resumable.ts';
import { inPassing, type Stored, type Upload } from './writing.ts';

/** Objects up to this size go in one request. */
const wholeBytes: number = 8 * 1024 * 1024;
// What a body may take without asking; below it a request's own overhead is of the same order.
const smallBytes = 256 * 1024;

/** Resolves when the service has the content, and says that it is the content. */
export async function uploadObject(upload: Upload): Promise<void> {
  const { action, key, content } = upload;
  const { object, md5 } = await (content.size > wholeBytes ? uploadInChunks(upload) : uploadWhole(upload));
  if ((object.size ?? content.size) === content.size && (object.md5 ?? md5) === md5) return;
  // It was told the hash and should have refused.
  if (object.generation !== undefined) await takeBack(upload, object.generation);
  throw new HelperError('unavailable', `${action}: the service stored other bytes than were sent ('${key}')`);
}

async function uploadWhole(upload: Upload): Promise<Stored> {
  const { content, budget, signal } = upload;
  const release = content.size > smallBytes ? await budget.take(content.size, signal) : undefined;
  try {
    return await sendWhole(upload, await readWhole(upload));
  } finally {
    release?.();
  }
}

/** One request with the object's name and hash in front of its bytes (JSON API, "multipart upload"). */
async function sendWhole(upload: Upload, bytes: Uint8Array): Promise<Stored> {
  const { client, action, bucket, key, name, signal } = upload;
  const md5 = createHash('md5').update(bytes).digest('base64');
  const boundary = randomBytes(16).toString('hex');
  const next = `--${boundary}\r\ncontent-type:`;
  const metadata = JSON.stringify({ name, md5Hash: md5 });
  const head = Buffer.from(`${next} application/json\r\n\r\n${metadata}\r\n${next} application/octet-stream\r\n\r\n`);
  const body = Buffer.concat([head, bytes, Buffer.from(`\r\n--${boundary}--`)]);
  const headers = ['content-type', `multipart/related; boundary=${boundary}`];
  const path = `${uploadPath(bucket)}?uploadType=multipart&${objectFields}`;
  const moved = upload.moved && telling(upload.moved, head.length, bytes.length);
  // What can be tried again is tried with the content read anew.
  const answer = await client.requestOnce({ action, method: 'POST', key, path, headers, body, moved }, signal);
  return { object: parseObject(answer), md5 };
}

/** Tells of those bytes of the body that are content. */
function telling(moved: (bytes: number) => void, before: number, size: number): (bytes: number) => void {
  let at = -before;
  const within = (place: number): number => Math.min(size, Math.max(0, place));
  return (bytes) => {
    const content = within(at + bytes) - within(at);
    at += bytes;
    if (content > 0) moved(content);
  };
}

async function takeBack({ client, action, bucket, name, key }: Upload, generation: string): Promise<void> {
  const path = `${objectPath(bucket, name)}?ifGenerationMatch=${encodeURIComponent(generation)}`;
  await inPassing(`what came of ${key} could not be removed`, (signal) =>
    client.requestOnce({ action, method: 'DELETE', path, key, expects: [404, 412] }, signal),
  );
}
