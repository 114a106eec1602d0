// git-credential-dvcexp: wires one question of Git's to the outside world, and that is all. Git starts it for every
// request that needs a password, so it loads nothing that is not needed.
import { readSync } from 'node:fs';
import { homedir } from 'node:os';
import { mostBytes } from '../credential-helper/request.ts';
import { respond } from '../credential-helper/respond.ts';

function readInput(): string {
  const chunks: Buffer[] = [];
  const chunk = Buffer.alloc(64 * 1024);
  for (let total = 0; total <= mostBytes; ) {
    const length = readSome(chunk);
    if (length === 0) break;
    total += length;
    chunks.push(Buffer.from(chunk.subarray(0, length)));
  }
  return Buffer.concat(chunks).toString();
}

function readSome(chunk: Buffer): number {
  try {
    return readSync(0, chunk);
  } catch (error) {
    // Windows tells the end of a pipe so.
    if (error instanceof Error && 'code' in error && error.code === 'EOF') return 0;
    throw error;
  }
}

const [operation] = process.argv.slice(2);
if (operation === undefined) {
  process.stderr.write('usage: git credential-dvcexp <operation>\n');
  process.exitCode = 129;
} else {
  const text = await respond(operation, readInput(), {
    cwd: process.cwd(),
    env: process.env,
    platform: process.platform,
    home: homedir(),
    uid: process.getuid?.(),
    isTracked: async (path) => (await import('../git/tracked.ts')).isTracked(path, { env: process.env }),
  });
  process.stdout.write(text);
}
