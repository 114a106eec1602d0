// Bundles src/main into dist: one entry per program, every backend and everything that is needed only when data
// moves in chunks of their own; and page/ for the pages of `git dvcexp show --html`. What is inlined brings its licence along. Run by `npm run build`.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildOptions, build, type Metafile } from 'esbuild';
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
await buildPage(`${aside}/page`);
// By itself: started for every password that Git needs, it shares no chunk and holds no package.
const helper = await build({ ...common, entryPoints: ['src/main/credential-helper.ts'] });
writeFileSync(`${aside}/THIRD-PARTY-NOTICES.txt`, notices(metafile));
writeManual();
if (existsSync('dist')) renameSync('dist', `${aside}.old`);
renameSync(aside, 'dist');
rmSync(`${aside}.old`, { recursive: true, force: true });
mkdirSync('.cache', { recursive: true });
writeFileSync('.cache/bundle.json', JSON.stringify(metafile));
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

/** Name, version and licence text of every package that the bundle inlines. */
function notices(bundled: Metafile): string {
  const folders = new Set<string>();
  for (const input of Object.keys(bundled.inputs)) {
    const match = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input);
    if (match !== null) folders.add(match[0]);
  }
  const parts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    const text =
      file !== undefined && existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8').trim() : '';
    return `${name} ${version} (${license})\n\n${text}\n`;
  });
  return `This package contains parts of the following.\n\n${parts.join(`\n${'-'.repeat(72)}\n\n`)}`;
}
