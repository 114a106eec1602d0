import { compareAll } from './compare.ts';

compareAll('git');
