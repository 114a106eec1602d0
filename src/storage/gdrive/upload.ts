import { randomBytes } from 'node:crypto';
import type { Content, TransferOperation } from '../../model/operation.ts';
import { prove } from './content.ts';
import { parseFile } from './files.ts';
import { promisedMd5, splitKey } from './name.ts';
import { sendInSession } from './session.ts';
import { metadataOf, refuseGone, type Upload, type UploadTools, uploadPath, verify } from './target.ts';

const mib = 1024 * 1024;
/** What Google recommends: content up to this size goes in one request, more in a resumable session. */
const singleBytes: number = 5 * mib;
/** Content up to this size is read before the first byte is sent. */
const smallBytes = 256 * 1024;

/**
 * Sends objects to their names. Drive shows a file once all of its content is there, so nobody reads half of one. What is
 * there under the name already gets the new content, and stays as it is when it has that content by Google's checksum.
 */
export function openUpload(
  tools: UploadTools,
): (key: string, content: Content, operation: TransferOperation) => Promise<void> {
  const { client, folders, lookup } = tools;
  const action = `cannot write to '${tools.displayUrl}'`;
  return async (key, content, operation) => {
    const { signal } = operation;
    const about = { action, key };
    const [folder, name] = splitKey(key);
    const promised = promisedMd5(key);
    // Looked up in every try: an earlier one may have come through although its answer was lost.
    await client.repeat(`write ${key}`, signal, async () => {
      const found = await lookup.find(about, key, signal);
      if (found.some(({ md5, size }) => promised !== undefined && md5 === promised && size === content.size)) return;
      const parent = await folders.make(about, folder, signal);
      // DVC reads the one with the smallest ID.
      const [id] = found.map((each) => each.id).sort();
      const upload = {
        ...about,
        content,
        promised,
        signal,
        operation,
        target: id === undefined ? { parent, name } : { id },
      };
      await (content.size <= singleBytes ? sendWhole(tools, upload) : sendInSession(tools, upload));
    });
  };
}

/** Metadata and content in one request (RFC 2387). */
async function sendWhole(tools: UploadTools, upload: Upload): Promise<void> {
  const { content, target, operation } = upload;
  const mark = randomBytes(18).toString('base64url');
  const part = (type: string): string => `--${mark}\r\ncontent-type: ${type}\r\n\r\n`;
  const front = `${part('application/json; charset=UTF-8')}${metadataOf(target)}\r\n${part('application/octet-stream')}`;
  const [before, behind] = [Buffer.from(front), Buffer.from(`\r\n--${mark}--\r\n`)];
  const whole = content.size <= smallBytes ? await readAll(upload) : undefined;
  let proven = whole ?? prove(upload);
  async function* stream(): AsyncGenerator<Uint8Array> {
    proven = prove(upload);
    yield before;
    yield* proven.chunks;
    yield behind;
  }
  const { status, value } = await tools.client.askForOnce(
    {
      ...upload,
      method: target.id === undefined ? 'POST' : 'PATCH',
      path: uploadPath(target, 'multipart'),
      headers: ['content-type', `multipart/related; boundary=${mark}`],
      body: {
        size: before.length + content.size + behind.length,
        open: () => (whole === undefined ? stream() : Buffer.concat([before, whole.bytes, behind])),
      },
      expects: [404],
      moved: ofContent(before.length, content.size, operation.moved),
    },
    upload.signal,
  );
  refuseGone(tools, upload, status);
  const file = parseFile(value);
  await verify(tools, upload, file, proven.md5());
  tools.lookup.note(upload.key, file.id);
}

async function readAll(upload: Upload): Promise<{ bytes: Buffer; md5: () => string }> {
  const { chunks, md5 } = prove(upload);
  const copies: Buffer[] = [];
  for await (const chunk of chunks) copies.push(Buffer.from(chunk));
  return { bytes: Buffer.concat(copies), md5 };
}

/** Tells of the bytes of the content only, not of what stands before and behind it in the body. */
function ofContent(before: number, size: number, moved: TransferOperation['moved']): TransferOperation['moved'] {
  if (moved === undefined) return undefined;
  let at = -before;
  return (bytes) => {
    const from = Math.min(size, Math.max(0, at));
    at += bytes;
    const to = Math.min(size, Math.max(0, at));
    if (to > from) moved(to - from);
  };
}
