// A server with a certificate that nobody vouches for, which writes down who speaks to it all the same.
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { run } from './git-servers.ts';

export interface TlsRecorder {
  readonly host: string;
  /** Request lines. */
  readonly seen: string[];
  close(): Promise<void>;
}

/** A certificate that is its own authority. Answers the paths of key and certificate. */
export function makeCertificate(directory: string, address: string): { readonly key: string; readonly cert: string } {
  mkdirSync(directory, { recursive: true });
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(directory, name));
  run('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=x'],
    ...['-addext', `subjectAltName=IP:${address}`, '-keyout', key ?? '', '-out', cert ?? ''],
  ]);
  return { key: key ?? '', cert: cert ?? '' };
}

export async function openTlsRecorder(
  address: string,
  { key, cert }: { readonly key: string; readonly cert: string },
): Promise<TlsRecorder> {
  const seen: string[] = [];
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  return {
    host: `${address}:${(server.address() as AddressInfo).port}`,
    seen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
