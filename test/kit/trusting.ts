import { HelperError } from '../../src/model/error.ts';
import type { Guard, Judge } from '../../src/storage/remote.ts';

/** For tests of backends that are not about trust: every secret may go everywhere. */
export const anyGuard: Guard = { admit: async () => undefined };
export const trusting: Judge = { guardFor: async () => anyGuard };

const refusal = new HelperError('trust', 'no secret is shown there', { hints: ['git dvcexp trust <url>'] });
/** No secret goes anywhere, as for somebody who fetches. */
export const refusing: Judge = { guardFor: async () => ({ admit: async () => refusal }) };
