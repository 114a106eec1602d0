import { HelperError } from '../../model/error.ts';
import type { OpenStorage } from '../remote.ts';

export const openS3Storage: OpenStorage = async (config) => {
  throw new HelperError('unsupported', `storage remote '${config.name}': S3 is being built`);
};
