import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { figure, formatTable } from './figures.ts';
import { top } from './programs.ts';

const named = 2;

/** One file of the bundle. */
export interface BundleFile {
  /** From the top of this project. */
  readonly path: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  /** The folders of src and the packages that most of it comes from. */
  readonly holds: readonly string[];
}

/** What esbuild says of a build: output → source → bytes. */
interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >;
}

/** The bundle as it is installed, largest first. Needs what `npm run build` leaves behind. */
export function readBundle(): readonly BundleFile[] {
  const { outputs } = JSON.parse(readFileSync(join(top, '.cache', 'bundle.json'), 'utf8')) as Metafile;
  return readdirSync(join(top, 'dist'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.js'))
    .map((entry) => {
      const path = relative(top, join(entry.parentPath, entry.name)).split(sep).join('/');
      const content = readFileSync(join(top, path));
      const holds = largestParts(outputs[path]?.inputs ?? {});
      return { path, bytes: content.length, gzipBytes: gzipSync(content).length, holds };
    })
    .sort((a, b) => b.bytes - a.bytes);
}

function largestParts(inputs: Readonly<Record<string, { readonly bytesInOutput: number }>>): readonly string[] {
  const parts = new Map<string, number>();
  for (const [source, { bytesInOutput }] of Object.entries(inputs)) {
    const part = partOf(source);
    parts.set(part, (parts.get(part) ?? 0) + bytesInOutput);
  }
  const sorted = [...parts].filter(([, bytes]) => bytes > 0).sort(([, a], [, b]) => b - a);
  return sorted.slice(0, named).map(([part]) => part);
}

/** `node_modules/@scope/name/…` → `@scope/name`, `src/git/process.ts` → `src/git`. */
function partOf(source: string): string {
  const packaged = source.lastIndexOf('node_modules/');
  if (packaged < 0) return source.split('/').slice(0, 2).join('/');
  const parts = source.slice(packaged + 'node_modules/'.length).split('/');
  return parts.slice(0, parts[0]?.startsWith('@') ? 2 : 1).join('/');
}

/** @param loaded paths from the top of those that a fetch with nothing to do loads */
export function formatBundle(bundle: readonly BundleFile[], loaded: readonly string[]): string {
  const row = (name: string, files: readonly BundleFile[], mark: string): readonly string[] => [
    name,
    figure(sum(files.map(({ bytes }) => bytes)) / 1024),
    figure(sum(files.map(({ gzipBytes }) => gzipBytes)) / 1024),
    mark,
  ];
  const rows = bundle.map((file) => {
    const holds = file.holds.length === 0 ? '' : `: ${file.holds.join(', ')}`;
    return row(`\`${file.path}\`${holds}`, [file], loaded.includes(file.path) ? 'yes' : '');
  });
  const used = bundle.filter(({ path }) => loaded.includes(path));
  return formatTable([
    ['bundle, with what most of it is', 'KiB', 'gzip KiB', 'loaded by that fetch'],
    ...rows,
    row('all', bundle, ''),
    row('all that fetch loads', used, ''),
  ]);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
