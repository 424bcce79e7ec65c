#!/usr/bin/env node
import { main } from './main.js';

// Not awaited: this is built as CommonJS, which starts faster.
void main(process.argv.slice(2)).then((code) => {
  // Output that could not be written has set it already.
  process.exitCode ??= code;
});
