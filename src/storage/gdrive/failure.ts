import { STATUS_CODES } from 'node:http';
import { type ErrorCode, HelperError } from '../../model/error.ts';
import { printable } from '../../report/printable.ts';
import { BusyError, ExhaustedError } from '../retry.ts';
import { connectionError } from '../wire/failure.ts';
import type { Complaint } from './complaint.ts';
import { type DriveCredentials, signInHints } from './credentials.ts';
import type { DriveSettings } from './settings.ts';

/** What failed, as messages name it. */
export interface About {
  /** What cannot be done: `cannot write to 'gdrive://root/store'`. */
  readonly action: string;
  /** The object; undefined: the request is about none. */
  readonly key?: string | undefined;
}

export interface Failures {
  /** The error for an answer of the API that is none of the expected. */
  answered(about: About, complaint: Complaint): HelperError;
  /** The error for a connection that did not work out. An abort and errors of ours pass unchanged. */
  broken(about: About, error: unknown): unknown;
}

const busy =
  /^(?:userRateLimitExceeded|rateLimitExceeded|sharingRateLimitExceeded|RATE_LIMIT_EXCEEDED|RESOURCE_EXHAUSTED)$/;

/** Reasons that no other try can mend. */
interface Refusal {
  readonly code: ErrorCode;
  readonly why: string;
  readonly hints: (settings: DriveSettings, credentials: DriveCredentials) => readonly string[];
}

export function openFailures(settings: DriveSettings, credentials: DriveCredentials): Failures {
  const { remote } = settings;
  return {
    answered({ action, key }, complaint) {
      const { status, reason, message, retryAfterMs } = complaint;
      const about = key === undefined ? '' : ` ('${printable(key)}')`;
      const said = [reason, message].filter((text) => text !== '').map((text) => printable(text));
      const whole = `${action}: Google Drive answers ${status} (${said.join(': ') || STATUS_CODES[status]})${about}`;
      if (status === 429 || status === 503 || busy.test(reason)) {
        const hints = [
          'what one account may ask for in a minute, or send in a day (750 GB), is used up; try again later',
        ];
        return new BusyError(whole, { retryAfterMs, hints });
      }
      const refusal = refusals[reason];
      if (refusal !== undefined) {
        const hints = refusal.hints(settings, credentials);
        // Nothing of it passes by itself, whatever its kind.
        return new ExhaustedError(refusal.code, `${action}: ${refusal.why}${about}`, { hints });
      }
      if (status === 401) {
        return new HelperError('auth', `${action}: Google does not take the access token`, {
          hints: renewHints(settings, credentials),
        });
      }
      if (status === 407) {
        const hints = ['the proxy wants a user: write it as http://user:password@proxy:port'];
        return new HelperError('auth', `${action}: the proxy lets nobody through (407)`, { hints });
      }
      if (status === 403) {
        return new HelperError('auth', `${action}: access denied (${said.join(': ') || status})${about}`, {
          hints: [`you act as ${whoIs(credentials)}`],
        });
      }
      if (status >= 500 || status === 408 || status === 409) return new HelperError('unavailable', whole);
      return new HelperError('config', whole, { hints: [`check the URL: dvc remote modify ${remote} url <url>`] });
    },
    broken({ action }, error) {
      return connectionError(action, error, {
        trust: [
          'if a proxy opens TLS here, name its certificate: git config http.sslCAInfo /path/to/ca.pem',
          'or set SSL_CERT_FILE to that file',
        ],
        plain: ['is there a proxy in between? see git config http.proxy and https_proxy'],
        reach: ["can this machine reach 'https://www.googleapis.com'? a proxy is set by git config http.proxy"],
      });
    },
  };
}

/** In words for people. */
export function whoIs({ credential, source }: DriveCredentials): string {
  if (credential?.kind !== 'service_account') return `the Google account of ${source}`;
  const { email, subject } = credential;
  return subject === undefined ? printable(email) : `${printable(subject)}, through ${printable(email)}`;
}

const noRoom: Refusal['hints'] = ({ remote }, { credential }) =>
  credential?.kind === 'service_account' && credential.subject === undefined
    ? [
        'a service account has no room of its own: use a folder of a shared drive',
        `or have it act for a person: dvc remote modify ${remote} gdrive_service_account_user_email <email>`,
      ]
    : ['make room in Google Drive (Trash counts too), or use a shared drive'];
const mayNot: Refusal['hints'] = (_, credentials) => [
  `${whoIs(credentials)} may not do this; whoever owns the folder can share it with that account as 'Editor'`,
];
const mayNotReach: Refusal['hints'] = (settings, credentials) => [
  `${whoIs(credentials)} has not been given the scope 'https://www.googleapis.com/auth/drive'`,
  ...renewHints(settings, credentials),
];
const notEnabled: Refusal['hints'] = () => [
  "switch on the 'Google Drive API' in the Google Cloud project of the OAuth client or service account",
];
const askAdministrator: Refusal['hints'] = () => [
  "an administrator of the organization's Google Workspace can allow it",
];
const flagged: Refusal['hints'] = ({ remote, acknowledgeAbuse }) =>
  acknowledgeAbuse
    ? ['only its owner, or an organizer of its shared drive, may have it']
    : [`to have it all the same: dvc remote modify ${remote} gdrive_acknowledge_abuse true`];
const nothing: Refusal['hints'] = () => [];

const refusals: Readonly<Record<string, Refusal>> = Object.assign(Object.create(null), {
  storageQuotaExceeded: { code: 'full', why: 'there is no room left in Google Drive', hints: noRoom },
  quotaExceeded: { code: 'full', why: 'there is no room left in Google Drive', hints: noRoom },
  teamDriveFileLimitExceeded: { code: 'full', why: 'the shared drive holds as many files as it may', hints: nothing },
  numChildrenInNonRootLimitExceeded: { code: 'full', why: 'the folder holds as many files as it may', hints: nothing },
  activeItemCreationLimitExceeded: {
    code: 'full',
    why: 'the account has made as many files as it may',
    hints: nothing,
  },
  dailyLimitExceeded: {
    code: 'unavailable',
    why: 'what the Google Cloud project may ask for in a day is used up',
    hints: () => ['try again tomorrow'],
  },
  downloadQuotaExceeded: {
    code: 'unavailable',
    why: 'the object was downloaded as often as Google allows in a day',
    hints: () => ['try again tomorrow'],
  },
  insufficientFilePermissions: { code: 'auth', why: 'access denied', hints: mayNot },
  forbidden: { code: 'auth', why: 'access denied', hints: mayNot },
  teamDriveMembershipRequired: { code: 'auth', why: 'access denied to the shared drive', hints: mayNot },
  fileWriterTeamDriveMoveInDisabled: { code: 'auth', why: 'access denied to the shared drive', hints: mayNot },
  appNotAuthorizedToFile: { code: 'auth', why: 'the OAuth client may not see the file', hints: mayNotReach },
  insufficientPermissions: { code: 'auth', why: 'the credentials do not reach so far', hints: mayNotReach },
  insufficientScopes: { code: 'auth', why: 'the credentials do not reach so far', hints: mayNotReach },
  accessNotConfigured: { code: 'auth', why: 'the Google Drive API is not enabled', hints: notEnabled },
  SERVICE_DISABLED: { code: 'auth', why: 'the Google Drive API is not enabled', hints: notEnabled },
  domainPolicy: { code: 'auth', why: "the organization's policy forbids it", hints: askAdministrator },
  // One object is at fault, and the next may be had.
  cannotDownloadAbusiveFile: { code: 'corrupt', why: 'Google flags the object as malware or spam', hints: flagged },
} satisfies Record<string, Refusal>);

function renewHints({ remote }: DriveSettings, { credential, source, from }: DriveCredentials): readonly string[] {
  if (credential?.kind === 'service_account') {
    return [`the key is in ${source}: make a new one in the Google Cloud console`];
  }
  const signIn = `sign in anew: git dvcexp credential login ${remote}`;
  // What the environment or an option names comes before what Git keeps.
  return [from === 'credential' ? signIn : `the token is in ${source}: remove it and ${signIn}`];
}

/** What to do when Google gives out no access token, by what it said of it. */
export function refusedHints(said: string, settings: DriveSettings, credentials: DriveCredentials): readonly string[] {
  const { credential } = credentials;
  if (/\b(?:iat|exp)\b/.test(said)) return ["is this computer's clock right? Google compares it with its own"];
  const anew = renewHints(settings, credentials);
  if (credential?.kind === 'service_account') {
    if (credential.subject === undefined) return anew;
    const whom = `may ${printable(credential.email)} act for ${printable(credential.subject)}?`;
    const scope = 'for the scope https://www.googleapis.com/auth/drive';
    return [`${whom} an administrator allows it under 'Domain-wide delegation', ${scope}`];
  }
  if (/\binvalid_grant\b/.test(said)) {
    const why =
      'the token was taken back or has ended; while the OAuth client is in testing, tokens end after seven days';
    return [why, ...anew];
  }
  if (/\b(?:invalid|unauthorized|deleted|disabled)_client\b/.test(said)) return signInHints(settings.remote, false);
  return anew;
}
