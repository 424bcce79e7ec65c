// Runs a program on one directory after another: what Node does to start is over when somebody begins to watch.
// Argument: the program, whose own arguments are directories. Reads a directory a line, and says when it is done.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const url = pathToFileURL(process.argv[2] ?? '').href;
let runs = 0;

/** As if it were started anew; with an error it ends as if it were alone. */
async function run(directories: readonly string[]): Promise<void> {
  process.argv.splice(2, Infinity, ...directories);
  runs += 1;
  await import(`${url}?${runs}`);
}

await run([]);
process.stdout.write('ready\n');
for await (const directory of createInterface({ input: process.stdin })) {
  await run([directory]);
  process.stdout.write(`done ${directory}\n`);
}
