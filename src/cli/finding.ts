import { diagnose } from '../report/diagnose.ts';
import { printable } from '../report/printable.ts';

/** What one check of `doctor` found. */
export interface Finding {
  /** `error`: data will not move. `warn`: something moves otherwise than one may think. */
  readonly level: 'ok' | 'warn' | 'error';
  /** One line. */
  readonly text: string;
  /** What to type, or to know, one line each. */
  readonly hints: readonly string[];
}

export function ok(text: string): Finding {
  return { level: 'ok', text, hints: [] };
}

export function warn(text: string, ...hints: readonly string[]): Finding {
  return { level: 'warn', text, hints };
}

export function error(text: string, ...hints: readonly string[]): Finding {
  return { level: 'error', text, hints };
}

/** The finding that a thrown error is; `before` says what it was about. */
export function failed(thrown: unknown, before = ''): Finding {
  const { message, hints } = diagnose(thrown);
  return { level: 'error', text: `${before}${message}`, hints };
}

/** The finding in a line, its hints in lines below. */
export function formatFinding({ level, text, hints }: Finding): string {
  return [`${level.padEnd(5)}  ${printable(text)}`, ...hints.map((hint) => `       hint: ${printable(hint)}`)]
    .map((line) => `${line}\n`)
    .join('');
}

/** Findings as git-dvcexp(1) describes them under JSON, where nothing but it goes to stdout. */
export function findingsToJson(findings: readonly Finding[]): string {
  const count = (level: Finding['level']): number => findings.filter((each) => each.level === level).length;
  return `${JSON.stringify({ errors: count('error'), warnings: count('warn'), checks: findings }, null, 2)}\n`;
}
