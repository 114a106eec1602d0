import { HelperError } from '../model/error.ts';
import type { DvcObject } from '../model/object.ts';
import { parseMetafile } from './metafile.ts';
import { parsePlain } from './yaml-value.ts';

/** What a `.dvc` file records of one output. */
export interface Recording {
  /** Of DVC 3. */
  readonly object: DvcObject;
  /** Bytes; of a directory the sum. */
  readonly size: number;
  /** undefined: a file. */
  readonly files: number | undefined;
  readonly executable: boolean;
}

/** The `.dvc` file that DVC writes beside a new output. @param name the output's own name, which is its path from there */
export function formatMetafile(name: string, recording: Recording): string {
  const [first, ...rest] = [...linesOf(recording), `path: ${formatScalar(name)}`];
  return `outs:\n- ${first}\n${rest.map((line) => `  ${line}\n`).join('')}`;
}

const recorded = new Set(['md5', 'size', 'nfiles', 'isexec', 'hash']);

function linesOf({ object, size, files, executable }: Recording): readonly string[] {
  return [
    `md5: ${formatScalar(object.id)}`,
    `size: ${size}`,
    ...(files === undefined ? [] : [`nfiles: ${files}`]),
    ...(executable ? ['isexec: true'] : []),
    'hash: md5',
  ];
}

/**
 * The text of a `.dvc` file of one output, as it was but for what is recorded of the output's bytes. Throws `unsupported` for
 * one that says more than that: an import, an output of DVC 2 or of a cloud-versioned storage remote, or another layout than DVC's own.
 */
export function editMetafile(text: string, file: string, recording: Recording): string {
  const lines = text.split('\n');
  const refuse = (why: string): HelperError =>
    new HelperError('unsupported', `'${file}' ${why}`, { hints: ['with DVC: dvc add, dvc commit or dvc update'] });
  if (lines.some((line) => /^(?:deps|cmd):/.test(line))) throw refuse('is an import, which is brought from its source');
  const start = lines.indexOf('outs:');
  const end = lines.findIndex((line, index) => index > start && !/^(?:- | {2})/.test(line));
  const block = lines.slice(start + 1, end < 0 ? lines.length : end);
  const entries = block.map((line) => /^(?:- | {2})([\w]+):(?: (.*))?$/.exec(line));
  if (start < 0 || block.filter((line) => line.startsWith('- ')).length !== 1) throw refuse('has not one output');
  if (entries.some((entry) => entry?.[1] === 'cloud' || entry?.[1] === 'files'))
    throw refuse('names versions of a storage remote');
  if (!entries.some((entry) => entry?.[1] === 'hash' && entry[2] === 'md5')) throw refuse('was written by DVC 2');
  // As DVC does it: what is there is changed where it stands, and what is new comes last.
  const wanted = new Map(linesOf(recording).map((line) => [line.slice(0, line.indexOf(':')), line]));
  const items: string[] = [];
  for (const [index, line] of block.entries()) {
    const key = entries[index]?.[1] ?? '';
    const value = wanted.get(key);
    if (value !== undefined) items.push(value);
    else if (!recorded.has(key)) items.push(line.slice(2));
    wanted.delete(key);
  }
  const next = [...items, ...wanted.values()].map((line, index) => `${index === 0 ? '- ' : '  '}${line}`);
  const edited = [...lines.slice(0, start + 1), ...next, ...lines.slice(start + 1 + block.length)].join('\n');
  const place = { file, root: '' };
  const [was, is] = [parseMetafile(Buffer.from(text), place), parseMetafile(Buffer.from(edited), place)];
  const [old, output] = [was.outputs[0], is.outputs[0]];
  const isRight = is.problems.length === 0 && output?.object?.id === recording.object.id && output.path === old?.path;
  if (!isRight || output.push !== old.push || output.remote !== old.remote || output.cache !== old.cache)
    throw refuse('is laid out in another way than by DVC');
  return edited;
}

/** Plain where YAML reads that back as the same text, else in single quotes, as DVC does. */
function formatScalar(text: string): string {
  const isPlain =
    parsePlain(text) === text &&
    // A date would be one in YAML 1.1.
    !/^[-?:](?:\s|$)|^[,[\]{}#&*!|>'"%@`=\s]|^(?:---|\.\.\.)|: |:$| #|\s$|^\d{4}-\d\d?-\d\d?(?:$|[Tt ])/.test(text);
  return isPlain ? text : `'${text.replaceAll("'", "''")}'`;
}
