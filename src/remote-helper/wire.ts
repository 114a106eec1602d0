import type { Readable, Writable } from 'node:stream';
import { openAllowance } from '../git/allowance.ts';
import { type ByteReader, openByteReader, writeBytes } from '../git/byte-stream.ts';
import { HelperError } from '../model/error.ts';
import { printable } from '../report/printable.ts';
import { trace } from '../report/trace.ts';

/** Git, which started us, has closed its end: whatever we were doing for it is over. */
export class GitGone extends Error {
  constructor() {
    super('Git has gone');
    this.name = 'GitGone';
  }
}

/** One line from Git: the word it begins with, the text behind it, and the bytes for handing on. */
export interface Command {
  readonly word: string;
  readonly rest: string;
  readonly line: Buffer;
}

/** The conversation with Git over stdin and stdout. Nothing else in this program writes to stdout. */
export interface Wire {
  /** Undefined when Git has closed its end; `word` is '' for a blank line. */
  command(): Promise<Command | undefined>;
  /**
   * The lines of a batch, the first of them given, up to the blank line that ends it. Throws `GitGone` when it never
   * ends, `unsupported` for a line of another command or more than 256 MiB of them.
   */
  batch(first: Buffer): Promise<readonly Buffer[]>;
  /** One line. */
  answer(text: Buffer | string): Promise<void>;
  /** Lines, and the blank one that ends them. */
  reply(lines: readonly (Buffer | string)[]): Promise<void>;
  /** What Git says from here on, as bytes: for a conversation that is no longer in lines. */
  readonly bytes: ByteReader;
  /** Throws `GitGone` when nobody reads any more. */
  write(bytes: Uint8Array): Promise<void>;
  /** Resolves when everything written has left this process, or nobody reads. */
  drained(): Promise<void>;
  /**
   * Resolves when Git has closed its reading end. For use after the last byte of a fetch only: what Git does not read
   * any more is written until the pipe breaks. Nothing can be said to Git afterwards.
   */
  readerGone(): Promise<void>;
}

const largestBatchBytes = 256 * 1024 * 1024;
/** More than any pipe holds (fcntl(2): an unprivileged one at most 1 MiB), so that the write cannot end by itself. */
const paddingBytes = 2 * 1024 * 1024;

export function parseCommand(line: Buffer): Command {
  const text = line.toString();
  const space = text.indexOf(' ');
  return space < 0 ? { word: text, rest: '', line } : { word: text.slice(0, space), rest: text.slice(space + 1), line };
}

function joinLines(lines: readonly (Buffer | string)[]): Buffer {
  const newline = Buffer.from('\n');
  return Buffer.concat(lines.flatMap((line) => [typeof line === 'string' ? Buffer.from(line) : line, newline]));
}

/** Opens the conversation. The streams stay the caller's. */
export function openWire(stdin: Readable, stdout: Writable): Wire {
  const bytes = openByteReader(stdin, 'Git');
  stdout.on('error', () => undefined);
  const write = async (content: Uint8Array): Promise<void> => {
    if (!(await writeBytes(stdout, content))) throw new GitGone();
  };
  return {
    bytes,
    write,
    command: async () => {
      const line = await bytes.line();
      if (line === undefined) return undefined;
      const command = parseCommand(line);
      trace(() => `git: ${printable(command.word)}`);
      return command;
    },
    batch: async (first) => {
      const lines: Buffer[] = [];
      const spend = openAllowance(largestBatchBytes, 'Git asks for too much at once');
      const { word } = parseCommand(first);
      for (let line: Buffer | undefined = first; ; line = await bytes.line()) {
        if (line === undefined) throw new GitGone();
        if (line.length === 0) return lines;
        if (parseCommand(line).word !== word) {
          throw new HelperError('unsupported', `Git sent '${printable(line.toString())}' among lines of '${word}'`);
        }
        spend(line.length);
        lines.push(line);
      }
    },
    answer: (text) => write(joinLines([text])),
    reply: (lines) => write(joinLines([...lines, ''])),
    drained: () => new Promise((resolve) => void stdout.write('', () => resolve())),
    readerGone: () =>
      new Promise((resolve) => {
        if (stdout.destroyed) return resolve();
        stdout.once('error', () => resolve());
        stdout.once('close', () => resolve());
        stdout.write(Buffer.alloc(paddingBytes, '0'));
      }),
  };
}
