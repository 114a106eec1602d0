import { after, before, beforeEach } from 'node:test';
import { type OpenContext, openStorage } from '../../src/storage/open.ts';
import type { Storage } from '../../src/storage/remote.ts';
import { bucket, type FakeGcs, startFakeGcs } from '../kit/fake-gcs.ts';
import { type FaultProxy, openFaultProxy } from '../kit/fault-proxy.ts';
import { type GcsFront, openGcsFront } from '../kit/gcs-front.ts';
import { trusting } from '../kit/trusting.ts';

/** Nothing of the user's, and waits short enough for a test. */
export const alone: OpenContext = {
  env: { NO_GCE_CHECK: 'true' },
  home: '/nonexistent',
  judge: trusting,
  retry: { shortestMs: 1, firstMs: 2, longestMs: 10 },
};

export const anonymous: Readonly<Record<string, string>> = { allow_anonymous_login: 'true' };

let serial = 0;
/** A prefix of its own for each test. */
export const freshUrl = (): string => `gs://${bucket}/test${process.pid}-${serial++}`;

export function openGs(
  endpointurl: string | undefined,
  options: Readonly<Record<string, string>> = anonymous,
  context: Partial<OpenContext> & { readonly url?: string } = {},
): Promise<Storage> {
  const { url = freshUrl(), ...rest } = context;
  const endpoint = endpointurl === undefined ? {} : { endpointurl };
  return openStorage(
    { name: 'store', scheme: 'gs', url, options: { ...endpoint, ...options }, committed: new Set() },
    { ...alone, ...rest, env: { ...alone.env, ...rest.env } },
  );
}

/** The whole service: the server, in front of it what it leaves out, and in front of that what spoils requests. */
export interface Stage {
  readonly server: FakeGcs;
  readonly front: GcsFront;
  readonly proxy: FaultProxy;
}

/** For the tests of one file: there once they run, and as new for each. */
export function openStage(): Stage {
  const stage: { -readonly [part in keyof Stage]?: Stage[part] } = {};
  before(
    async () => {
      stage.server = await startFakeGcs();
      stage.front = await openGcsFront(stage.server);
      stage.proxy = await openFaultProxy(stage.front);
    },
    { timeout: 60_000 },
  );
  after(async () => {
    for (const part of [stage.proxy, stage.front, stage.server]) await part?.close();
  });
  beforeEach(() => {
    const { front, proxy } = stage as Stage;
    proxy.rules = [];
    proxy.seen.length = 0;
    front.forget();
    front.appetite = Number.POSITIVE_INFINITY;
    front.whose = () => 'anybody';
    front.may = () => true;
  });
  return stage as Stage;
}
