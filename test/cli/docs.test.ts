import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/errors.js';
import { cli } from './run.js';

const page = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');

describe('the documents', () => {
  it('have a row for every error code, and for no other', () => {
    const rows = [...page('errors.md').matchAll(/^\| `(ERR_\w+)`/gm)].map(([, code]) => code);
    expect(rows).toEqual([...ERROR_CODES]);
  });

  it('name every command', () => {
    const commands = [...cli(['--help']).stdout.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name!);
    expect(commands).toContain('analyze');
    for (const name of commands.filter((command) => command !== 'help')) {
      expect(page('cli.md')).toContain(`| \`${name}\``);
    }
  });
});
