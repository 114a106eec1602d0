import type { Content, ContentWriter } from './content.ts';

/** Bytes of a resumable upload. The service keeps them in units of 256 KiB; what is over counts only at the end. */
export interface Units {
  readonly unit: number;
  /** Bytes that are kept. */
  readonly size: number;
  /** Bytes that are not a full unit yet. */
  readonly pending: number;
  append(chunk: Uint8Array): Promise<void>;
  /** Keeps what is over. */
  flush(): Promise<void>;
  /** Forgets what is over. */
  forget(): void;
  finish(): Promise<Content>;
  drop(): Promise<void>;
}

const unit = 256 * 1024;

export function createUnits(writer: ContentWriter): Units {
  let over: Uint8Array[] = [];
  let pending = 0;
  const units: Units = {
    unit,
    get size() {
      return writer.size;
    },
    get pending() {
      return pending;
    },
    async append(chunk) {
      const missing = unit - ((writer.size + pending) % unit);
      if (chunk.length < missing) {
        over.push(chunk);
        pending += chunk.length;
        return;
      }
      const whole = missing + Math.floor((chunk.length - missing) / unit) * unit;
      const ready = [...over, chunk.subarray(0, whole)];
      units.forget();
      for (const each of ready) await writer.append(each);
      if (whole < chunk.length) await units.append(chunk.subarray(whole));
    },
    async flush() {
      const ready = over;
      units.forget();
      for (const each of ready) await writer.append(each);
    },
    forget() {
      over = [];
      pending = 0;
    },
    finish: () => writer.finish(),
    drop: () => writer.drop(),
  };
  return units;
}
