import type { Options } from 'tsup';

export function commonJs(): NonNullable<Options['plugins']>[number];
