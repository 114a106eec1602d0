import { closeSync, openSync, readSync } from 'node:fs';
import { HelperError } from '../model/error.ts';
import { type InnerGit, InnerGone } from './inner-git.ts';
import { type Environment, runGit } from './process.ts';

/** What a bundle begins with (gitformat-bundle(5)); Git knows one by this and not by its name. */
const signature = /^# v[23] git bundle\n/;

/** False for what is no file, or cannot be read. */
export function isBundle(path: string): boolean {
  const bytes = Buffer.alloc(16);
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    return signature.test(bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0)));
  } catch {
    return false;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Git has told on stderr what is wrong with the file. */
const accept = [0, 1, 128];

/**
 * A bundle in the place of a Git remote (git-bundle(1)): it can be listed and fetched from. Throws `unsupported` for a
 * push, before any data is uploaded.
 */
export function openBundle(path: string, env: Environment): InnerGit {
  let progress = false;
  const misplaced = (what: string): HelperError =>
    new HelperError('unsupported', `'${what}' was not offered for a bundle`);
  return {
    capabilities: async () => ['fetch', 'push', 'option', 'object-format'],
    option: async (line, known) => {
      if (line.toString('latin1').startsWith('option progress ')) progress = line.toString().endsWith(' true');
      return known ? 'ok' : 'unsupported';
    },
    connect: async (line) => {
      throw misplaced(line);
    },
    list: async (forPush, options, { signal }) => {
      if (forPush) throw new HelperError('unsupported', 'a bundle takes no push; git bundle create makes a new one');
      const { code, stdout } = await runGit(['bundle', 'list-heads', path], { env, signal, stderr: 'inherit', accept });
      if (code !== 0) throw new InnerGone(code);
      const lines = stdout.toString('latin1').split('\n').slice(0, -1);
      const oid = /^[0-9a-f]*/.exec(lines[0] ?? '')?.[0] ?? '';
      // Last first, as Git itself hands them out.
      const refs = lines.reverse().map((line) => Buffer.from(line, 'latin1'));
      const format = `:object-format ${oid.length === 64 ? 'sha256' : 'sha1'}`;
      return options.objectFormat ? [Buffer.from(format), ...refs] : refs;
    },
    fetch: async (_batch, _options, { signal }) => {
      const shown = progress ? ['--progress'] : [];
      const args = ['bundle', 'unbundle', ...shown, path];
      const { code } = await runGit(args, { env, signal, stderr: 'inherit', accept });
      if (code !== 0) throw new InnerGone(code);
      return [];
    },
    push: async () => {
      throw misplaced('push');
    },
    handOver: async (line) => {
      throw misplaced(line.toString());
    },
    finish: async () => 0,
  };
}
