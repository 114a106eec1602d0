import type { Inlined } from '../build/inlined.ts';

/** What is allowed. */
export interface Policy {
  /** SPDX names. */
  readonly licenses: readonly string[];
  /** Packages that may bring a script for the time of their installation. */
  readonly installScripts: readonly string[];
  readonly mostPackages: number;
  readonly mostInlined: number;
}

export interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
}

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
  readonly link?: boolean;
}

export interface Lockfile {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, Locked & Manifest>>;
}

const exact = /^\d+\.\d+\.\d+(?:-[\w.-]+)?$/;

/** Nothing is installed beside this package, every version is one version, and installing runs nothing. */
export function judgeManifest(manifest: Manifest, npmrc: string): readonly string[] {
  const faults: string[] = [];
  for (const kind of ['dependencies', 'optionalDependencies', 'peerDependencies'] as const) {
    const names = Object.keys(manifest[kind] ?? {});
    if (names.length > 0) faults.push(`package.json: ${kind} (${names.join(', ')}): what is needed is inlined`);
  }
  for (const [name, version] of Object.entries(manifest.devDependencies ?? {})) {
    if (!exact.test(version)) faults.push(`package.json: '${name}' is not held to one version: ${version}`);
  }
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
    if (manifest.scripts?.[script] !== undefined)
      faults.push(`package.json: a script '${script}' runs when this is installed`);
  }
  if (!/^ignore-scripts=true$/m.test(npmrc)) faults.push(".npmrc: no 'ignore-scripts=true'");
  return faults;
}

/** @param licenseIn of the package in a folder, where the lockfile tells none; '' when it is not installed */
export function judgeLockfile(
  { lockfileVersion, packages }: Lockfile,
  manifest: Manifest,
  policy: Policy,
  licenseIn: (folder: string) => string,
): readonly string[] {
  const faults: string[] = [];
  if (lockfileVersion !== 3) faults.push(`package-lock.json: version ${lockfileVersion} is not 3`);
  const { '': root, ...locked } = packages;
  const [asked, held] = [manifest.devDependencies ?? {}, root?.devDependencies ?? {}];
  for (const name of new Set([...Object.keys(asked), ...Object.keys(held)])) {
    if (asked[name] !== held[name]) faults.push(`package-lock.json: '${name}' is not what package.json asks for`);
  }
  for (const [folder, entry] of Object.entries(locked)) faults.push(...judgeEntry(folder, entry, policy, licenseIn));
  const count = Object.keys(locked).length;
  if (count > policy.mostPackages)
    faults.push(`package-lock.json: ${count} packages, and ${policy.mostPackages} at most`);
  return faults;
}

function judgeEntry(
  folder: string,
  { version, resolved, integrity, license, hasInstallScript, link }: Locked,
  policy: Policy,
  licenseIn: (folder: string) => string,
): readonly string[] {
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const faults: string[] = [];
  if (link === true) faults.push(`${folder}: a link to somewhere else`);
  if (version === undefined || !exact.test(version)) faults.push(`${folder}: no exact version`);
  if (!/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '')) faults.push(`${folder}: no SHA-512 of what is installed`);
  // The registry that is asked is the user's affair; anything else is not.
  if (resolved !== undefined && !/^https:\/\/registry\.npmjs\.org\//.test(resolved))
    faults.push(`${folder}: comes from ${resolved.replace(/[?#].*/, '')}`);
  if (hasInstallScript === true && !policy.installScripts.includes(name))
    faults.push(`${folder}: brings a script that runs when it is installed`);
  const said = license ?? licenseIn(folder);
  // One that is optional, and not installed here, tells nothing where the lockfile does not.
  if (said !== '' && !isAllowed(said, policy)) faults.push(`${folder}: the licence ${said} is none of the allowed`);
  if (said === '' && !policy.installScripts.includes(name) && name !== 'buildcheck')
    faults.push(`${folder}: no licence is told`);
  return faults;
}

/** An expression of SPDX names: one of those that OR joins, all of those that AND joins. */
export function isAllowed(expression: string, { licenses }: Policy): boolean {
  const text = expression.replace(/^\((.*)\)$/, '$1').trim();
  if (/[()]/.test(text)) return false;
  return text.split(/ OR /).some((choice) => choice.split(/ AND /).every((name) => licenses.includes(name.trim())));
}

export function judgeInlined(inlined: readonly Inlined[], policy: Policy): readonly string[] {
  const faults: string[] = [];
  for (const { name, version, license, integrity, text } of inlined) {
    if (text === '') faults.push(`inlined ${name} ${version}: brings no text of its licence along`);
    if (license === '' || !isAllowed(license, policy)) faults.push(`inlined ${name} ${version}: licence '${license}'`);
    if (integrity === '') faults.push(`inlined ${name} ${version}: the lockfile does not know it`);
  }
  if (inlined.length > policy.mostInlined)
    faults.push(`${inlined.length} packages are inlined, and ${policy.mostInlined} at most`);
  return faults;
}
