import { readWhole } from '../content.ts';
import { leastPartBytes, type Upload, uploadInParts } from './multipart.ts';

// What a body may take without asking; below it a request's own overhead is of the same order.
const smallBytes = 256 * 1024;

/** Objects up to the size of a part go in one request. */
export async function uploadObject(upload: Upload): Promise<void> {
  const { content, signal, budget } = upload;
  if (content.size > leastPartBytes) return uploadInParts(upload);
  const release = content.size > smallBytes ? await budget.take(content.size, signal) : undefined;
  try {
    const body = await readWhole(upload);
    const { client, key, action, createHeaders, objectHeaders, moved } = upload;
    const headers = [...createHeaders, ...objectHeaders];
    await client.request({ action, method: 'PUT', key, headers, body, moved }, signal);
  } finally {
    release?.();
  }
}
