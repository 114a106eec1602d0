import { isCleartext, isLoopback, isMetadataService, type Origin } from '../model/origin.ts';
import type { SecretUse } from '../storage/remote.ts';

/** All that the rule looks at (docs/decisions, "Whom secrets are shown to"). */
export interface Facts {
  readonly origin: Origin;
  /** `push`: data of the user goes there. */
  readonly direction: 'fetch' | 'push';
  /** undefined: the request carries none. */
  readonly secret: SecretUse | undefined;
  /** What the user has said of this origin: `dvcexp.<url>.trust`, or DVCEXP_TRUST. */
  readonly said: 'read' | 'write' | 'never' | undefined;
  /** `dvcexp.<url>.allowInsecure` */
  readonly insecureAllowed: boolean;
  /** False: this clone knows other places, and the repository now names this one. */
  readonly known: boolean;
}

/** `go`; `ask` the user, for the reason; `refuse` without asking. */
export type Verdict =
  | { readonly kind: 'go' }
  | { readonly kind: 'ask'; readonly why: 'changed' | 'stranger' }
  | { readonly kind: 'refuse'; readonly why: 'metadata' | 'insecure' | 'never' };

const go: Verdict = { kind: 'go' };

/** The one place that decides whether a secret, or the user's data, goes to an origin. */
export function judge({ origin, direction, secret, said, insecureAllowed, known }: Facts): Verdict {
  if (origin.namedBy === 'user') return go;
  if (isMetadataService(origin)) return { kind: 'refuse', why: 'metadata' };
  if (said === 'never' && (secret !== undefined || direction === 'push')) return { kind: 'refuse', why: 'never' };
  if (secret?.shows === 'secret' && isCleartext(origin) && !insecureAllowed) return { kind: 'refuse', why: 'insecure' };
  if (said === 'write' || (said === 'read' && direction === 'fetch')) return go;
  if (secret === undefined && direction === 'fetch') return go;
  if (!known) return { kind: 'ask', why: 'changed' };
  if (secret?.from !== 'ambient' || origin.provider) return go;
  // This machine may check a signature; what can be used again is for the provider's own hosts.
  if (isLoopback(origin) && secret.shows === 'proof') return go;
  return { kind: 'ask', why: 'stranger' };
}
