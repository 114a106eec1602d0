import { spawnSync } from 'node:child_process';
import { writeSync } from 'node:fs';
import { basename } from 'node:path';

/** The story cannot go on; the message says why. */
export class DemoFailure extends Error {}

export interface Terminal {
  /** A headline of the story. */
  chapter(title: string): void;
  say(...lines: readonly string[]): void;
  /**
   * Shows one line of shell as typed in `folder`, runs it, lets its output through, and throws DemoFailure when it
   * does not end as expected.
   */
  type(folder: string, line: string, expected?: 'success' | 'failure'): void;
  /** Prints that something was looked at and found right, or throws DemoFailure. */
  check(claim: string, holds: boolean, otherwise?: string): void;
}

/**
 * Writes in order with what the commands print, since both go straight to file descriptor 1 and 2.
 *
 * @param environment all that the commands inherit
 * @param top the folder that the prompt calls `demo`; every other one goes by its own name
 */
export function openTerminal(environment: Readonly<Record<string, string>>, top: string): Terminal {
  const coloured = process.stdout.isTTY === true && process.env.NO_COLOR === undefined && process.env.TERM !== 'dumb';
  const paint = (code: string, text: string): string => (coloured ? `\u001b[${code}m${text}\u001b[m` : text);
  const print = (text: string): void => writeAll(`${text}\n`);
  return {
    chapter: (title) => print(`\n${paint('1', title)}\n${paint('1', '='.repeat(title.length))}`),
    say: (...lines) => print(lines.join('\n')),
    type(folder, line, expected = 'success') {
      print(`\n${paint('2', `${folder === top ? 'demo' : basename(folder)}$ `)}${paint('1', line)}`);
      const { status, signal, error } = spawnSync('sh', ['-c', line], {
        cwd: folder,
        env: environment,
        stdio: ['ignore', 'inherit', 'inherit'],
        timeout: 120_000,
      });
      if (error !== undefined) throw new DemoFailure(`cannot run '${line}': ${error.message}`);
      if (signal !== null) throw new DemoFailure(`'${line}' was stopped by ${signal}`);
      if ((status === 0) !== (expected === 'success')) {
        throw new DemoFailure(`'${line}' should end in ${expected}, and ended with exit code ${status}`);
      }
    },
    check(claim, holds, otherwise) {
      if (!holds) throw new DemoFailure(`not so: ${claim}${otherwise === undefined ? '' : ` (${otherwise})`}`);
      print(`  ${paint('32', 'checked')}  ${claim}`);
    },
  };
}

/** Whole text, also to a pipe that is full for the moment. */
function writeAll(text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
