import { spawnSync, type StdioOptions } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from './support/directory.js';
import { has } from './support/tools.js';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Block {
  readonly file: string;
  readonly line: number;
  readonly language: string;
  /** A program without which it cannot run: ```bash needs=jq */
  readonly needs: string | undefined;
  readonly code: string;
}

function blocksOf(file: string): Block[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/^```(\w*)(?: needs=(\S+))?[^\n]*\n([\s\S]*?)^```$/gm)].map((match) => ({
    file,
    line: text.slice(0, match.index).split('\n').length,
    language: match[1] ?? '',
    needs: match[2],
    code: match[3] ?? '',
  }));
}

/** Whether a block cannot run here for want of a program; where everything is tested, all of them have to be there. */
function lacksProgram({ needs }: Block): boolean {
  return needs !== undefined && !has(needs);
}

const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
];
const blocks = pages.flatMap(blocksOf);

/** A project in which this package is installed, with shards of its own. */
function project() {
  const directory = temporaryDirectory();
  const modules = join(directory, 'node_modules');
  mkdirSync(join(modules, '.bin'), { recursive: true });
  mkdirSync(join(directory, 'shards'));
  symlinkSync(root, join(modules, 'cfn-metrics'));
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  symlinkSync(join(root, 'src/shell/cfn-emit'), join(modules, '.bin/cfn-emit'));
  symlinkSync(join(root, 'dist/cli/index.cjs'), join(modules, '.bin/cfn-metrics'));
  // npx looks the command up anew each time, which takes a third of a second and may ask the network.
  writeFileSync(join(modules, '.bin/npx'), '#!/bin/sh\nexec "$@"\n');
  chmodSync(join(modules, '.bin/npx'), 0o755);
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}');
  const env = {
    PATH: `${join(modules, '.bin')}:${dirname(process.execPath)}:${process.env['PATH']}`,
    HOME: directory,
    npm_config_update_notifier: 'false',
    CFN_METRICS_DIR: join(directory, 'shards'),
  };
  return { directory, env };
}

function javascript(code: string): string {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  return outputText;
}

/** A socket as standard input makes bash believe in a remote shell, and read start-up files. */
const stdio = ['ignore', 'pipe', 'pipe'] as const satisfies StdioOptions;

describe('code in the documentation runs', () => {
  it.each(blocks.filter(({ language }) => ['ts', 'js'].includes(language)))(
    '$file:$line ($language)',
    ({ code }) => {
      const { directory, env } = project();
      writeFileSync(join(directory, 'block.js'), javascript(code));
      const run = spawnSync(process.execPath, ['block.js'], {
        cwd: directory,
        env,
        encoding: 'utf8',
        stdio: [...stdio],
        timeout: 15_000,
      });
      expect([run.status, run.signal, run.stderr]).toEqual([0, null, '']);
    },
  );

  it.for(blocks.filter(({ language }) => ['bash', 'sh'].includes(language)))(
    '$file:$line ($language)',
    (block, { skip }) => {
      skip(lacksProgram(block), `there is no ${block.needs}`);
      const { code } = block;
      const { directory, env } = project();
      const run = spawnSync('bash', ['-euo', 'pipefail', '-c', code], {
        cwd: directory,
        env,
        encoding: 'utf8',
        stdio: [...stdio],
        timeout: 15_000,
      });
      expect([run.status, run.signal, run.stderr]).toEqual([0, null, '']);
    },
  );

  it.each(blocks.filter(({ language }) => language === 'json'))('$file:$line (json)', ({ code }) => {
    expect(() => JSON.parse(code) as unknown).not.toThrow();
  });
});

it('every block says what it is', () => {
  const known = ['ts', 'js', 'bash', 'sh', 'json', 'console', 'text', 'ini', 'yaml'];
  expect(blocks.filter(({ language }) => !known.includes(language))).toEqual([]);
});

describe('links between pages lead somewhere', () => {
  it.each([...pages, 'CONTRIBUTING.md', 'CHANGELOG.md', 'bench/README.md'])('%s', (page) => {
    const text = readFileSync(join(root, page), 'utf8');
    const targets = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? '');
    const dead = targets.filter(
      (target) => !/^[a-z]+:/.test(target) && !existsSync(join(root, dirname(page), target)),
    );
    expect([basename(page), dead]).toEqual([basename(page), []]);
  });
});
