// The script and style of pages that `git dvcexp show --html` writes, each as one file.
import { build } from 'esbuild';

/** Builds `show.js` and `show.css` into a folder. */
export async function buildPage(outdir: string): Promise<void> {
  await build({
    entryPoints: ['page/show.ts', 'page/show.css'],
    outdir,
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: ['chrome111', 'firefox113', 'safari16.2'],
    legalComments: 'none',
    logLevel: 'warning',
  });
}
