import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

/**
 * Bundles the scripted helper (some 0.1 s) and answers a folder to put on PATH, with a `git-remote-dvcexp` in it that
 * starts as fast as the product.
 */
export function buildHelperProgram(directory: string): string {
  const bin = join(directory, 'helper-bin');
  mkdirSync(bin, { recursive: true });
  buildSync({
    entryPoints: [join(import.meta.dirname, 'scripted-helper.ts')],
    outfile: join(bin, 'scripted-helper.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'error',
  });
  const program = join(bin, 'git-remote-dvcexp');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${join(bin, 'scripted-helper.mjs')}' "$@"\n`);
  chmodSync(program, 0o755);
  return bin;
}
