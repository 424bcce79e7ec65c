#!/usr/bin/env node
// All tests that need no server. Arguments go to vitest.
import { handOver, ready } from './ready.mjs';

await ready();
handOver('node_modules/vitest/vitest.mjs', ['run', ...process.argv.slice(2)]);
