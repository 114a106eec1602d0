/** A running count of objects and bytes, shown on stderr in the shape of Git's own meters. */
export interface Meter {
  /** One more object is done. */
  object(): void;
  bytes(count: number): void;
  /** Something else is about to be written: it begins a line of its own. The meter goes on below it. */
  makeWay(): void;
  /** Nothing is drawn until what it answers is called. */
  pause(): () => void;
  /** Draws the last state. Must be called, also after a failure (`done: false`), so that the next message starts a new line. */
  finish(done: boolean): void;
}

/**
 * - `meter`: one line that is drawn over and over. Git asked for progress (`option progress true`).
 * - `lines`: a line of its own now and then, for windows and logs that show stderr as it comes. Git GUIs ask for no
 *   progress, and a person who waits in front of one has to see that something moves.
 * - `none`: nothing.
 */
export type ProgressStyle = 'meter' | 'lines' | 'none';

export interface ProgressOptions {
  readonly style: ProgressStyle;
  readonly write: (text: string) => void;
  /** Milliseconds. */
  readonly now?: () => number;
}

/**
 * How progress is shown.
 *
 * @param asked Git said `option progress true`
 * @param verbosity 0 for `-q`
 */
export function progressStyle(
  asked: boolean,
  verbosity: number,
  env: Readonly<Record<string, string | undefined>>,
): ProgressStyle {
  if (verbosity === 0) return 'none';
  if (asked) return 'meter';
  // VS Code shows nothing before its Git has ended, and of a failure the first line: that must be the reason.
  return env.VSCODE_GIT_COMMAND === undefined ? 'lines' : 'none';
}

/** Git's own meters wait a second and redraw ten times in one. */
const meterMs = { first: 1000, gap: 100, longestGap: 100 };
/** A gap doubles until it is a minute: a long transfer fills no log, and none looks dead. */
const linesMs = { first: 2000, gap: 4000, longestGap: 60_000 };

/** `12.3 MiB`, as Git prints amounts (strbuf_humanise_bytes). */
export function formatBytes(count: number): string {
  if (count < 1024) return `${count} ${count === 1 ? 'byte' : 'bytes'}`;
  const units = ['KiB', 'MiB', 'GiB'] as const;
  let value = count / 1024;
  let unit: string = units[0];
  for (const next of units.slice(1)) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return `${value.toFixed(2)} ${unit}`;
}

/** `3 objects`, `1 object`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : `${noun}s`}`;
}

/** How much there is to do; `bytes` where it is known, undefined where it is not. */
export interface Total {
  readonly objects: number;
  readonly bytes: number | undefined;
  /** Nothing is moved: bytes are not shown. */
  readonly still?: boolean;
}

/** Opens a meter. Shows nothing when progress is not wanted, or the work is over soon. The percentage is of the bytes where their total is known. */
export function openMeter(title: string, total: Total, options: ProgressOptions): Meter {
  const now = options.now ?? Date.now;
  const started = now();
  const { style, write } = options;
  const pace = style === 'lines' ? linesMs : meterMs;
  let gap = pace.gap;
  let nextAt = started + pace.first;
  let objects = 0;
  let bytes = 0;
  /** The meter was drawn, and the line it is on. */
  let drawn = false;
  let open = false;
  let pauses = 0;
  const line = (): string => {
    const [part, whole] = total.bytes ? [bytes, total.bytes] : [objects, total.objects];
    // Bytes of a try that failed are counted too; no part is more than the whole.
    const percent = whole === 0 ? 100 : Math.min(objects < total.objects ? 99 : 100, Math.floor((part * 100) / whole));
    const done = `${title}: ${String(percent).padStart(3)}% (${objects}/${total.objects})`;
    if (total.still === true) return done;
    const elapsed = Math.max(1, now() - started) / 1000;
    return `${done}, ${formatBytes(bytes)} | ${formatBytes(Math.round(bytes / elapsed))}/s`;
  };
  const draw = (): void => {
    if (style === 'none' || pauses > 0) return;
    const time = now();
    if (time < nextAt) return;
    nextAt = time + gap;
    gap = Math.min(gap * 2, pace.longestGap);
    drawn ||= style === 'meter';
    open = drawn;
    write(style === 'meter' ? `${line()}   \r` : `${line()}\n`);
  };
  // Bytes are handed to the system long before they arrive: without a clock the meter would stand still meanwhile.
  const clock = style === 'none' ? undefined : setInterval(draw, 1000).unref();
  return {
    object(): void {
      objects += 1;
      draw();
    },
    bytes(count: number): void {
      bytes += count;
      draw();
    },
    makeWay(): void {
      if (open) write('\n');
      open = false;
    },
    pause(): () => void {
      pauses += 1;
      this.makeWay();
      return () => {
        pauses -= 1;
      };
    },
    finish(done: boolean): void {
      clearInterval(clock);
      if (drawn) write(`${line()}${done ? ', done.' : ''}   \n`);
      drawn = false;
      open = false;
    },
  };
}
