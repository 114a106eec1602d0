import { formatNumber, isYamlList, isYamlMap, type Yaml } from './yaml-value.ts';

/** As Python's json.dumps: everything but printable ASCII escaped, digits in lower case. */
export function formatText(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Python's order of text. JavaScript compares UTF-16 units, in which surrogates come before U+E000 to U+FFFF. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

const rank = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

/** `json.dumps(value, sort_keys=True)` of what DVC reads from a YAML file, keys of maps in `without` left out. */
export function formatJson(value: Yaml, without: ReadonlySet<string>): string {
  if (isYamlList(value)) return `[${value.map((item) => formatJson(item, without)).join(', ')}]`;
  if (isYamlMap(value)) {
    const kept = [...value].filter(([key]) => !without.has(key)).sort(([a], [b]) => compareText(a, b));
    return `{${kept.map(([key, item]) => `${formatText(key)}: ${formatJson(item, without)}`).join(', ')}}`;
  }
  if (typeof value === 'string') return formatText(value);
  if (value === null || typeof value !== 'object') return String(value);
  const number = formatNumber(value);
  return number.replace('inf', 'Infinity').replace('nan', 'NaN');
}
