import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { EMIT, LIBRARY, run, storedRecords } from './bash.js';

const PACKAGE = join(LIBRARY, '../../..');
const text = readFileSync(join(PACKAGE, 'docs/bash.md'), 'utf8');
const blocks = [...text.matchAll(/^```bash\n([^]*?)^```$/gm)].map(([, block = '']) => block);

describe('docs/bash.md', () => {
  it('has examples', () => {
    expect(blocks.length).toBeGreaterThan(4);
  });

  it('names each function in a table', () => {
    const older = readFileSync(LIBRARY, 'utf8').matchAll(/^ {4}(\w+)\(\) \{ return 0; \}$/gm);
    const rows = text.split('\n').filter((line) => line.startsWith('| `'));
    for (const [, name] of older) expect(rows.join('\n')).toMatch(new RegExp(`^\\|[^|]*\`${name}\\b`, 'm'));
  });

  it.each(blocks)('runs: %s', (block) => {
    const root = temporaryDirectory();
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
    symlinkSync(PACKAGE, join(root, 'node_modules/cfn-metrics'));
    symlinkSync(EMIT, join(root, 'node_modules/.bin/cfn-emit'));
    // npx itself takes a third of a second and is not what is tested.
    writeFileSync(join(root, 'npx'), '#!/bin/sh\nexec "node_modules/.bin/$@"\n', { mode: 0o755 });
    writeFileSync(join(root, 'npm'), '#!/bin/sh\necho "$PWD/node_modules"\n', { mode: 0o755 });
    const env = { CFN_METRICS_DIR: root, PATH: `${root}:${process.env['PATH']}`, HOSTNAME: 'host-1' };
    const script = `cd "$CFN_METRICS_DIR"; set -euo pipefail; ${block}`;
    const { status, stdout, stderr } = run('bash', ['--noprofile', '--norc', '-c', script], { env });
    expect([status, stderr]).toEqual([0, '']);
    if (block.includes('not a number')) expect(stdout).toBe('that was not a number\n');
    else expect(storedRecords(root).length).toBeGreaterThan(0);
  });
});
