import { formatNumber, isYamlList, isYamlMap, type Yaml, type YamlMap } from './yaml-value.ts';

/** Stands in a text for a `${…}` that could not be resolved. No path has this character. */
export const hole = '\0';

const expression = /(?<!\\)\$\{([^}\n]*)\}/g;
const exactExpression = /^\$\{([^}\n]*)\}$/;
/** Characters. Paths are shorter, and looking for expressions in megabytes of `${` takes for ever. */
const longestTemplate = 16_384;

/** The value that `a.b[0].c` names; undefined when there is none. */
export function select(context: YamlMap, path: string): Yaml | undefined {
  let value: Yaml | undefined = context;
  for (const part of path.replaceAll('[', '.').replaceAll(']', '').split('.')) {
    const key: string = part.trim();
    if (isYamlMap(value)) value = value.get(key);
    // As in Python, -1 is the last.
    else if (isYamlList(value)) value = /^-?\d+$/.test(key) ? value.at(Number(key)) : undefined;
    else return undefined;
  }
  return value;
}

/** The only expression of a text that is nothing else; its value keeps its type. */
export function soleExpression(text: string): string | undefined {
  return text.length > longestTemplate ? undefined : exactExpression.exec(text)?.[1];
}

/** Text with its `${…}` filled in, those without a usable value replaced by a hole, and `\${` unescaped. */
export function fill(template: string, context: YamlMap): string {
  if (!template.includes('${')) return template;
  if (template.length > longestTemplate) return hole;
  const filled = template.replace(expression, (_, path: string) => format(select(context, path)) ?? hole);
  return filled.replaceAll('\\${', '${');
}

/** A scalar as DVC puts it into text: `true`, `1e-05`, `None`; undefined for lists, maps and nothing at all. */
export function format(value: Yaml | undefined): string | undefined {
  if (value === undefined || isYamlMap(value) || isYamlList(value)) return undefined;
  if (value === null) return 'None';
  return typeof value === 'object' ? formatNumber(value) : String(value);
}

/** True when a filled text becomes `text` with something, or nothing, in each of its holes. */
export function mayBe(filled: string, text: string): boolean {
  const [first = '', ...others] = filled.split(hole);
  const last = others.pop();
  if (last === undefined) return filled === text;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  // The leftmost place for each part leaves the most room for the next: no need to try others.
  for (const part of others) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
