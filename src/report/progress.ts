/** A running count of objects and bytes, drawn on stderr in the shape of Git's own meters. */
export interface Meter {
  /** One more object is done. */
  object(): void;
  bytes(count: number): void;
  /** Draws the last state. Must be called, also after a failure (`done: false`), so that the next message starts a new line. */
  finish(done: boolean): void;
}

export interface ProgressOptions {
  /** Git asked for progress (`option progress true`). */
  readonly enabled: boolean;
  readonly write: (text: string) => void;
  readonly now?: () => number;
  /** Git's GIT_PROGRESS_DELAY: nothing is drawn before this, milliseconds. */
  readonly delayMs?: number;
}

const redrawMs = 100;

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
}

/** Opens a meter. Draws nothing when progress is not wanted, or the work is over soon. The percentage is of the bytes where their total is known. */
export function openMeter(title: string, total: Total, options: ProgressOptions): Meter {
  const now = options.now ?? Date.now;
  const started = now();
  const delayMs = options.delayMs ?? 1000;
  let objects = 0;
  let bytes = 0;
  let drawnAt = 0;
  let drawn = false;
  const line = (): string => {
    const [part, whole] = total.bytes ? [bytes, total.bytes] : [objects, total.objects];
    // Bytes of a try that failed are counted too; no part is more than the whole.
    const percent = whole === 0 ? 100 : Math.min(objects < total.objects ? 99 : 100, Math.floor((part * 100) / whole));
    const elapsed = Math.max(1, now() - started) / 1000;
    return `${title}: ${String(percent).padStart(3)}% (${objects}/${total.objects}), ${formatBytes(bytes)} | ${formatBytes(Math.round(bytes / elapsed))}/s`;
  };
  const draw = (): void => {
    if (!options.enabled) return;
    const time = now();
    if (time - started < delayMs || time - drawnAt < redrawMs) return;
    drawnAt = time;
    drawn = true;
    options.write(`${line()}   \r`);
  };
  return {
    object(): void {
      objects += 1;
      draw();
    },
    bytes(count: number): void {
      bytes += count;
      draw();
    },
    finish(done: boolean): void {
      if (drawn) options.write(`${line()}${done ? ', done.' : ''}   \n`);
      drawn = false;
    },
  };
}
