/** A number of a YAML file, as written: `1e-05`, `0x1F`. Hashes that look like numbers keep every digit this way. */
export interface YamlNumber {
  readonly number: string;
}

/** Maps are `Map`, so that no key of a stranger's file can reach a prototype. Keys are text. */
export type Yaml = string | boolean | null | YamlNumber | readonly Yaml[] | YamlMap;
export type YamlMap = ReadonlyMap<string, Yaml>;

export function isYamlMap(value: Yaml | undefined): value is YamlMap {
  return value instanceof Map;
}

export function isYamlList(value: Yaml | undefined): value is readonly Yaml[] {
  return Array.isArray(value);
}

// The forms of YAML 1.2 as ruamel.yaml, DVC's parser, reads them.
const integer = /^[-+]?(?:0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)$/;
const decimal =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;
const startsLikeNumber = /^[-+.0-9]/;

/** Value of a plain (unquoted) scalar. */
export function parsePlain(text: string): string | boolean | null | YamlNumber {
  switch (text) {
    case '':
    case '~':
    case 'null':
    case 'Null':
    case 'NULL':
      return null;
    case 'true':
    case 'True':
    case 'TRUE':
      return true;
    case 'false':
    case 'False':
    case 'FALSE':
      return false;
  }
  if (startsLikeNumber.test(text) && (integer.test(text) || decimal.test(text))) return { number: text };
  return text;
}

/** The number as Python prints it, which is what DVC puts into a templated path: `1e-05`, `1000.0`, `31`. */
export function formatNumber({ number }: YamlNumber): string {
  const bare = number.replaceAll('_', '');
  if (integer.test(number)) {
    const magnitude = BigInt(bare.replace(/^[-+]/, ''));
    return `${bare.startsWith('-') && magnitude !== 0n ? '-' : ''}${magnitude}`;
  }
  const special = /^([-+]?)\.(inf|nan)$/i.exec(bare);
  if (special !== null) return `${special[1] === '-' ? '-' : ''}${special[2]?.toLowerCase()}`;
  return formatFloat(Number(bare));
}

/** Python's repr(): the shortest digits, an exponent of two digits below 1e-4 and from 1e16. */
function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0.0' : '0.0';
  const [digits = '', power = ''] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16)
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  const plain = String(value);
  return plain.includes('.') ? plain : `${plain}.0`;
}

/** A key as DVC makes text of it: `1e-5:` is the key `1e-05`. */
export function formatKey(text: string, plain: boolean): string {
  const value = plain ? parsePlain(text) : text;
  if (value === null) return 'None';
  return typeof value === 'object' ? formatNumber(value) : String(value);
}
