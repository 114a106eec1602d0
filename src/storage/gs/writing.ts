import type { Content } from '../../model/operation.ts';
import { trace } from '../../report/trace.ts';
import type { Budget } from '../parts/budget.ts';
import type { UploadMemory } from '../remote.ts';
import type { Client } from './client.ts';
import type { StoredObject } from './object.ts';

/** How long a failed write may take to tidy up. */
const patienceMs = 10_000;

export interface Upload {
  readonly client: Client;
  readonly bucket: string;
  /** The object's whole name in the bucket. */
  readonly name: string;
  readonly key: string;
  /** For messages. */
  readonly action: string;
  readonly content: Content;
  readonly budget: Budget;
  readonly uploads: UploadMemory | undefined;
  readonly signal: AbortSignal;
  readonly moved?: ((bytes: number) => void) | undefined;
}

/** What the service says it has now, and what it should have. */
export interface Stored {
  readonly object: StoredObject;
  /** Of the bytes that were sent, in Base64. */
  readonly md5: string;
}

/** What may fail without harm. */
export async function inPassing(complaint: string, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
  try {
    await work(AbortSignal.timeout(patienceMs));
  } catch (error) {
    trace(() => `storage: ${complaint}: ${String(error)}`);
  }
}
