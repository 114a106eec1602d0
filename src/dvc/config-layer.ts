import { isAbsolute, sep } from 'node:path';
import { printable } from '../report/printable.ts';
import { remoteOptions, sectionKeys } from './config-options.ts';
import { isInside, isNetworkShare, isUrl, resolvePath } from './config-paths.ts';
import { type Setting, typed } from './config-remotes.ts';
import { type ConfigSection, parseConfigObj } from './configobj.ts';

/** Lowest first. */
export const levels = ['system', 'global', 'repo', 'local'] as const;

/** One configuration file. `repo` is the committed one: what it says comes from a stranger. */
export interface ConfigLayer {
  readonly level: (typeof levels)[number];
  readonly text: string;
  /** For messages. */
  readonly path: string;
  /** Absolute; relative paths in `text` count from here. For `repo` the real `.dvc` directory of the work tree. */
  readonly directory: string;
}

export interface MergeOptions {
  /** Absolute; the directory that holds `.dvc`, or would. */
  readonly projectDirectory: string;
  /** Top of the Git work tree, absolute: a committed `cache.dir` must lie below. Default: the project directory. */
  readonly workTree?: string;
  readonly home: string;
}

/** What the layers taken so far say. */
export interface Merged {
  readonly core: Map<string, Setting>;
  readonly cache: Map<string, Setting>;
  readonly exp: Map<string, Setting>;
  readonly remotes: Map<string, Map<string, Setting>>;
  /** Keys by remote that the committed layer may not set. */
  readonly refused: Map<string, string[]>;
  readonly warnings: string[];
  readonly ignored: string[];
}

export function createMerged(): Merged {
  return {
    core: new Map(),
    cache: new Map(),
    exp: new Map(),
    remotes: new Map(),
    refused: new Map(),
    warnings: [],
    ignored: [],
  };
}

/** Lays one layer over those before it. Throws `config`, naming file and line, when it cannot be parsed. */
export function takeLayer(layer: ConfigLayer, merged: Merged, options: MergeOptions): void {
  const { top, sections } = parseConfigObj(layer.text, layer.path);
  const ignore = (line: number, what: string): void => {
    merged.ignored.push(`'${printable(layer.path)}' line ${line}: unknown ${printable(what)}`);
  };
  for (const [key, entry] of top) ignore(entry.line, `key '${key}' outside of any section`);
  for (const [title, section] of sections) {
    const named = /^\s*(remote|machine|db)\s*"(.*)"\s*$/s.exec(title);
    if (named?.[1] === 'remote') takeRemote(named[2] ?? '', section, layer, merged, options);
    else if (title === 'core' || title === 'cache' || title === 'exp')
      takeSection(title, section, layer, merged, options);
    else if (named === null && !sectionKeys.has(title)) {
      for (const [key, entry] of section) ignore(entry.line, `section of '${title}.${key}'`);
    }
    const known = sectionKeys.get(title);
    for (const [key, entry] of known === undefined ? [] : section) {
      if (!known?.has(key)) ignore(entry.line, `key '${title}.${key}'`);
    }
  }
}

function takeSection(
  name: 'core' | 'cache' | 'exp',
  section: ConfigSection,
  layer: ConfigLayer,
  merged: Merged,
  options: MergeOptions,
): void {
  const committed = layer.level === 'repo';
  for (const [key, entry] of section) {
    const where = `'${printable(layer.path)}' line ${entry.line}`;
    let value = entry.value;
    if (name === 'cache' && key === 'dir' && typeof value === 'string' && value !== '') {
      value = absolute(value, layer, options);
      if (committed && !mayHoldCache(value, options)) {
        merged.warnings.push(
          `ignoring 'cache.dir' of ${where}: a repository may only choose a directory of its own work tree ` +
            '(to use it: dvc cache dir --local <directory>)',
        );
        continue;
      }
    }
    merged[name].set(key, { value, committed, where });
  }
}

function takeRemote(
  name: string,
  section: ConfigSection,
  layer: ConfigLayer,
  merged: Merged,
  options: MergeOptions,
): void {
  const committed = layer.level === 'repo';
  const settings = merged.remotes.get(name) ?? new Map<string, Setting>();
  merged.remotes.set(name, settings);
  for (const [key, entry] of section) {
    const where = `'${printable(layer.path)}' line ${entry.line}`;
    const option = remoteOptions.get(key);
    if (option === undefined) {
      merged.ignored.push(`${where}: unknown key '${printable(key)}' of storage remote '${printable(name)}'`);
      continue;
    }
    const isPath = option.kind === 'path' || key === 'url';
    if (option.kind === 'unused' || (option.kind === 'path' && entry.value === '')) continue;
    let value = entry.value;
    if (typeof value === 'string') {
      if (isPath && value !== '') value = absolute(value, layer, options);
      const judged = committed ? option.committed(value, options.home) : value;
      if (judged === undefined) {
        merged.refused.set(name, [...(merged.refused.get(name) ?? []), key]);
        continue;
      }
      value = judged;
    }
    settings.set(key, { value, committed, where });
  }
}

/** The path from the root; a URL, a committed network share and another user's home stay as they are. */
function absolute(value: string, layer: ConfigLayer, options: MergeOptions): string {
  if (isUrl(value) || (isNetworkShare(value) && (layer.level === 'repo' || sep === '\\'))) return value;
  return resolvePath(value, layer.directory, options.home) ?? value;
}

function mayHoldCache(directory: string, options: MergeOptions): boolean {
  const isGits = directory.split(/[\\/]/).some((part) => part.toLowerCase() === '.git');
  return isAbsolute(directory) && isInside(directory, options.workTree ?? options.projectDirectory) && !isGits;
}

/** One line per remote. A key that the user's own layers set as well needs none: their value is used. */
export function refusalWarnings(merged: Merged): readonly string[] {
  return [...merged.refused].flatMap(([name, keys]) => {
    const lost = keys.filter((key) => !merged.remotes.get(name)?.has(key));
    if (lost.length === 0) return [];
    const list = lost.map((key) => `'${key}'`).join(', ');
    return [
      `ignoring ${list} of storage remote '${printable(name)}': set in the repository, which may not run commands, ` +
        `name other files or weaken a connection (to use one: dvc remote modify --local ${typed(name)} ${lost[0]} <value>)`,
    ];
  });
}
