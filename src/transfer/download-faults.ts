import { HelperError } from '../model/error.ts';
import { countOf } from '../report/progress.ts';
import type { Voice } from '../report/voice.ts';
import type { Wanted } from './wanted.ts';

/** Why some data of a group is not here, where storage did not simply lack it. */
export type Breakage =
  /** Unreachable, refused, a full disk: what the same command may mend once the cause is gone. */
  | 'passing'
  /** Storage holds other bytes than the object's, or a listing that no directory can have. */
  | 'damage'
  /** Storage that this program does not speak, or no place to put the data. */
  | 'unsupported';

/** So many are told with their path; finding it means reading the listing once more. */
const mostTold = 10;

/** Tells of objects that storage holds and that are not what their names promise. */
export interface DamageReport {
  tell(wanted: Wanted, error: HelperError): void;
  /** How many more there were. */
  finish(): void;
}

/**
 * @param describe the object as people know it
 * @param place the storage remote, printable
 * @param versioned it is a cloud-versioned one
 */
export function openDamageReport(
  voice: Voice,
  describe: (wanted: Wanted) => string,
  place: string,
  versioned: boolean,
): DamageReport {
  let count = 0;
  return {
    tell(wanted, error) {
      count += 1;
      if (count > mostTold) return;
      const [digest] = /hash to '[0-9a-f]+'/.exec(error.message) ?? [];
      // The service itself does not give it out, and said what to do about it.
      if (digest === undefined && error.hints.length > 0) {
        voice.fail(new HelperError('corrupt', `${describe(wanted)}: ${error.message}`, { hints: error.hints }));
        return;
      }
      const reason = digest === undefined ? error.message : `its bytes ${digest}`;
      const hint = versioned
        ? 'where the data still is: dvc push, and commit the version that it records'
        : `where the data still is, once '${wanted.key}' is removed from ${place}: dvc push`;
      voice.fail(
        new HelperError('corrupt', `${describe(wanted)} in ${place} is damaged: ${reason}`, { hints: [hint] }),
      );
    },
    finish() {
      if (count > mostTold) voice.fail(`${countOf(count - mostTold, 'more object')} in ${place} are damaged`);
      count = 0;
    },
  };
}

/** A listing whose bytes are its own and whose content is not: nobody can send a better one under that name. */
export function refusedListing(error: HelperError): HelperError {
  return new HelperError(error.code, error.message, {
    hints: ['nothing of it was stored; whoever tracks the directory has to do it anew: dvc add or dvc repro'],
    cause: error,
  });
}
