import { compareAll } from './compare.ts';

compareAll('file');
