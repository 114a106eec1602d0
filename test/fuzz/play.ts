// One run of the helper in this process, towards a Git that misbehaves, and what its answers must look like.
import { PassThrough } from 'node:stream';
import { runRemoteHelper } from '../../src/main/run.ts';
import type { DataMover, DownloadRequest, UploadRequest } from '../../src/transfer/data-mover.ts';

export interface Played {
  readonly code: number;
  /** Without what only fills the pipe at the end of a fetch. */
  readonly stdout: string;
  readonly stderr: string;
  readonly uploads: readonly UploadRequest[];
  readonly downloads: readonly DownloadRequest[];
}

export interface Stage {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A data side that does nothing, and notes what it was asked. */
export function notingMover(): { mover: DataMover; uploads: UploadRequest[]; downloads: DownloadRequest[] } {
  const uploads: UploadRequest[] = [];
  const downloads: DownloadRequest[] = [];
  const mover: DataMover = {
    upload: async (request) => {
      uploads.push(request);
      return new Map();
    },
    download: async (request) => {
      downloads.push(request);
      return { outcome: 'whole', retry: [] };
    },
    close: async () => undefined,
  };
  return { mover, uploads, downloads };
}

/** More than any answer of these tests, less than the filling. */
const filling = /0{300000,}$/;

export async function play({ argv, cwd, env }: Stage, said: readonly Buffer[]): Promise<Played> {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const { mover, uploads, downloads } = notingMover();
  let heard = '';
  let complained = '';
  stdout.setEncoding('latin1').on('data', (text: string) => {
    heard += text;
    // Git reads what it asked for and closes its end.
    if (filling.test(text.slice(-400_000))) stdout.destroy();
  });
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), 30_000);
  for (const bytes of said) stdin.write(bytes);
  stdin.end();
  const code = await runRemoteHelper(
    {
      ...{ argv, env, cwd, platform: process.platform, stdin, stdout },
      stderr: (text) => (complained += text),
      signal: controller.signal,
      terminal: false,
      signalExitCode: () => undefined,
    },
    async () => mover,
  );
  clearTimeout(timer);
  return { code, stdout: heard.replace(filling, ''), stderr: complained, uploads, downloads };
}

/** What a person must never see: the program's insides. */
const insides = /\n\s+at |node:internal|\[object |\bundefined\b|NaN|unexpected failure|TypeError|RangeError|ERR_[A-Z]/;

export function checkStderr(stderr: string): string | undefined {
  const found = insides.exec(stderr);
  return found === null ? undefined : `said '${found[0]}' on stderr: ${stderr.slice(0, 400)}`;
}

const listLine = /^(?:\?|[0-9a-f]{40}|[0-9a-f]{64}|@\S+|:\S+) \S+/;
const statusLine = /^(?:ok|error|option) \S/;

/** The lines of a reply from `at` on, and where it ends; undefined when its blank line never comes. */
function block(lines: readonly string[], at: number): { readonly block: readonly string[]; next: number } | undefined {
  const end = lines.indexOf('', at);
  return end < 0 ? undefined : { block: lines.slice(at, end), next: end + 1 };
}

/**
 * Reads the answers as Git would, command by command (gitremote-helpers(7)): what is wrong with them, or undefined. They
 * may end early when the helper failed and said so by its exit code.
 */
export function checkAnswers(said: Buffer, { stdout, code }: Played): string | undefined {
  const commands = said.toString('latin1').split('\n');
  // A last line without its end was never said.
  commands.pop();
  const lines = stdout.split('\n');
  let at = 0;
  const early = (): string | undefined => (code === 0 ? 'stopped answering and exited with 0' : undefined);
  for (let index = 0; index < commands.length; index += 1) {
    const command = commands[index] ?? '';
    const [word = ''] = command.split(' ');
    if (at >= lines.length - 1) return ['', 'import', 'export'].includes(word) ? undefined : early();
    if (word === '') break;
    if (word === 'option' || word.endsWith('connect')) {
      const answer = lines[at];
      at += 1;
      if (!word.endsWith('connect')) continue;
      if (answer === 'fallback') continue;
      return answer === '' ? undefined : `answered '${answer}' to connect`;
    }
    const reply = block(lines, at);
    if (reply === undefined) return early() ?? (stdout.endsWith('\n') ? undefined : 'stopped in mid-line');
    at = reply.next;
    const bad = (shape: RegExp): string | undefined => reply.block.find((line) => !shape.test(line));
    if (word === 'list' && bad(listLine) !== undefined) return `listed '${bad(listLine)}'`;
    if (word !== 'fetch' && word !== 'push') continue;
    const end = commands.indexOf('', index);
    const batch = commands.slice(index, end < 0 ? commands.length : end);
    index = end < 0 ? commands.length : end;
    if (word === 'push') {
      if (bad(statusLine) !== undefined) return `'${bad(statusLine)}' is no status`;
      for (const line of batch) {
        const name = line.slice(line.indexOf(':') + 1);
        const answers = reply.block.filter((status) => /^(?:ok|error) /.test(status) && status.split(' ')[1] === name);
        if (answers.length === 0) return `no answer for '${name}'`;
      }
    }
  }
  return at >= lines.length - 1 ? undefined : `said more than it was asked: ${JSON.stringify(lines.slice(at, at + 3))}`;
}
