import { compareAll } from './compare.ts';

compareAll('https');
