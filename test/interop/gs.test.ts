import { after, before } from 'node:test';
import { bucket, type FakeGcs, startFakeGcs } from '../kit/fake-gcs.ts';
import { testMeeting } from '../kit/meeting.ts';

let server: FakeGcs;
before(
  async () => {
    server = await startFakeGcs();
  },
  { timeout: 60_000 },
);
after(() => server?.close());

testMeeting('Google Cloud Storage on fake-gcs-server', async () => ({
  url: `gs://${bucket}/teams/ours/store`,
  options: { endpointurl: server.endpoint, allow_anonymous_login: 'true' },
  // DVC's library would else ask Google by gRPC what kind of bucket it is, for a minute.
  env: { GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT: 'false' },
  directory: `${server.directory}/teams/ours/store`,
}));
