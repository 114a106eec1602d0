import { diagnose, formatDiagnosis } from './diagnose.ts';
import { printable } from './printable.ts';
import { type Meter, openMeter, progressStyle, type Total } from './progress.ts';

/** How we speak to people: on stderr, in Git's manner, as loud as Git was told to be. */
export interface Voice {
  /** One line, unless `-q`. */
  say(line: string): void;
  /** One line for whoever waits and watches; where progress is not shown, neither is this. */
  remark(line: string): void;
  /** One line with `-v`. */
  detail(line: string): void;
  /** Never with `-q`. */
  warn(warning: string, ...hints: string[]): void;
  /** Always. */
  fail(error: unknown, ...hints: string[]): void;
  /** Lines that belong to what was just said, four blanks in front; the first `most`, then how many more. */
  list(lines: readonly string[], most?: number): void;
  /** What to type, behind lines that belong to an error. */
  hint(line: string): void;
  meter(title: string, total: Total): Meter;
  /** Keeps the meter still while somebody is asked something. */
  pause<T>(work: () => Promise<T>): Promise<T>;
}

export interface VoiceOptions {
  readonly stderr: (text: string) => void;
  /** Git asked for progress. */
  readonly progress: boolean;
  readonly verbosity: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function openVoice(options: VoiceOptions): Voice {
  const { verbosity } = options;
  const style = progressStyle(options.progress, verbosity, options.env);
  let meter: Meter | undefined;
  const stderr = (text: string): void => {
    meter?.makeWay();
    options.stderr(text);
  };
  return {
    say(line) {
      if (verbosity > 0) stderr(`${printable(line)}\n`);
    },
    remark(line) {
      if (style !== 'none') stderr(`${printable(line)}\n`);
    },
    detail(line) {
      if (verbosity > 1) stderr(`${printable(line)}\n`);
    },
    warn(warning, ...hints) {
      if (verbosity > 0)
        stderr(formatDiagnosis('warning', { message: printable(warning), hints: hints.map(printable) }));
    },
    fail(error, ...hints) {
      const diagnosis = typeof error === 'string' ? { message: printable(error), hints: [] } : diagnose(error);
      stderr(formatDiagnosis('error', { ...diagnosis, hints: [...diagnosis.hints, ...hints.map(printable)] }));
    },
    list(lines, most = 10) {
      for (const line of lines.slice(0, most)) stderr(`    ${printable(line)}\n`);
      if (lines.length > most) stderr(`    ... and ${lines.length - most} more\n`);
    },
    hint(line) {
      stderr(`hint: ${printable(line)}\n`);
    },
    async pause(work) {
      const resume = meter?.pause();
      try {
        return await work();
      } finally {
        resume?.();
      }
    },
    meter(title, total) {
      meter = openMeter(title, total, { style, write: options.stderr });
      return meter;
    },
  };
}
