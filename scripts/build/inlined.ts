// What the bundle holds of others: names, versions, licences, where the texts of these are.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';

export interface Inlined {
  /** Path of its folder, as the lockfile has it. */
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license: string;
  /** Text of its licence; '' when it brings none along. */
  readonly text: string;
  /** Of the archive it was installed from, as the lockfile has it: `sha512-…`. */
  readonly integrity: string;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  /** The form before npm 2. */
  readonly licenses?: readonly { readonly type: string }[];
}

/** Packages with at least one file in the bundle, by folder. */
export function inlinedPackages(...bundles: readonly Metafile[]): readonly Inlined[] {
  const folders = new Set<string>();
  for (const input of bundles.flatMap(({ inputs }) => Object.keys(inputs))) {
    const match = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input);
    if (match !== null) folders.add(match[0]);
  }
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Record<string, { integrity?: string }>;
  };
  return [...folders].sort().map((folder) => {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
    const integrity = packages[folder]?.integrity ?? '';
    return { folder, ...manifest, license: licenseOf(manifest), text: textOf(folder, licenseOf(manifest)), integrity };
  });
}

export function licenseOf({ license, licenses }: Pick<Manifest, 'license' | 'licenses'>): string {
  return license ?? (licenses ?? []).map(({ type }) => type).join(' OR ');
}

/** Of its own file, else what its README says; that of Apache is the same for all, and ours. */
function textOf(folder: string, license: string): string {
  const read = (pattern: RegExp): string => {
    const file = readdirSync(folder).find((entry) => pattern.test(entry));
    return file === undefined ? '' : readFileSync(join(folder, file), 'utf8').trim();
  };
  const own = read(/^(?:licen[cs]e|copying)/i);
  if (own !== '') return own;
  const [, said = ''] = /^(?:#+ *licen[cs]e.*|licen[cs]e *\n-{3,}) *\n+([\s\S]*)/im.exec(read(/^readme/i)) ?? [];
  if (/permission is hereby granted/i.test(said)) return said.trim();
  return license === 'Apache-2.0' ? readFileSync('LICENSE', 'utf8').trim() : '';
}

/** Name, version and licence text of each, as their licences want it. */
export function noticesOf(packages: readonly Inlined[]): string {
  const parts = packages.map(({ name, version, license, text }) => `${name} ${version} (${license})\n\n${text}\n`);
  return `This package contains parts of the following.\n\n${parts.join(`\n${'-'.repeat(72)}\n\n`)}`;
}

/**
 * A bill of materials (CycloneDX 1.5): this package, and what is inlined in it, with the hashes of the archives they were
 * installed from. Has no time in it, so that the same sources make the same file.
 */
export function bomOf(
  own: { readonly name: string; readonly version: string; readonly license: string },
  packages: readonly Inlined[],
): string {
  const component = ({ name, version, license }: Pick<Inlined, 'name' | 'version' | 'license'>) => {
    const purl = `pkg:npm/${name.replace(/^@/, '%40')}@${version}`;
    const [, group, rest] = /^(@[^/]+)\/(.*)$/.exec(name) ?? [];
    const naming = group === undefined ? { name } : { group, name: rest };
    const licenses = [/^[\w.+-]+$/.test(license) ? { license: { id: license } } : { expression: license }];
    return { type: 'library', 'bom-ref': purl, ...naming, version, licenses, purl };
  };
  const root = component(own);
  const parts = packages.map((each) => ({ ...component(each), hashes: hashesOf(each.integrity) }));
  const unique = [...new Map(parts.map((part) => [part['bom-ref'], part])).values()];
  const bom = {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { ...root, type: 'application' } },
    components: unique,
    dependencies: [{ ref: root['bom-ref'], dependsOn: unique.map((part) => part['bom-ref']) }],
  };
  return `${JSON.stringify(bom, undefined, 1)}\n`;
}

function hashesOf(integrity: string): readonly { alg: string; content: string }[] {
  const [, hash = ''] = /^sha512-([A-Za-z0-9+/=]+)$/.exec(integrity) ?? [];
  return hash === '' ? [] : [{ alg: 'SHA-512', content: Buffer.from(hash, 'base64').toString('hex') }];
}
