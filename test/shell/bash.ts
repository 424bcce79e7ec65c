import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseName } from '../../src/store/shard.js';
import { temporaryDirectory } from '../support/directory.js';
import { has } from '../support/tools.js';

/** The fault suite has copies with mistakes in them. */
const SHELL = process.env['CFN_TEST_SHELL'] ?? join(import.meta.dirname, '../../src/shell');
/** The file that agents source. */
export const LIBRARY = join(SHELL, 'cfn-metrics.sh');
/** The program. */
export const EMIT = join(SHELL, 'cfn-emit');

export interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  readonly env?: Record<string, string>;
  readonly input?: string | Buffer;
  /** What to put in front of bash: strace, setpriv, … */
  readonly under?: readonly string[];
}

/** Runs a program with nothing in its environment but PATH and what the test says. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Result {
  const [command = program, ...rest] = [...(options.under ?? []), program, ...args];
  const { status, stdout, stderr } = spawnSync(command, rest, {
    encoding: 'utf8',
    // Without SHLVL, and with a socket as stdin, bash takes itself for a remote shell and reads .bashrc.
    env: { PATH: process.env['PATH'], SHLVL: '1', ...options.env },
    input: options.input ?? '',
    timeout: 120_000,
    maxBuffer: 1 << 26,
  });
  return { status, stdout, stderr };
}

/** Runs a bash script that has sourced the library, or does so itself where `source` is in it. */
export function bash(
  script: string,
  options: RunOptions & { readonly args?: readonly string[] } = {},
): Result {
  const text = script.includes('source ') ? script : `source "$LIBRARY"\n${script}`;
  const env = { LIBRARY, ...options.env };
  return run('bash', ['--noprofile', '--norc', '-c', text, 'bash', ...(options.args ?? [])], {
    ...options,
    env,
  });
}

/** Calls emit_metric once, strictly, in a directory of its own; says what was stored. */
export function emit(...args: readonly string[]): Result & { readonly lines: readonly string[] } {
  const directory = temporaryDirectory();
  const env = { CFN_METRICS_DIR: directory, CFN_METRICS_STRICT: '1' };
  const result = bash('emit_metric "$@"', { args, env });
  return { ...result, lines: storedLines(directory) };
}

/** Whole lines of all live shards, strictly decoded. */
export function storedLines(directory: string): string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  return readdirSync(directory)
    .filter((name) => parseName(name) !== undefined)
    .flatMap((name) =>
      decoder
        .decode(readFileSync(join(directory, name)))
        .split('\n')
        .slice(0, -1),
    );
}

/** Parsed records of all live shards. */
export function storedRecords(directory: string): Record<string, unknown>[] {
  return storedLines(directory).map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** A line without its timestamp. */
export function withoutTime(line: string): string {
  return line.replace(/^\{"timestamp":"[^"]{24}",/, '{');
}

/** Whether this process is root and may become others. */
export const ROOT = process.geteuid?.() === 0 && has('setpriv');

/** The environment of a German: commas in numbers, letters such as ö. Built where the system has none. */
export function german(): Record<string, string> {
  if (/^de_DE\.utf-?8$/im.test(run('locale', ['-a']).stdout)) return { LC_ALL: 'de_DE.UTF-8' };
  const locales = join(tmpdir(), `cfn-test-locales-${process.getuid?.()}`);
  if (!existsSync(join(locales, 'de_DE.UTF-8/LC_CTYPE'))) {
    const built = mkdtempSync(`${locales}-`);
    execFileSync('localedef', ['-i', 'de_DE', '-f', 'UTF-8', join(built, 'de_DE.UTF-8')]);
    spawnSync('mv', ['-T', built, locales]);
  }
  return { LC_ALL: 'de_DE.UTF-8', LOCPATH: locales };
}
