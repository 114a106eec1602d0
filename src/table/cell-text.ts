import { formatNumber, isYamlList, isYamlMap, type Yaml } from '../dvc/yaml-value.ts';
import { numberOf } from './columns.ts';

/**
 * A value as DVC prints it, which is as Python does: `True`, `['a', 1]`. Not yet safe for a terminal.
 *
 * @param precision significant digits of floating-point numbers; undefined: all
 */
export function cellText(value: Yaml, precision: number | undefined): string {
  return typeof value === 'string' ? value : inside(value, precision);
}

function inside(value: Yaml, precision: number | undefined): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return quote(value);
  if (isYamlList(value)) return `[${value.map((each) => inside(each, precision)).join(', ')}]`;
  if (isYamlMap(value))
    return `{${[...value].map(([key, each]) => `${quote(key)}: ${inside(each, precision)}`).join(', ')}}`;
  const text = formatNumber(value);
  return precision === undefined || /^-?\d+$/.test(text) ? text : general(numberOf(value) ?? 0, precision);
}

/** As Python's repr() chooses its quotes. */
function quote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll(mark, `\\${mark}`)
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')
    .replaceAll('\r', '\\r');
  return `${mark}${escaped}${mark}`;
}

/** printf's `%.<precision>g`: significant digits, no zeros at the end, an exponent of two digits below 1e-4. */
export function general(value: number, precision: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [digits = '', power = ''] = value.toExponential(precision - 1).split('e');
  const exponent = Number(power);
  const bare = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  if (exponent < -4 || exponent >= precision)
    return `${bare(digits)}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  return bare(value.toFixed(Math.max(0, precision - 1 - exponent)));
}
