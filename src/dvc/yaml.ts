import {
  CST,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLParseError,
} from 'yaml';
import { HelperError } from '../model/error.ts';
import { parseBlockYaml } from './yaml-block.ts';
import { formatKey, isYamlList, isYamlMap, parsePlain, type Yaml } from './yaml-value.ts';

/** Bytes. DVC's own files stay far below. */
const largestFile = 16 * 1024 * 1024;
/** Of a file in another style than DVC's own, which the full parser takes several hundred times its size in memory for. */
const largestOther = 1024 * 1024;
const deepest = 64;
/** Nodes that aliases may add to a document, so that ten lines cannot stand for a billion nodes. */
const mostAliased = 10_000;
/** What the package splits a text into: a word, a mark, a blank. Each takes half a kilobyte later on. */
const mostLexemes = 1_000_000;

/** Bytes of a YAML file as a value; an empty file is null. Throws `corrupt` with `line N: what is wrong`. */
export function parseYaml(bytes: Uint8Array): Yaml {
  if (bytes.length > largestFile)
    throw new HelperError('corrupt', `more than ${largestFile / 1024 / 1024} MiB are not read`);
  const text = decode(bytes);
  const quick = parseBlockYaml(text);
  if (quick !== undefined) return quick;
  if (bytes.length > largestOther) {
    const most = largestOther / 1024 / 1024;
    throw new HelperError('corrupt', `more than ${most} MiB in another style than the one DVC writes are not read`);
  }
  return parseAnyYaml(text);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new HelperError('corrupt', 'not UTF-8 text');
  }
}

/** The whole of YAML, slowly: what parseBlockYaml gives up on. */
export function parseAnyYaml(text: string): Yaml {
  const lines = new LineCounter();
  requireModest(text);
  let document: ReturnType<typeof parseDocument>;
  try {
    // The failsafe schema leaves every scalar as text; parsePlain decides what it is, on both paths.
    // Whether keys are unique it would ask of every pair of them.
    const options = { uniqueKeys: false, prettyErrors: false, logLevel: 'error' } as const;
    document = parseDocument(text, { schema: 'failsafe', lineCounter: lines, ...options });
  } catch (error) {
    // Deep nesting overflows the package's stack.
    throw new HelperError('corrupt', 'nested too deeply', { cause: error });
  }
  const [first] = document.errors;
  if (first !== undefined) throw explain(first, text, lines);
  return createConverter(lines)(document.contents, 0).value;
}

/** The package itself takes minutes and gigabytes for what nests a million times, or has millions of parts. */
function requireModest(text: string): void {
  let [count, line, flow, marks] = [0, 1, 0, 0];
  let scalar = false;
  for (const lexeme of new Lexer().lex(text)) {
    count += 1;
    if (count > mostLexemes)
      throw new HelperError('corrupt', `line ${line}: too long for a style other than DVC's own`);
    const [plain, isMark] = [scalar, lexeme.length === 1];
    scalar = lexeme === CST.SCALAR;
    if (lexeme.includes('\n')) {
      line += lexeme.split('\n').length - 1;
      marks = 0;
    }
    if (plain || !isMark) continue;
    if (lexeme === '[' || lexeme === '{') flow += 1;
    else if (lexeme === ']' || lexeme === '}') flow -= 1;
    else if (lexeme === '-' || lexeme === '?') marks += 1;
    if (flow > deepest || marks > deepest)
      throw new HelperError('corrupt', `line ${line}: nested deeper than ${deepest} levels`);
  }
}

function explain({ code, message, pos }: YAMLParseError, text: string, lines: LineCounter): HelperError {
  // What people meet most: a merge of two branches that both changed the file.
  const conflict = /^<{7} /m.exec(text);
  if (conflict !== null) return failure(lines, conflict.index, 'a merge conflict is not resolved');
  return failure(lines, pos[0], code === 'MULTIPLE_DOCS' ? 'more than one document' : sentence(message));
}

function sentence(message: string): string {
  const [line = ''] = message.split('\n');
  // The package turns the overflow of its stack into an error of the document.
  if (/call stack/i.test(line)) return 'nested too deeply';
  return `${line.charAt(0).toLowerCase()}${line.slice(1)}`.replace(/[.:]$/, '');
}

function failure(lines: LineCounter, offset: number, message: string): HelperError {
  return new HelperError('corrupt', `line ${lines.linePos(offset).line}: ${message}`);
}

interface Converted {
  readonly value: Yaml;
  /** Nodes below and including this one, as if aliases were written out. */
  readonly weight: number;
}

type Convert = (node: unknown, depth: number) => Converted;

function createConverter(lines: LineCounter): Convert {
  const anchors = new Map<string, Converted>();
  let aliased = 0;
  const fail = (node: unknown, message: string): HelperError =>
    failure(lines, (node as Node | null)?.range?.[0] ?? 0, message);

  const resolveAlias = (node: Node & { source: string }): Converted => {
    const target = anchors.get(node.source);
    if (target === undefined) throw fail(node, `alias '${node.source}' has no anchor before it`);
    aliased += target.weight;
    if (aliased > mostAliased) throw fail(node, `aliases stand for more than ${mostAliased} nodes`);
    return target;
  };

  const convertMap = (pairs: readonly Pair[], depth: number): Converted => {
    const map = new Map<string, Yaml>();
    const merged: Yaml[] = [];
    const written = new Set<string>();
    let weight = 1;
    for (const pair of pairs) {
      const source = isScalar(pair.key) ? (pair.key.source ?? '') : '';
      if (written.has(source)) throw fail(pair.key, 'map keys must be unique');
      written.add(source);
      const value = convert(pair.value, depth + 1);
      weight += 1 + value.weight;
      if (isScalar(pair.key) && pair.key.source === '<<' && pair.key.type === 'PLAIN')
        merged.push(...(isYamlList(value.value) ? value.value : [value.value]));
      else {
        const key = keyOf(pair.key);
        if (map.has(key)) throw fail(pair.key, 'map keys must be unique');
        map.set(key, value.value);
      }
    }
    // Keys of the map itself win over merged ones, earlier merged maps over later ones.
    for (const source of merged) {
      if (!isYamlMap(source)) throw fail(pairs[0]?.key, "'<<' merges something that is not a map");
      for (const [key, value] of source) if (!map.has(key)) map.set(key, value);
    }
    return { value: map, weight };
  };

  const keyOf = (key: unknown): string => {
    if (key === null) return formatKey('', true);
    if (!isScalar(key)) throw fail(key, 'a map key is not text');
    return formatKey(key.source ?? '', key.type === 'PLAIN');
  };

  const convertList = (items: readonly unknown[], depth: number): Converted => {
    const converted = items.map((item) =>
      // A pair among list items is a map of one key: `[a: 1]`.
      isPair(item) ? convertMap([item as Pair], depth) : convert(item, depth + 1),
    );
    return {
      value: converted.map(({ value }) => value),
      weight: converted.reduce((sum, { weight }) => sum + weight, 1),
    };
  };

  const convertBare: Convert = (node, depth) => {
    if (depth > deepest) throw fail(node, `nested deeper than ${deepest} levels`);
    if (node === null || node === undefined) return { value: null, weight: 1 };
    if (isMap(node)) return convertMap(node.items as Pair[], depth);
    if (isSeq(node)) return convertList(node.items, depth);
    if (isScalar(node)) return { value: scalarValue(node), weight: 1 };
    throw fail(node, 'not understood');
  };

  const convert: Convert = (node, depth) => {
    if (isAlias(node)) return resolveAlias(node);
    const converted = convertBare(node, depth);
    const anchor = (node as { anchor?: string } | null)?.anchor;
    if (anchor !== undefined) anchors.set(anchor, converted);
    return converted;
  };
  return convert;
}

function scalarValue(node: Scalar): Yaml {
  const text = node.source ?? '';
  return node.type === 'PLAIN' ? parsePlain(text) : text;
}
