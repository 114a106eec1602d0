// git-remote-dvcexp with a data side that does what the test says and notes what it was asked. Bundled and put on PATH
// by helper-program.ts; never part of the product.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { openProcessContext } from '../../src/main/context.ts';
import { runRemoteHelper } from '../../src/main/run.ts';
import { isExperiment, type RefName } from '../../src/model/git.ts';
import type { DataMover } from '../../src/transfer/data-mover.ts';
import type { MoverNote, MoverScript } from './mover-script.ts';

const context = openProcessContext();
const { env } = context;
const log = env.DVCEXP_TEST_LOG;
const scriptPath = env.DVCEXP_TEST_SCRIPT;
const script: MoverScript =
  scriptPath !== undefined && existsSync(scriptPath)
    ? (JSON.parse(readFileSync(scriptPath, 'utf8')) as MoverScript)
    : {};
const note = (line: MoverNote): void => {
  if (log !== undefined) appendFileSync(log, `${JSON.stringify(line)}\n`);
};

function hasObject(oid: string): boolean {
  try {
    execFileSync('git', ['cat-file', '-e', oid], { stdio: 'ignore', env: { ...env, GIT_NO_LAZY_FETCH: '1' } });
    return true;
  } catch {
    return false;
  }
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });

function scriptedMover(): DataMover {
  return {
    upload: async (request, { signal }) => {
      note({ event: 'upload', ...request });
      if (script.delayMs !== undefined) await pause(script.delayMs, signal);
      if (script.throws !== undefined) throw new Error(script.throws);
      const failed = new Map<RefName, string>();
      for (const { destination } of request.refs) {
        const reason = script.uploadErrors?.[destination];
        if (reason !== undefined) failed.set(destination, reason);
      }
      note({ event: 'upload-done' });
      return failed;
    },
    download: async (request, { signal }) => {
      note({ event: 'download', ...request, present: request.wants.every(({ oid }) => hasObject(oid)) });
      if (script.delayMs !== undefined) await pause(script.delayMs, signal);
      if (script.throws !== undefined) throw new Error(script.throws);
      if (script.download !== 'broken') return { outcome: 'whole', retry: [] };
      const strict = request.wants.some(({ names }) => names.some(isExperiment)) && !request.cloning;
      context.stderr('error: the storage of the test is broken\n');
      return { outcome: strict ? 'failed' : 'whole', retry: request.wants.map(({ oid }) => oid) };
    },
    close: async () => note({ event: 'close' }),
  };
}

process.exit(
  await runRemoteHelper(context, async (request) => {
    note({ event: 'open', settings: request.settings });
    return scriptedMover();
  }),
);
