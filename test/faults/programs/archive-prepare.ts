// Makes an archive in the middle of its life, and shards beside it. Arguments: directories.
import { prepare } from '../cases/archive-syscalls.js';

for (const root of process.argv.slice(2)) await prepare(root);
