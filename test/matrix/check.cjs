// What both programs share. The last line on stdout is the cell of the table; a failed check ends the process.
const { existsSync, mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const process = require('node:process');

let checks = 0;

/** Counts a check; what `assert` throws fails the program. */
exports.check = (assertion) => {
  assertion();
  checks += 1;
};

/** Runs checks in a directory of their own, in RAM where there is some. */
exports.inDirectory = async (body) => {
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'cfn-matrix-'));
  try {
    await body(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  process.stdout.write(`${checks} ok\n`);
};
