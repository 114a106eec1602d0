import { HelperError } from '../../model/error.ts';
import type { StorageContext } from '../remote.ts';
import { connectSsh } from './connection.ts';
import { type Link, openLink } from './link.ts';
import type { SshSettings } from './settings.ts';

/** The one connection that all verbs share, made when it is first needed and again when it was lost. */
export interface Links {
  /** Rejects with the reason of an abort; the connection goes on being made for the others. */
  current(signal: AbortSignal): Promise<Link>;
  close(): Promise<void>;
}

export function openLinks(settings: SshSettings, context: StorageContext): Links {
  const closing = new AbortController();
  let link: Promise<Link> | undefined;
  const open = async (): Promise<Link> => {
    const client = await connectSsh(settings, context, closing);
    return openLink({ ...settings, client });
  };
  const renewed = (): Promise<Link> => {
    const opened = open();
    opened.then(
      () => undefined,
      (error: unknown) => {
        // A refusal stays one: asking again would lock accounts, and is no help.
        const passing = !(error instanceof HelperError) || error.code === 'unavailable';
        if (passing && link === opened) link = undefined;
      },
    );
    return opened;
  };
  return {
    async current(signal) {
      signal.throwIfAborted();
      link ??= renewed();
      const found = await stoppable(link, signal);
      if (found.lost === undefined || closing.signal.aborted) return found;
      // Others may have met the loss before us.
      if ((await link) === found) link = renewed();
      return stoppable(link, signal);
    },
    async close() {
      closing.abort(new HelperError('interrupted', 'the storage was closed'));
      const open = await link?.catch(() => undefined);
      open?.close();
    },
  };
}

async function stoppable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = (): void => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
  });
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
