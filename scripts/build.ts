// Bundles src/main into dist: one entry per program, every backend and everything that is needed only when data
// moves in chunks of their own. Run by `npm run build`.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';

rmSync('dist', { recursive: true, force: true });
const result = await build({
  entryPoints: ['src/main/remote-helper.ts'],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // The default order picks the SDK's CommonJS build, whose classes are no named exports then.
  mainFields: ['module', 'main'],
  chunkNames: 'chunks/[name]-[hash]',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'linked',
  metafile: true,
  logLevel: 'warning',
  // CommonJS packages inside an ESM bundle still call require() for Node's own modules.
  banner: {
    js: "import{createRequire as __dvcexpRequire}from'node:module';const require=__dvcexpRequire(import.meta.url);",
  },
});
mkdirSync('.cache', { recursive: true });
writeFileSync('.cache/bundle.json', JSON.stringify(result.metafile));
