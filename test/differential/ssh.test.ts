import { compareAll } from './compare.ts';

compareAll('ssh');
