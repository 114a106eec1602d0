// The grammar of one ConfigObj line. Written by hand: ConfigObj's own regular expressions take exponential time on
// lines that somebody built for it, and these lines come from strangers.

/** A list is what an unquoted comma makes. */
export type ConfigValue = string | readonly string[];

/** Python's notion of white space; JavaScript's has the byte order mark and lacks some of these. */
function isBlank(code: number): boolean {
  if (code < 0x80) return code === 0x20 || (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x1f);
  return code === 0x85 || (code !== 0xfeff && /\s/.test(String.fromCharCode(code)));
}

/** First place from `at` that is not blank; the length when all is. */
function skip(line: string, at: number): number {
  let end = at;
  while (end < line.length && isBlank(line.charCodeAt(end))) end++;
  return end;
}

function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(0, end);
}

/** True when nothing but blanks and a comment follows. */
function isOver(line: string, at: number): boolean {
  const next = skip(line, at);
  return next === line.length || line[next] === '#';
}

function isQuote(character: string | undefined): character is '"' | "'" {
  return character === '"' || character === "'";
}

/**
 * `[name]`, `["name"]`: the name and how many brackets stand on each side. 'blank' for an empty line or a comment,
 * undefined for anything else.
 */
export function parseSectionLine(
  line: string,
): { readonly name: string; readonly open: number; readonly close: number } | 'blank' | undefined {
  let start = skip(line, 0);
  if (start === line.length || line[start] === '#') return 'blank';
  let open = 0;
  for (; line[start] === '['; start = skip(line, start + 1)) open++;
  if (open === 0 || start === line.length) return undefined;
  const quote = line[start];
  const quoted = isQuote(quote);
  const stop = quoted ? quote : ']';
  for (let end = line.indexOf(stop, start + 1); end !== -1; ) {
    let next = skip(line, quoted ? end + 1 : end);
    let close = 0;
    for (; line[next] === ']'; next = skip(line, next + 1)) close++;
    const name = quoted ? line.slice(start + 1, end) : trimEnd(line.slice(start, end));
    if (close > 0 && isOver(line, next) && trimEnd(name) !== '') return { name, open, close };
    end = line.indexOf(stop, Math.max(next, end + 1));
  }
  return undefined;
}

/** `key = rest`, the key without its quotes; undefined when the line is none. */
export function parseKeyLine(line: string): { readonly key: string; readonly rest: string } | undefined {
  const start = skip(line, 0);
  const first = line[start];
  if (isQuote(first)) {
    for (let end = line.indexOf(first, start + 1); end !== -1; end = line.indexOf(first, end + 1)) {
      const equals = skip(line, end + 1);
      if (line[equals] === '=') return { key: line.slice(start + 1, end), rest: line.slice(skip(line, equals + 1)) };
    }
    return undefined;
  }
  const equals = line.indexOf('=', start + 1);
  if (first === '=' || equals === -1) return undefined;
  return { key: trimEnd(line.slice(start, equals)), rest: line.slice(skip(line, equals + 1)) };
}

/** One item of a value: its text, the character that ended it, and where the next one starts. */
interface Item {
  readonly text: string;
  readonly comma: boolean;
  readonly next: number;
}

/** The item at `start`, which is not blank; undefined when its quote has no end. */
function parseItem(text: string, start: number): Item | undefined {
  const first = text[start];
  if (isQuote(first)) {
    for (let end = text.indexOf(first, start + 1); end !== -1; end = text.indexOf(first, end + 1)) {
      const next = skip(text, end + 1);
      const comma = text[next] === ',';
      if (comma || isOver(text, next)) return { text: text.slice(start + 1, end), comma, next: next + 1 };
    }
    return undefined;
  }
  let end = start;
  while (end < text.length && text[end] !== ',' && text[end] !== '#') end++;
  return { text: trimEnd(text.slice(start, end)), comma: text[end] === ',', next: end + 1 };
}

/** What stands right of `=`; undefined when quotes or commas do not fit. */
export function parseValue(text: string): ConfigValue | undefined {
  const single = parseItem(text, 0);
  if (single === undefined) return undefined;
  if (!single.comma) return single.text;
  if (text[0] === ',') return isOver(text, single.next) ? [] : undefined;
  const items: string[] = [];
  for (let item: Item | undefined = single, start = 0; ; item = parseItem(text, start)) {
    if (item === undefined || text[start] === ',') return undefined;
    items.push(item.text);
    if (!item.comma || isOver(text, item.next)) return items;
    start = skip(text, item.next);
  }
}

/**
 * A value in triple quotes that starts at line `index` with `rest`, and the index of its last line; its value is
 * undefined when it does not end well. Undefined when the value is not in triple quotes.
 */
export function tripleQuoted(
  rest: string,
  lines: readonly string[],
  index: number,
): { readonly value: string | undefined; readonly last: number } | undefined {
  const quote = rest.slice(0, 3);
  if (quote !== '"""' && quote !== "'''") return undefined;
  const closing = (line: string): number => {
    let end = line.indexOf(quote);
    while (end !== -1 && !isOver(line, end + 3)) end = line.indexOf(quote, end + 1);
    return end;
  };
  const parts: string[] = [];
  for (let last = index; last < lines.length; last++) {
    const line = last === index ? rest.slice(3) : (lines[last] ?? '');
    if (line.includes(quote)) {
      const end = closing(line);
      return { value: end === -1 ? undefined : [...parts, line.slice(0, end)].join('\n'), last };
    }
    parts.push(line);
  }
  return { value: undefined, last: index };
}
