import { HelperError } from '../../model/error.ts';
import type { Content, TransferOperation } from '../../model/operation.ts';
import { sliceBytes } from './download.ts';
import { status, statusOf, type Tell } from './failure.ts';
import { statPath } from './folders.ts';
import type { Link, Task } from './link.ts';
import type { Temporaries } from './temporaries.ts';
import type { Window } from './window.ts';

/** Bytes of one object that are on their way and not acknowledged. */
const behindBytes = 4 * 1024 * 1024;

/** What one server can do, found out once. */
export interface Abilities {
  /** posix-rename@openssh.com: replaces what is there in one step. */
  renamesOver: boolean;
}

export interface Upload {
  readonly link: Link;
  readonly window: Window;
  readonly abilities: Abilities;
  readonly temporaries: Temporaries;
  /** Absolute; ends in a slash. */
  readonly folder: string;
  /** Absolute. */
  readonly path: string;
  /** Makes the folder when it is not remembered, or anew. */
  makeFolder(task: Task): Promise<void>;
  readonly tell: Tell;
}

/**
 * Writes beside the object and renames over it, as DVC does. Whatever fails, the temporary file is removed: at once, or when
 * there is a connection again.
 */
export async function uploadObject(upload: Upload, content: Content, operation: TransferOperation): Promise<void> {
  const { link, folder, temporaries } = upload;
  const temporary = temporaries.create(folder);
  const task = link.begin(operation.signal);
  let handle: Buffer | undefined;
  try {
    handle = await createFile(upload, task, temporary);
    const file = handle;
    const sent = await sendContent(upload, task, file, content, operation);
    handle = undefined;
    await Promise.all([...sent, task.request((sftp, done) => sftp.close(file, done))]);
    operation.signal.throwIfAborted();
    await publish(upload, task, temporary, content.size);
  } catch (error) {
    // Asked before the file is removed, since that makes room.
    const told = statusOf(error) === status.failure ? await explainFailure(error, task, upload) : error;
    const open = handle;
    if (open !== undefined) task.tidy((sftp, done) => sftp.close(open, done));
    // Answered in order, so that it also removes a file whose making nobody waited for.
    await task.tidy((sftp, done) => sftp.unlink(temporary, done));
    if (link.lost !== undefined) temporaries.leave(temporary);
    throw told;
  } finally {
    task.end();
  }
}

async function createFile(upload: Upload, task: Task, temporary: string): Promise<Buffer> {
  // Exclusive: never through a link that somebody planted. The mode is the server's umask, as DVC leaves it.
  const open = (): Promise<Buffer> => task.request<Buffer>((sftp, done) => sftp.open(temporary, 'wx', done));
  try {
    return await open();
  } catch (error) {
    if (statusOf(error) !== status.noSuchFile) throw error;
  }
  await upload.makeFolder(task);
  return open();
}

/** Sends everything; answers the writes that are not acknowledged yet. Throws `corrupt` for content of another size. */
async function sendContent(
  { window, tell }: Upload,
  task: Task,
  handle: Buffer,
  content: Content,
  { signal, moved }: TransferOperation,
): Promise<readonly Promise<void>[]> {
  const behind: Promise<void>[] = [];
  let size = 0;
  const wrong = (): HelperError =>
    new HelperError('corrupt', tell(`the source gave ${size} bytes where ${content.size} were announced`));
  for await (const chunk of content.open()) {
    signal.throwIfAborted();
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    for (let start = 0; start < bytes.length; start += sliceBytes) {
      const length = Math.min(sliceBytes, bytes.length - start);
      let taken = window.take(length);
      while (behind.length > 0 && (!taken || behind.length * sliceBytes >= behindBytes)) {
        await behind.shift();
        taken ||= window.take(length);
      }
      const at = size + start;
      // ssh2 copies the bytes at once, so the chunk may change as soon as this returns.
      const written = task.request((sftp, done) => sftp.write(handle, bytes, start, length, at, done));
      const acknowledged = written.finally(() => {
        if (taken) window.give(length);
      });
      behind.push(moved === undefined ? acknowledged : acknowledged.then(() => moved(length)));
      // Met when its turn comes, unless another one failed first.
      behind.at(-1)?.catch(() => undefined);
    }
    size += bytes.length;
    if (size > content.size) throw wrong();
  }
  if (size !== content.size) throw wrong();
  return behind;
}

/** Gives the object its name. Nothing is removed first: there is no moment without the object. */
async function publish(upload: Upload, task: Task, temporary: string, size: number): Promise<void> {
  const { path, abilities, tell } = upload;
  if (abilities.renamesOver) {
    try {
      await task.request((sftp, done) => sftp.ext_openssh_rename(temporary, path, done));
      return;
    } catch (error) {
      const unknown = error instanceof Error && /does not support/.test(error.message);
      if (!unknown && statusOf(error) !== status.unsupported) throw error;
      abilities.renamesOver = false;
    }
  }
  try {
    await task.request((sftp, done) => sftp.rename(temporary, path, done));
  } catch (error) {
    const found = [status.failure, status.fileExists].some((code) => code === statusOf(error))
      ? await statPath(task, path)
      : undefined;
    if (found === undefined) throw error;
    // The name says what the bytes are. Somebody else was first, or the bytes there are not whole.
    if (!found.isFile() || found.size !== size) {
      throw new HelperError(
        'io',
        tell(`an entry of ${found.size} bytes is there instead of ${size}, and this server replaces none`),
        { hints: ['remove it on the server, then push again'] },
      );
    }
    await task.request((sftp, done) => sftp.unlink(temporary, done));
  }
}

/** 'Failure' is all that SFTP has for a full disk. */
async function explainFailure(error: unknown, task: Task, { folder, tell }: Upload): Promise<unknown> {
  try {
    const disk = await task.request<{ readonly f_bavail: number }>((sftp, done) =>
      sftp.ext_openssh_statvfs(folder, done),
    );
    return Number(disk.f_bavail) > 0
      ? error
      : new HelperError('full', tell('there is no room left on the server'), {
          hints: ['make room there, or have whoever runs the server do it'],
          cause: error,
        });
  } catch {
    return error;
  }
}
