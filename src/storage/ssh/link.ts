import type { Client, SFTPWrapper } from 'ssh2';
import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { trace } from '../../report/trace.ts';
import { RequestError } from './failure.ts';

/** A piece of work on one SFTP session: requests that share one way to be stopped. */
export interface Task {
  /**
   * Sends one request; as many as wanted may be under way, and the server answers them in order. Rejects with the
   * a RequestError, with `unavailable` when the connection is lost, and
   * with the reason of an abort at once, whatever becomes of the request.
   */
  request<T = void>(send: (sftp: SFTPWrapper, done: Done<T>) => void): Promise<T>;
  /** Puts things in order after a failure: not stopped by the signal, given up after 3 seconds, never rejects. */
  tidy(send: (sftp: SFTPWrapper, done: Done<void>) => void): Promise<void>;
  /** Call once, whatever came of it. */
  end(): void;
}

type Reject = (error: unknown) => void;

export type Done<T> = (error: Error | undefined | null, value?: T) => void;

/** One connection and the SFTP sessions over it. */
export interface Link {
  /** Why it is of no use any more; undefined while it is. */
  readonly lost: HelperError | undefined;
  begin(signal: AbortSignal): Task;
  close(): void;
}

export interface LinkOptions {
  readonly client: Client;
  readonly displayUrl: string;
  /** How long the server may keep silent while it owes an answer. */
  readonly stallMs: number;
  /** Most SFTP sessions. */
  readonly sessions: number;
}

interface Session {
  readonly sftp: SFTPWrapper;
  tasks: number;
}

// sftp-server works on one request after the other: another session has another process.
const tasksPerSession = 8;
const tidyMs = 3_000;

/** Opens the first SFTP session; the rest when there is work for them. Takes over the client. */
export async function openLink(options: LinkOptions): Promise<Link> {
  const { client, displayUrl, stallMs } = options;
  const sessions: Session[] = [];
  const rejects = new Set<Reject>();
  let lost: HelperError | undefined;
  let owed = 0;
  let heardAt = 0;
  const lose = (why: string): void => {
    if (lost !== undefined) return;
    lost = new HelperError('unavailable', `lost the connection to '${displayUrl}': ${why}`);
    trace(() => `ssh: ${lost?.message}`);
    clearInterval(watch);
    client.destroy();
    for (const reject of rejects) reject(lost);
    rejects.clear();
  };
  const watch = setInterval(
    () => {
      if (owed > 0 && Date.now() - heardAt > stallMs) lose(`no answer for ${stallMs / 1000} s`);
    },
    Math.min(1000, stallMs / 4),
  );
  watch.unref();
  client.on('error', (error) => lose(printable(error.message)));
  client.on('close', () => lose('the server closed it'));
  const add = async (): Promise<void> => {
    const session = { sftp: await openSftp(client), tasks: 0 };
    session.sftp.on('error', (error: Error) => lose(printable(error.message)));
    session.sftp.on('close', () => lose('the server ended the SFTP session'));
    sessions.push(session);
  };
  try {
    await within(stallMs, add());
  } catch (error) {
    lose('it has no SFTP');
    throw noSftp(displayUrl, error);
  }
  const [first] = sessions;
  if (first === undefined) throw noSftp(displayUrl, undefined);
  let most = options.sessions;
  let adding = false;
  const choose = (): Session => {
    const session = sessions.reduce((best, each) => (each.tasks < best.tasks ? each : best), first);
    if (session.tasks >= tasksPerSession && sessions.length < most && !adding) {
      adding = true;
      // A server that allows no more (MaxSessions in sshd_config(5)) is served with those there are.
      add().then(
        () => {
          adding = false;
        },
        () => {
          most = 0;
        },
      );
    }
    return session;
  };
  const ask = <T>({ sftp }: Session, own: Set<Reject>, send: (sftp: SFTPWrapper, done: Done<T>) => void): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (lost !== undefined) return reject(lost);
      own.add(reject);
      rejects.add(reject);
      if (owed++ === 0) heardAt = Date.now();
      const done: Done<T> = (error, value) => {
        owed -= 1;
        heardAt = Date.now();
        own.delete(reject);
        rejects.delete(reject);
        if (error) reject(new RequestError(error));
        else resolve(value as T);
      };
      try {
        send(sftp, done);
      } catch (error) {
        // What ssh2 cannot send it throws: an extension that the server has not got, among others.
        done(error instanceof Error ? error : new Error(String(error)));
      }
    });
  return {
    get lost() {
      return lost;
    },
    begin(signal) {
      signal.throwIfAborted();
      if (lost !== undefined) throw lost;
      const session = choose();
      session.tasks += 1;
      const own = new Set<Reject>();
      const stop = (): void => {
        for (const reject of own) reject(signal.reason);
      };
      signal.addEventListener('abort', stop, { once: true });
      return {
        request: (send) => (signal.aborted ? Promise.reject(signal.reason) : ask(session, own, send)),
        tidy: (send) => within(tidyMs, ask<void>(session, new Set(), send)).catch(() => undefined),
        end() {
          session.tasks -= 1;
          signal.removeEventListener('abort', stop);
        },
      };
    },
    close() {
      lost ??= new HelperError('unavailable', `the connection to '${displayUrl}' was closed`);
      clearInterval(watch);
      client.end();
    },
  };
}

function openSftp(client: Client): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) => {
    client.sftp((error, sftp) => (error ? reject(error) : resolve(sftp)));
  });
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new HelperError('unavailable', 'no answer')), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

function noSftp(displayUrl: string, cause: unknown): HelperError {
  if (cause instanceof HelperError) {
    return new HelperError('unavailable', `'${displayUrl}': the server does not answer to SFTP`, { cause });
  }
  const why = cause instanceof Error ? `: ${printable(cause.message)}` : '';
  return new HelperError('config', `'${displayUrl}': the server lets us in and has no SFTP${why}`, {
    hints: ["have 'Subsystem sftp internal-sftp' put into its sshd_config"],
    cause,
  });
}
