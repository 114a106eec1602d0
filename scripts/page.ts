// The script and style of pages that `git dvcexp show --html` writes, each as one file.
import { build, type Metafile } from 'esbuild';

/** Builds `show.js` and `show.css` into a folder. */
export async function buildPage(outdir: string): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: ['page/show.ts', 'page/show.css'],
    outdir,
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    target: ['chrome111', 'firefox113', 'safari16.2'],
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
  });
  return metafile;
}
