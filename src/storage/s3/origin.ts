import { createOrigin, type Origin } from '../../model/origin.ts';
import type { StorageConfig } from '../../model/storage-config.ts';

export interface Endpoint {
  readonly secure: boolean;
  /** With the port where it is not the scheme's own. */
  readonly host: string;
  /** Of the URL, without the slash at its end. */
  readonly path: string;
}

// Not everything below amazonaws.com is Amazon's: whoever rents a machine there has such a name.
const amazon =
  /^s3(?:-fips|-accelerate)?(?:\.dualstack)?(?:[.-][a-z0-9-]+)?\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|c2s\.ic\.gov|sc2s\.sgov\.gov)$/;

/**
 * All regions of Amazon are one place, as buckets have one name over all of them, or of a partition (China, GovCloud).
 * Others may give each account buckets of its own (OpenStack Swift, tenants of Ceph).
 *
 * @param ambient endpoints that the user's environment and profile name
 * @param more `account`: whoever it is that signs, as far as it can be told without asking
 */
export function originOf(
  config: StorageConfig,
  bucket: string,
  endpoint: Endpoint | undefined,
  ambient: readonly Endpoint[],
  more: { readonly secure: boolean; readonly region: string | undefined; readonly account: string },
): Origin {
  const { secure, region, account } = more;
  const isAmazon = endpoint === undefined || amazon.test(endpoint.host);
  const provider = isAmazon && secure;
  const path = isAmazon ? bucket : `${endpoint.path}/${bucket}`;
  const host = isAmazon ? 's3.amazonaws.com' : endpoint.host;
  const namespace = isAmazon ? partitionOf(endpoint?.host ?? region ?? '') : account;
  return createOrigin(secure ? 'https' : 'http', host, path, { provider, namedBy: namedBy(), namespace });

  function namedBy(): Origin['namedBy'] {
    if (endpoint === undefined) return config.committed.has('url') ? 'repository' : 'user';
    const own = ambient.some(({ host: known, secure: how }) => known === endpoint.host && how === endpoint.secure);
    return config.committed.has('endpointurl') && !own ? 'repository' : 'user';
  }
}

/** What a region's name, or the host of one, begins with outside of Amazon's common cloud; '': it is in that. */
function partitionOf(where: string): string {
  return /(?:^|[.-])(cn|eusc|us-gov|(?:us|eu)-iso[a-z]?)-/i.exec(where)?.[1]?.toLowerCase() ?? '';
}
