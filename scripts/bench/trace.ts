import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command, Machine } from './machine.ts';
import { top } from './programs.ts';

/** What a run of the helper loaded. */
export interface Trace {
  /** Files of this project, from its top, in no order. */
  readonly files: readonly string[];
  /** Public modules of Node that the helper brought in, over those of a bare start. */
  readonly builtins: readonly string[];
  /** How many of Node's internal modules came with them. */
  readonly internals: number;
}

/** Runs in the helper before its own code, and writes at its end which of Node's modules have come in since. */
const spy = `import{appendFileSync}from'node:fs';
const before=new Set(process.moduleLoadList);
process.on('exit',()=>appendFileSync(process.env.BENCH_TRACE,JSON.stringify({program:process.argv[1],
modules:process.moduleLoadList.filter((name)=>name.startsWith('NativeModule ')&&!before.has(name))})+'\\n'));`;

/**
 * Runs a Git command and answers what the helper that it starts has loaded: files by V8's coverage, which names every
 * script, and modules by Node's own list.
 *
 * @throws Error when no helper ran
 */
export async function traceHelper(machine: Machine, command: Command): Promise<Trace> {
  const directory = machine.scratch('trace');
  const modules = join(directory, 'modules');
  const coverage = join(directory, 'coverage');
  mkdirSync(coverage);
  await machine.run({
    ...command,
    env: {
      ...command.env,
      BENCH_TRACE: modules,
      NODE_V8_COVERAGE: coverage,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(spy)}`,
    },
  });
  const files = readdirSync(coverage).flatMap((name) => parseScripts(readFileSync(join(coverage, name), 'utf8')));
  const loaded = parseModules(readFileSync(modules, 'utf8'));
  return {
    files: [...new Set(files)].sort(),
    builtins: loaded.filter((name) => !name.startsWith('internal/')),
    internals: loaded.filter((name) => name.startsWith('internal/')).length,
  };
}

function parseScripts(coverage: string): readonly string[] {
  const { result } = JSON.parse(coverage) as { result: readonly { url: string }[] };
  return result
    .filter(({ url }) => url.startsWith('file:'))
    .map(({ url }) => fromTop(fileURLToPath(url)))
    .filter((path) => !path.startsWith('..'));
}

/** One line per process, with names such as `NativeModule http`. */
function parseModules(lines: string): readonly string[] {
  const names = lines
    .trim()
    .split('\n')
    .flatMap((line) => (JSON.parse(line) as { modules: readonly string[] }).modules);
  return [...new Set(names.map((name) => name.replace('NativeModule ', '')))].sort();
}

function fromTop(path: string): string {
  return relative(top, path).split(sep).join('/');
}
