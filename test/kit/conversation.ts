import { PassThrough } from 'node:stream';
import { runRemoteHelper } from '../../src/main/run.ts';
import type { RefName } from '../../src/model/git.ts';
import type { MoverRequest } from '../../src/remote-helper/session.ts';
import type { DataMover, DownloadRequest, UploadRequest } from '../../src/transfer/data-mover.ts';

export interface Conversation {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly opened: readonly MoverRequest[];
  readonly uploads: readonly UploadRequest[];
  readonly downloads: readonly DownloadRequest[];
}

export interface Part {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** Refname → reason. */
  readonly uploadErrors?: Readonly<Record<string, string>>;
}

/** What Git would say (lines, or bytes as they are), all of it at once, and what this program answers: in this process, with a data side of the test's. */
export async function converse(part: Part, lines: readonly (string | Buffer)[]): Promise<Conversation> {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  let said = '';
  let complained = '';
  const opened: MoverRequest[] = [];
  const uploads: UploadRequest[] = [];
  const downloads: DownloadRequest[] = [];
  stdout.setEncoding('latin1').on('data', (text: string) => (said += text));
  stdin.end(Buffer.concat(lines.map((line) => (typeof line === 'string' ? Buffer.from(`${line}\n`) : line))));
  const mover: DataMover = {
    upload: async (request) => {
      uploads.push(request);
      return new Map(Object.entries(part.uploadErrors ?? {}) as [RefName, string][]);
    },
    download: async (request) => {
      downloads.push(request);
      return { outcome: 'whole', retry: [] };
    },
    close: async () => undefined,
  };
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), 30_000);
  const code = await runRemoteHelper(
    {
      ...{ argv: part.argv, env: part.env, cwd: part.cwd, platform: process.platform, stdin, stdout },
      stderr: (text) => (complained += text),
      signal: controller.signal,
      terminal: false,
      signalExitCode: () => undefined,
    },
    async (request) => {
      opened.push(request);
      return mover;
    },
  );
  clearTimeout(timer);
  return { code, stdout: said, stderr: complained, opened, uploads, downloads };
}
