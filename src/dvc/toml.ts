import { parse, TomlDate, type TomlTable, type TomlValue } from 'smol-toml';
import { HelperError } from '../model/error.ts';
import type { Yaml } from './yaml-value.ts';

/** TOML as the values that a YAML file gives; dates as text. Throws `corrupt` with `line N: what is wrong`. */
export function parseToml(text: string): Yaml {
  let table: TomlTable;
  try {
    table = parse(text, { integersAsBigInt: true, maxDepth: 64 }) as TomlTable;
  } catch (error) {
    const { line, message } = error as { readonly line?: number; readonly message: string };
    const said = message.split('\n', 1)[0]?.replace(/^Invalid TOML document: /, '') ?? '';
    throw new HelperError('corrupt', `${line === undefined ? '' : `line ${line}: `}${said}`);
  }
  return convert(table);
}

function convert(value: TomlValue | bigint): Yaml {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'bigint') return { number: String(value) };
  if (typeof value === 'number') return { number: floatText(value) };
  if (value instanceof TomlDate) return value.toISOString();
  if (Array.isArray(value)) return value.map(convert);
  return new Map(Object.entries(value).map(([key, each]) => [key, convert(each)]));
}

/** With a point or an exponent, so that it stays a float. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return '.nan';
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf';
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
