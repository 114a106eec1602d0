import { compareAll } from './compare.ts';

compareAll('http');
