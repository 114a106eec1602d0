// Google's own names over TLS, as far as this machine goes: a forward proxy that leads them here, with a certificate of an
// authority made for the test.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface GoogleHosts {
  /** For HTTPS_PROXY. */
  readonly proxy: string;
  /** PEM file of the authority. */
  readonly caFile: string;
  /** `METHOD host/path` of every request, in order. */
  readonly seen: { readonly what: string; readonly authorization: string | undefined }[];
  close(): Promise<void>;
}

/** @param ports who answers for each name, in plain HTTP on loopback */
export async function openGoogleHosts(ports: Readonly<Record<string, number>>): Promise<GoogleHosts> {
  const top = mkdtempSync(join(tmpdir(), 'dvcexp-google-'));
  const seen: GoogleHosts['seen'] = [];
  const server = https.createServer(makeCertificate(top, Object.keys(ports)), (request, response) => {
    const { method = '', url: path = '/', headers } = request;
    seen.push({ what: `${method} ${headers.host}${path.replace(/\?.*/, '')}`, authorization: headers.authorization });
    const port = ports[headers.host ?? ''] ?? 1;
    const onward = http.request({ host: '127.0.0.1', port, method, path, headers, agent: false });
    onward.on('error', () => response.destroy());
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  const proxy = http.createServer((_, response) => void response.writeHead(403).end());
  proxy.on('connect', (request, socket, head) => {
    const [name = '', port] = (request.url ?? '').split(':');
    if (ports[name] === undefined || port !== '443') return void socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
    const onward = connect((server.address() as AddressInfo).port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  for (const each of [server, proxy]) await new Promise<void>((resolve) => each.listen(0, '127.0.0.1', resolve));
  return {
    proxy: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    caFile: join(top, 'ca.pem'),
    seen,
    async close() {
      for (const each of [proxy, server]) {
        each.closeAllConnections();
        await new Promise((resolve) => each.close(resolve));
      }
      rmSync(top, { recursive: true, force: true });
    },
  };
}

function makeCertificate(top: string, names: readonly string[]): { cert: string; key: string } {
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: top, stdio: 'ignore' });
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...curve, '-days', '2', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=test authority');
  openssl('req', ...curve, '-keyout', 'key.pem', '-out', 'cert.csr', '-subj', `/CN=${names[0]}`);
  writeFileSync(join(top, 'san'), `subjectAltName=${names.map((name) => `DNS:${name}`).join()}`);
  const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'san'];
  openssl('x509', '-req', '-in', 'cert.csr', ...signed, '-out', 'cert.pem');
  const read = (name: string): string => readFileSync(join(top, name), 'utf8');
  return { cert: read('cert.pem'), key: read('key.pem') };
}
