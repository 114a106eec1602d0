import { compareAll } from './compare.ts';

compareAll('path');
