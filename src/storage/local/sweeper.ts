import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import type { OpenSweeper } from '../sweeper.ts';
import { codeOf } from './failure.ts';

/** A directory. Its folders stay: somebody may be about to write into one. */
export const openLocalSweeper: OpenSweeper = async ({ url }) => ({
  concurrency: 8,
  async remove(key, { signal }) {
    signal.throwIfAborted();
    try {
      unlinkSync(join(url, key));
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') return;
      const kind = /^(?:EACCES|EPERM|EROFS)$/.test(code) ? 'auth' : 'io';
      throw new HelperError(kind, `cannot remove from '${printable(url)}': ${code || 'failed'} ('${key}')`, {
        cause: error,
      });
    }
  },
  async close() {},
});
