import { diagnose, formatDiagnosis } from './diagnose.ts';
import { printable } from './printable.ts';
import { type Meter, openMeter, type Total } from './progress.ts';

/** How we speak to people: on stderr, in Git's manner, as loud as Git was told to be. */
export interface Voice {
  /** One line, unless `-q`. */
  say(line: string): void;
  /** One line with `-v`. */
  detail(line: string): void;
  /** Never with `-q`. */
  warn(warning: string, ...hints: string[]): void;
  /** Always. */
  fail(error: unknown, ...hints: string[]): void;
  /** Lines that belong to what was just said, four blanks in front; the first `most`, then how many more. */
  list(lines: readonly string[], most?: number): void;
  meter(title: string, total: Total): Meter;
}

export interface VoiceOptions {
  readonly stderr: (text: string) => void;
  readonly progress: boolean;
  readonly verbosity: number;
}

export function openVoice({ stderr, progress, verbosity }: VoiceOptions): Voice {
  return {
    say(line) {
      if (verbosity > 0) stderr(`${printable(line)}\n`);
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
      if (lines.length > most) stderr(`    … and ${lines.length - most} more\n`);
    },
    meter: (title, total) => openMeter(title, total, { enabled: progress && verbosity > 0, write: stderr }),
  };
}
