import { closeSync, openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { printable } from '../report/printable.ts';

type Env = Readonly<Record<string, string | undefined>>;

const isFalse = (text: string | undefined): boolean => /^(?:0|false|no|off)$/i.test(text ?? '');

/** False when the user has told Git not to prompt (git(1), GIT_TERMINAL_PROMPT), or there is no terminal. */
export function hasTerminal(env: Env, platform: string): boolean {
  if (isFalse(env.GIT_TERMINAL_PROMPT) || platform === 'win32') return false;
  const terminal = openTerminal();
  if (terminal !== undefined) closeSync(terminal);
  return terminal !== undefined;
}

/** A descriptor; undefined when this process has no terminal. */
function openTerminal(): number | undefined {
  try {
    return openSync('/dev/tty', 'r+');
  } catch {
    return undefined;
  }
}

/**
 * Asks on the terminal, since stdin belongs to Git, and answers what was typed up to the end of the line: '' for a mere
 * return, undefined for the end of input or when there is no terminal. Rejects with the reason of an abort.
 */
export async function askTerminal(lines: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  signal.throwIfAborted();
  const terminal = openTerminal();
  if (terminal === undefined) return undefined;
  // Takes the descriptor over, and closes it.
  const input = new ReadStream(terminal);
  try {
    writeSync(terminal, lines.map(printable).join('\n'));
    return await readLine(input, signal);
  } finally {
    input.destroy();
  }
}

const longestAnswer = 1024;

function readLine(input: ReadStream, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    let text = '';
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    const done = (answer: string | undefined): void => {
      signal.removeEventListener('abort', stop);
      resolve(answer);
    };
    input.setEncoding('utf8');
    input.on('data', (chunk) => {
      text += String(chunk);
      const end = text.search(/[\r\n]/);
      if (end >= 0) done(text.slice(0, end));
      else if (text.length > longestAnswer) done(undefined);
    });
    input.on('end', () => done(undefined));
    input.on('error', () => done(undefined));
  });
}
