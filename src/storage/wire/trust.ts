import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { HelperError } from '../../model/error.ts';
import type { StorageConfig } from '../../model/storage-config.ts';
import { printable } from '../../report/printable.ts';
import type { Surroundings } from '../remote.ts';

export interface Trust {
  /** PEM of the authorities to trust in place of Node's; undefined: Node's, with those of NODE_EXTRA_CA_CERTS. */
  readonly ca: string | undefined;
  readonly verifyTls: boolean;
}

/** A file of certificates, and what names it. */
interface Bundle {
  readonly name: string;
  readonly path: string | undefined;
}

/**
 * Whom to trust for one storage remote. DVC's `ssl_verify` and the service's own `bundle` take the place of Node's
 * authorities. Git's (GIT_SSL_CAINFO, http.sslCAInfo) and SSL_CERT_FILE come on top of them: Git means its own server by
 * it, and storage is often another. Throws `config` for a file that cannot be read.
 */
export function readTrust(config: StorageConfig, context: Surroundings, bundle?: Bundle): Trust {
  const verify = config.options.ssl_verify;
  const word = verify?.toLowerCase();
  if (word === 'false') return { ca: undefined, verifyTls: false };
  const env = (name: string): Bundle => ({ name, path: context.env[name] });
  const read = ({ name, path = '' }: Bundle): string => {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      const where = `storage remote '${printable(config.name)}'`;
      throw new HelperError('config', `${where}: cannot read the certificates in '${printable(path)}' (${name})`, {
        hints: [`name a PEM file in the option 'ssl_verify'${bundle === undefined ? '' : ` or in ${bundle.name}`}`],
        cause: error,
      });
    }
  };
  if (verify !== undefined && word !== 'true')
    return { ca: read({ name: 'ssl_verify', path: verify }), verifyTls: true };
  if (bundle?.path !== undefined) return { ca: read(bundle), verifyTls: true };
  const configured = context.configuration?.('http.sslCAInfo')?.replace(/^~(?=\/)/, () => context.home);
  const added = [env('GIT_SSL_CAINFO'), { name: 'http.sslCAInfo', path: configured }, env('SSL_CERT_FILE')].find(
    ({ path }) => path !== undefined && path !== '',
  );
  if (added === undefined) return { ca: undefined, verifyTls: true };
  const extra = env('NODE_EXTRA_CA_CERTS');
  // Node leaves its own out, and these, as soon as it is given any.
  const more = extra.path === undefined || extra.path === '' ? [] : [read(extra)];
  return { ca: [...rootCertificates, read(added), ...more].join('\n'), verifyTls: true };
}
