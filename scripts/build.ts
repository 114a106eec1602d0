// Bundles src/main into dist: one entry per program, every backend and everything that is needed only when data
// moves in chunks of their own; and page/ for the pages of `git dvcexp show --html`. What is inlined brings its licence along. Run by `npm run build`.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { bomOf, inlinedPackages, noticesOf } from './build/inlined.ts';
import { toRoff } from './man.ts';
import { buildPage } from './page.ts';

// Built aside and put in place by renaming, so that a helper that starts meanwhile finds one whole bundle.
const aside = `dist.${process.pid}`;
const common = {
  outdir: aside,
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
  legalComments: 'none',
  // Compiled parts of ssh2 that it does without where they are absent.
  external: ['cpu-features', './crypto/build/Release/sshcrypto.node'],
  // CommonJS again: a WebAssembly loader of ssh2 wants it, and has its code inside.
  define: { __dirname: 'import.meta.dirname' },
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions;
const { metafile } = await build({
  ...common,
  entryPoints: ['src/main/remote-helper.ts', 'src/main/companion.ts'],
  // CommonJS packages inside an ESM bundle still call require() for Node's own modules.
  banner: {
    js: "import{createRequire as __dvcexpRequire}from'node:module';const require=__dvcexpRequire(import.meta.url);",
  },
});
const page = await buildPage(`${aside}/page`);
// By itself: started for every password that Git needs, it shares no chunk and holds no package.
const helper = await build({ ...common, entryPoints: ['src/main/credential-helper.ts'] });
const inlined = inlinedPackages(metafile, page, helper.metafile);
writeFileSync(`${aside}/THIRD-PARTY-NOTICES.txt`, noticesOf(inlined));
writeFileSync(`${aside}/sbom.cdx.json`, bomOf(JSON.parse(readFileSync('package.json', 'utf8')), inlined));
writeManual();
if (existsSync('dist')) renameSync('dist', `${aside}.old`);
renameSync(aside, 'dist');
rmSync(`${aside}.old`, { recursive: true, force: true });
mkdirSync('.cache', { recursive: true });
writeFileSync('.cache/bundle.json', JSON.stringify(metafile));
writeFileSync('.cache/page.json', JSON.stringify(page));
writeFileSync('.cache/credential-helper.json', JSON.stringify(helper.metafile));

/** The pages of docs/man as man(1) reads them, in the folders it looks into. */
function writeManual(): void {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  mkdirSync(`${aside}/man/man1`, { recursive: true });
  for (const page of readdirSync('docs/man').filter((name) => name.endsWith('.1.md'))) {
    const roff = toRoff(readFileSync(join('docs/man', page), 'utf8'), version);
    writeFileSync(`${aside}/man/man1/${page.replace(/\.md$/, '')}`, roff);
  }
}
