import { appendFileSync } from 'node:fs';
import { constants } from 'node:os';
import { isAbsolute } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { attendedVariable, type Environment } from '../git/process.ts';
import { HelperError } from '../model/error.ts';
import { onTrace } from '../report/trace.ts';

/** The process, as arguments for everything below src/main. */
export interface ProcessContext {
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly cwd: string;
  readonly platform: string;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: (text: string) => void;
  /** stderr is a terminal: somebody reads along. */
  readonly terminal: boolean;
  /** Aborts when a signal asks this process to end. */
  readonly signal: AbortSignal;
  /** 128 + number of the signal that came; undefined when none did. */
  readonly signalExitCode: () => number | undefined;
}

/** The longest time between a signal and the end of this process: children get 3 seconds before they are killed. */
const graceMs = 5_000;
/** Two signals within this time are one Ctrl-C. */
const echoMs = 500;

/** GIT_TRACE_DVCEXP, as GIT_TRACE in git(1): 1, 2 or true is stderr, an absolute path a file to append to. */
function traceTo(target: string | undefined, stderr: (text: string) => void): void {
  if (target === undefined) return;
  const toStderr = /^(?:[12]|true)$/i.test(target);
  if (!toStderr && !isAbsolute(target)) return;
  onTrace((line) => {
    const text = `${new Date().toISOString().slice(11, 23)} dvcexp[${process.pid}]: ${line}\n`;
    if (toStderr) stderr(text);
    else appendFileSync(target, text);
  });
}

function abortOnSignals(controller: AbortController): () => number | undefined {
  let exitCode: number | undefined;
  let cameAt = 0;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      const code = 128 + constants.signals[name];
      if (exitCode !== undefined) {
        // The second one does not ask again, unless it is an echo of the first: a Git that ends passes on to its
        // helpers what the terminal has sent to all of them anyway.
        if (Date.now() - cameAt > echoMs) process.exit(code);
        return;
      }
      cameAt = Date.now();
      exitCode = code;
      controller.abort(new HelperError('interrupted', 'interrupted'));
      // Whoever waits for Git to speak is woken by the end of its words.
      process.stdin.destroy();
      setTimeout(() => process.exit(code), graceMs).unref();
    });
  }
  return () => exitCode;
}

/** Call once: it takes over the signals of the process. */
export function openProcessContext(): ProcessContext {
  const controller = new AbortController();
  const signalExitCode = abortOnSignals(controller);
  // A terminal that has gone takes no more messages, and that is no reason to stop.
  process.stderr.on('error', () => undefined);
  const stderr = (text: string): void => {
    process.stderr.write(text);
  };
  traceTo(process.env.GIT_TRACE_DVCEXP, stderr);
  // The SDK would tell users of a supported Node which one it would rather have.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
  return {
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    platform: process.platform,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr,
    terminal: process.stderr.isTTY === true || process.env[attendedVariable] === '1',
    signal: controller.signal,
    signalExitCode,
  };
}
