// What may be installed to build this, and what of it may be inlined: judged from the lockfile and the bundle alone, so
// that it runs anywhere. `npm audit` is not among it: it asks a registry.
import { existsSync, readFileSync } from 'node:fs';
import type { Metafile } from 'esbuild';
import { inlinedPackages, licenseOf } from './build/inlined.ts';
import {
  judgeInlined,
  judgeLockfile,
  judgeManifest,
  type Lockfile,
  type Manifest,
  type Policy,
} from './dependencies/judge.ts';

const policy: Policy = {
  // Permissive ones, which ask for their text to be kept and nothing else.
  licenses: [
    'MIT',
    'MIT-0',
    'Apache-2.0',
    'ISC',
    'BSD-2-Clause',
    'BSD-3-Clause',
    '0BSD',
    'Zlib',
    'Unlicense',
    'BlueOak-1.0.0',
  ],
  // None of them is run: .npmrc says ignore-scripts. Each builds what it does without, or has along.
  installScripts: ['cpu-features', 'esbuild', 'ssh2'],
  mostPackages: 320,
  mostInlined: 110,
};

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Manifest;
const lockfile = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lockfile;
const licenseIn = (folder: string): string => {
  const path = `${folder}/package.json`;
  return existsSync(path) ? licenseOf(JSON.parse(readFileSync(path, 'utf8'))) : '';
};
const bundles = ['bundle', 'page', 'credential-helper']
  .map((name) => `.cache/${name}.json`)
  .filter((path) => existsSync(path))
  .map((path) => JSON.parse(readFileSync(path, 'utf8')) as Metafile);
const inlined = inlinedPackages(...bundles);
const faults = [
  ...judgeManifest(manifest, readFileSync('.npmrc', 'utf8')),
  ...judgeLockfile(lockfile, manifest, policy, licenseIn),
  ...judgeInlined(inlined, policy),
  ...(bundles.length === 0 ? ['there is no bundle to look into: npm run build'] : []),
];
for (const fault of faults) process.stderr.write(`${fault}\n`);
const count = Object.keys(lockfile.packages).length - 1;
process.stdout.write(
  `${count} packages to build with (${policy.mostPackages} at most), ${inlined.length} inlined (${policy.mostInlined} at most), ${faults.length} faults\n`,
);
if (faults.length > 0) process.exitCode = 1;
