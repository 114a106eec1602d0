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
 * All regions of Amazon are one place, as buckets have one name over all of them.
 *
 * @param ambient endpoints that the user's environment and profile name
 */
export function originOf(
  config: StorageConfig,
  bucket: string,
  endpoint: Endpoint | undefined,
  ambient: readonly Endpoint[],
  secure: boolean,
): Origin {
  const isAmazon = endpoint === undefined || amazon.test(endpoint.host);
  const provider = isAmazon && secure;
  const path = isAmazon ? bucket : `${endpoint.path}/${bucket}`;
  const host = isAmazon ? 's3.amazonaws.com' : endpoint.host;
  return createOrigin(secure ? 'https' : 'http', host, path, { provider, namedBy: namedBy() });

  function namedBy(): Origin['namedBy'] {
    if (endpoint === undefined) return config.committed.has('url') ? 'repository' : 'user';
    const own = ambient.some(({ host: known, secure: how }) => known === endpoint.host && how === endpoint.secure);
    return config.committed.has('endpointurl') && !own ? 'repository' : 'user';
  }
}
