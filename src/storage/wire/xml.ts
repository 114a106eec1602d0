const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Bytes, as a service tells of them; undefined for what is no number of bytes. */
export function parseSize(text: string | undefined): number | undefined {
  const size = /^\d+$/.test(text ?? '') ? Number(text) : Number.NaN;
  return Number.isSafeInteger(size) ? size : undefined;
}

/** Text of an XML element with its entities and character references resolved; unknown ones stay. */
export function decodeXml(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|(\w+));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return entities[name] ?? whole;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

/**
 * What stands between each `<name>` and the next `</name>`. Takes as long as the text is, whatever a service sends: a
 * regular expression would look for the end of each of a million beginnings.
 */
export function* elementsOf(xml: string, name: string): Generator<string> {
  const [open, close] = [`<${name}>`, `</${name}>`];
  for (let at = xml.indexOf(open); at >= 0; ) {
    const begin = at + open.length;
    const end = xml.indexOf(close, begin);
    if (end < 0) return;
    yield xml.slice(begin, end);
    at = xml.indexOf(open, end + close.length);
  }
}
