import type { IncomingHttpHeaders } from 'node:http';
import { parseRetryAfter } from '../wire/failure.ts';

/** What Google says of a request that it refuses. */
export interface Complaint {
  readonly status: number;
  /** Google's word for it (`storageQuotaExceeded`, `invalid_grant`); '' when the answer is none of its own. */
  readonly reason: string;
  /** Google's sentence about it; '' when there is none. */
  readonly message: string;
  readonly retryAfterMs: number | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/** Both forms: of the API (`{"error":{"errors":[{"reason":…}]}}`) and of the token server (`{"error":"invalid_grant"}`). */
export function parseComplaint(status: number, headers: IncomingHttpHeaders, body: string): Complaint {
  const answer = fieldsOf(parseJson(body));
  const error = fieldsOf(answer.error);
  const [first] = Array.isArray(error.errors) ? error.errors : [];
  const retryAfterMs = parseRetryAfter(headers['retry-after']);
  if (typeof answer.error === 'string') {
    return { status, reason: answer.error, message: textOf(answer.error_description), retryAfterMs };
  }
  const reason = textOf(fieldsOf(first).reason) || textOf(error.status);
  return { status, reason, message: textOf(error.message), retryAfterMs };
}

/** undefined: it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
