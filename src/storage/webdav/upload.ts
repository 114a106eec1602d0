import { HelperError } from '../../model/error.ts';
import type { Content, TransferOperation } from '../../model/operation.ts';
import type { Client } from '../http/client.ts';
import { type Send, sendInPlace, sendObject } from '../http/object.ts';
import { temporaryName } from '../temporary.ts';
import type { Folders } from './folders.ts';
import { removeTemporary } from './temporaries.ts';

export interface UploadTools {
  readonly client: Client;
  readonly folders: Folders;
  readonly displayUrl: string;
  /** Bytes of an object; undefined: there is none. */
  readonly sizeOf: (action: string, key: string, signal: AbortSignal) => Promise<number | undefined>;
}

type Upload = (key: string, content: Content, operation: TransferOperation) => Promise<void>;

/** Answers to MOVE that say: not here. 502 is what a gateway says whose own name is not the one in our URL. */
const refusals = [400, 403, 405, 501, 502];

/** Sends objects under a temporary name and moves them to their own; where the server moves nothing, in one PUT. */
export function openUpload(tools: UploadTools): Upload {
  const { client, folders, displayUrl } = tools;
  const action = `cannot write to '${displayUrl}'`;
  let moves = true;

  const put = async (send: Send, key: string, content: Content, operation: TransferOperation): Promise<void> => {
    const folder = key.slice(0, key.lastIndexOf('/') + 1);
    await folders.make(folder, operation.signal);
    const status = await send(client, { action, method: 'PUT', key, expects: [404, 409] }, content, operation);
    if (status < 300) return;
    folders.forget(folder);
    throw new HelperError('unavailable', `${action}: the folder '${folder}' is not there (${status} to PUT)`);
  };

  /** False when the server refuses to move anything. */
  const move = async (from: string, to: string, size: number, signal: AbortSignal): Promise<boolean> => {
    const headers = ['destination', client.urlOf(to), 'overwrite', 'T'];
    const call = { action, method: 'MOVE', key: from, headers, expects: [404, 409, ...refusals] };
    const { status } = await client.ask(call, signal);
    if (refusals.includes(status)) return false;
    // Not there any more: an earlier try has moved it and its answer was lost.
    if (status < 300 && status !== 207) return true;
    if ((await tools.sizeOf(action, to, signal)) === size) return true;
    throw new HelperError('unavailable', `${action}: the object could not be moved to its name (${status}, '${to}')`);
  };

  const viaTemporary: Upload = async (key, content, operation) => {
    const temporary = key.slice(0, key.lastIndexOf('/') + 1) + temporaryName();
    try {
      await put(sendObject, temporary, content, operation);
      moves = await move(temporary, key, content.size, operation.signal);
    } catch (error) {
      await removeTemporary(client, temporary);
      throw error;
    }
    if (!moves) await removeTemporary(client, temporary);
  };

  return async (key, content, operation) => {
    // WsgiDAV decodes the header Destination before it looks where the path ends. No object of DVC's has such a name.
    const movable = !/[?#;]/.test(decodeURIComponent(client.urlOf(key)));
    if (movable && moves) await viaTemporary(key, content, operation);
    if (movable && moves) return;
    await put(sendInPlace, key, content, operation);
  };
}
