import type { Settings } from '../../src/model/settings.ts';
import type { DownloadRequest, UploadRequest } from '../../src/transfer/data-mover.ts';

/** What the data side of a scripted helper does, as JSON in the file that DVCEXP_TEST_SCRIPT names. */
export interface MoverScript {
  /** Refname → reason why it must not be pushed. */
  readonly uploadErrors?: Readonly<Record<string, string>>;
  /** `broken`: as storage that cannot be reached, under the default policy. */
  readonly download?: 'whole' | 'broken';
  /** The data side breaks as a whole, with this message. */
  readonly throws?: string;
  readonly delayMs?: number;
}

/** One line of the file that DVCEXP_TEST_LOG names: what the data side was asked. */
export type MoverNote =
  | { readonly event: 'open'; readonly settings: Settings }
  | ({ readonly event: 'upload' } & UploadRequest)
  | { readonly event: 'upload-done' | 'close' }
  | ({ readonly event: 'download'; readonly present: boolean } & DownloadRequest);
