// Copies the shell files, changed as the mutant of this run has it. Argument: where to.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Change {
  readonly find: string;
  readonly replace: string;
}
const CHANGES: readonly Change[] = [];

const [target = ''] = process.argv.slice(2);
cpSync('src/shell', target, { recursive: true });
const library = join(target, 'cfn-metrics.sh');
let text = readFileSync(library, 'utf8');
for (const { find, replace } of CHANGES) {
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`cfn-metrics.sh has ${parts.length - 1} places that read: ${find}`);
  text = parts.join(replace);
}
writeFileSync(library, text);
