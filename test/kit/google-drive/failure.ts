// Errors as Google's JSON APIs word them (Drive API, "Resolve errors").

interface Place {
  readonly location: string;
  readonly locationType: 'parameter' | 'header' | 'other';
}

/** Thrown anywhere in the double; the client gets it in Google's shape. */
export class DriveError extends Error {
  readonly status: number;
  readonly reason: string;
  readonly place: Place | undefined;

  constructor(status: number, reason: string, message: string, place?: Place) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.place = place;
  }
}

export function errorBody({ status, reason, message, place }: DriveError): object {
  const domain = usage.includes(reason) ? 'usageLimits' : 'global';
  return { error: { code: status, message, errors: [{ message, domain, reason, ...place }] } };
}

const usage = ['userRateLimitExceeded', 'rateLimitExceeded', 'dailyLimitExceeded', 'sharingRateLimitExceeded'];

/** What the service says by itself, by reason; for injected faults. */
const known: Readonly<Record<string, readonly [status: number, message: string]>> = {
  userRateLimitExceeded: [403, 'User Rate Limit Exceeded'],
  rateLimitExceeded: [403, 'Rate Limit Exceeded'],
  dailyLimitExceeded: [403, 'Daily Limit Exceeded'],
  storageQuotaExceeded: [403, "The user's Drive storage quota has been exceeded."],
  insufficientFilePermissions: [403, 'The user does not have sufficient permissions for this file.'],
  accessNotConfigured: [403, 'Google Drive API has not been used in project 1 before or it is disabled.'],
  domainPolicy: [403, 'The domain administrators have disabled Drive apps.'],
  notFound: [404, 'File not found: .'],
  internalError: [500, 'Internal Error'],
  backendError: [503, 'Backend Error'],
  authError: [401, 'Invalid Credentials'],
};

export function knownError(reason: string | undefined, status: number | undefined): DriveError {
  const name = reason ?? (status === 429 ? 'rateLimitExceeded' : 'backendError');
  const [usual, message] = known[name] ?? [400, name];
  return new DriveError(status ?? usual, name, message);
}

export function notFound(id: string): DriveError {
  return new DriveError(404, 'notFound', `File not found: ${id}.`, { location: 'fileId', locationType: 'parameter' });
}

export function invalid(parameter: string, message = 'Invalid Value'): DriveError {
  return new DriveError(400, 'invalid', message, { location: parameter, locationType: 'parameter' });
}

export function forbidden(id: string): DriveError {
  const message = `The user does not have sufficient permissions for file ${id}.`;
  const place = { location: 'file.permissions', locationType: 'other' } as const;
  return new DriveError(403, 'insufficientFilePermissions', message, place);
}

export function unauthenticated(): DriveError {
  const place = { location: 'Authorization', locationType: 'header' } as const;
  return new DriveError(401, 'authError', 'Invalid Credentials', place);
}
