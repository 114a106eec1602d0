// Who may import whom (docs/architecture.md). Imports point down, siblings do not see each other,
// each third-party package has one home.
const may = (folder, ...allowed) => ({
  name: `${folder}-imports-down`,
  comment: `src/${folder} may import only: ${[folder, ...allowed].join(', ')}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
});
const home = (name, pkg, file) => ({
  name: `${name}-has-one-home`,
  comment: `${pkg} is used in ${file} only`,
  severity: 'error',
  from: { path: '^src/', pathNot: file },
  to: { path: `node_modules/${pkg}` },
});
const privateTo = (name, backend, users) => ({
  name,
  severity: 'error',
  from: { path: '^src/', pathNot: `^src/storage/(open\\.ts$|(${users})/)` },
  to: { path: `^src/storage/${backend}/` },
});
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-orphans', severity: 'error', from: { orphan: true, path: '^src/' }, to: {} },
    may('model'),
    may('report', 'model'),
    may('dvc', 'model', 'report'),
    may('git', 'model', 'report'),
    may('storage', 'model', 'report'),
    may('transfer', 'model', 'report', 'dvc', 'git', 'storage'),
    may('remote-helper', 'model', 'report', 'dvc', 'git', 'storage', 'transfer'),
    may('cli', 'model', 'report', 'dvc', 'git', 'storage', 'transfer'),
    {
      name: 'backends-are-private-to-the-table',
      comment: 'a backend is reached through storage/open.ts, by dynamic import',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/storage/(open|s3[^/]*)\\.ts$|^src/storage/s3/' },
      to: { path: '^src/storage/(local|s3[^/]*)\\.ts$|^src/storage/s3/' },
    },
    privateTo('ssh-is-private-to-the-table', 'ssh', 'ssh'),
    privateTo('webdav-is-private-to-the-table', 'webdav', 'webdav'),
    privateTo('http-is-shared-with-webdav', 'http', 'http|webdav'),
    {
      name: 'wire-is-for-backends',
      comment: 'connections, proxies and trust of every backend that speaks HTTP, and how big objects go in parts',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/storage/[a-z0-9]+/' },
      to: { path: '^src/storage/(wire|parts)/' },
    },
    {
      name: 'backends-load-late',
      comment: 'no backend on the path of a helper that moves no data',
      severity: 'error',
      from: { path: '^src/storage/open\\.ts$' },
      to: { path: '^src/storage/(local|s3|ssh|http|webdav)', dependencyTypesNot: ['type-only'], dynamic: false },
    },
    {
      name: 'transfer-sees-interfaces-of-storage',
      severity: 'error',
      from: { path: '^src/transfer/' },
      to: { path: '^src/storage/', pathNot: '^src/storage/(remote|open)\\.ts$' },
    },
    home('yaml', 'yaml/', '^src/dvc/'),
    home('yargs', 'yargs/', '^src/cli/'),
    home('ignore', 'ignore/', '^src/dvc/'),
    home('aws', '@(aws-sdk|smithy)/', '^src/storage/s3'),
    home('ssh2', 'ssh2/', '^src/storage/ssh/'),
    {
      name: 'only-main-is-the-root',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/main/' },
      to: { path: '^src/main/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { extensions: ['.ts'], conditionNames: ['import', 'node', 'default'] },
  },
};
