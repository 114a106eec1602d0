// Text of one run made comparable with that of another: the run's own directory, address and prefix, and nothing else.

/** Progress meters, ours and Git's: how many of them there are depends on the clock. */
const meter = /^(?:remote: )?[A-Z][A-Za-z ]+: +(?:\d+% \(\d+\/\d+\)|\d+(?:, done\.)?$)/;

/** Pairs of a text and what stands for it, the longer text first where one holds the other. */
export type Names = readonly (readonly [text: string, name: string])[];

export function neutralText(text: string, names: Names): string {
  let result = text.replaceAll('dvcexp::', '');
  for (const [word, name] of names) result = result.replaceAll(word, name);
  return result;
}

export function neutralLines(text: string, names: Names): readonly string[] {
  return neutralText(text, names)
    .split(/[\n\r]/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !meter.test(line));
}
