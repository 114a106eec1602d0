// From the Markdown of docs/man to what man(1) reads (groff_man(7)). Knows what those pages use: headings, paragraphs, code
// blocks, lists, definitions (`term`, and below it a line that begins with `: `), bold, italic, code and links.

/** Text as roff takes it: nothing in it is a request, a hyphen stays one that can be typed. */
function plain(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replaceAll('"', '\\(dq')
    .replace(
      /[\u0080-\uffff]/g,
      (character) => `\\[u${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}]`,
    )
    .replace(/^\./, '\\&.');
}

function inline(text: string): string {
  const parts = text.split(/(`[^`]+`|\*\*[^*]+\*\*|(?<![\w])_[^_]+_(?![\w])|<https?:[^>]+>|\[[^\]]+\]\([^)]+\))/);
  return parts
    .map((part, index) => {
      if (index % 2 === 0) return plain(part);
      if (part.startsWith('`')) return `\\fB${plain(part.slice(1, -1))}\\fR`;
      if (part.startsWith('**')) return `\\fB${plain(part.slice(2, -2))}\\fR`;
      if (part.startsWith('_')) return `\\fI${plain(part.slice(1, -1))}\\fR`;
      if (part.startsWith('<')) return plain(part.slice(1, -1));
      return plain(part.slice(1, part.indexOf(']')));
    })
    .join('');
}

/** Lines of one block, wrapped in Markdown, as one. */
const joined = (lines: readonly string[]): string =>
  inline(
    lines
      .map((line) => line.trim())
      .join(' ')
      .trim(),
  );

function blockToRoff(lines: readonly string[]): string[] {
  const [first = ''] = lines;
  const heading = /^(#{2,3}) (.*)$/.exec(first);
  if (heading !== null) return [`.${heading[1] === '##' ? 'SH' : 'SS'} "${plain(heading[2] ?? '')}"`];
  if (first.startsWith('- ')) {
    const items = lines.join('\n').split(/^- /m).slice(1);
    return items.flatMap((item) => ['.IP \\(bu 2', joined(item.split('\n'))]);
  }
  const body = lines.findIndex((line) => line.startsWith(': '));
  if (body < 0) return ['.PP', joined(lines)];
  return ['.TP', joined(lines.slice(0, body)), joined([lines[body]?.slice(2) ?? '', ...lines.slice(body + 1)])];
}

/** Blocks of Markdown: code fences whole, all else between blank lines. */
function* blocksOf(markdown: string): Generator<{ readonly code: boolean; readonly lines: readonly string[] }> {
  let lines: string[] = [];
  let fenced = false;
  for (const line of [...markdown.split('\n'), '']) {
    const fence = line.startsWith('```');
    if (!fence && (fenced || line !== '')) {
      lines.push(line);
      continue;
    }
    if (lines.length > 0) yield { code: fenced, lines };
    lines = [];
    if (fence) fenced = !fenced;
  }
}

/** A page of docs/man. Its first line is `# <name>(<section>)`. Throws when it is not. */
export function toRoff(markdown: string, version: string): string {
  const [, name, section] = /^# ([\w-]+)\((\d)\)\n/.exec(markdown) ?? [];
  if (name === undefined || section === undefined) throw new Error('a manual page begins with "# name(section)"');
  const out = [
    `.TH "${plain(name.toUpperCase())}" "${section}" "" "git\\-remote\\-dvcexp ${plain(version)}" "Git Manual"`,
    // As Git's own pages: no hyphens that are not there, a ragged right.
    '.nh',
    '.ad l',
  ];
  for (const { code, lines } of blocksOf(markdown.slice(markdown.indexOf('\n')))) {
    if (code) out.push('.PP', '.RS 4', '.nf', ...lines.map(plain), '.fi', '.RE');
    else out.push(...blockToRoff(lines));
  }
  return `${out.join('\n')}\n`;
}
