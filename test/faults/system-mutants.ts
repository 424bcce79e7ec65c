import type { Patch } from './case.js';

/** Mistakes in how the system is used: files, users, clocks, the end of a process. */
export const SYSTEM_MUTANTS = {
  'seal by renaming': [
    {
      file: 'src/store/seal.ts',
      find: 'linkSync(live, join(this.#directory, name));',
      replace: 'renameSync(live, join(this.#directory, name));',
    },
  ],
  'unfinished seal forgotten': [
    {
      file: 'src/store/seal.ts',
      find: 'if (stat.nlink < 2) return undefined;',
      replace: 'if (stat.nlink < 9) return undefined;',
    },
  ],
  'position written in place': [
    {
      file: 'src/store/position.ts',
      find: 'const temporary = `${path}.tmp`;',
      replace: 'const temporary = path;',
    },
  ],
  'nothing on exit': [
    {
      file: 'src/otel/exit-hooks.ts',
      find: "if (onExit) process.on('exit', hooks.exit);",
      replace: '',
    },
  ],
  'a signal becomes an exit': [
    {
      file: 'src/otel/exit-hooks.ts',
      find: 'process.kill(process.pid, signal);',
      replace: 'process.exit(1);',
    },
  ],
  'acknowledged before it is stored': [
    {
      file: 'src/store/emitter.ts',
      find: 'return this.#batched ? this.#enqueue(series.shard, text) : this.#store(series.shard, text);',
      replace: 'return this.#enqueue(series.shard, text);',
    },
  ],
  'the pid is the identity': [
    {
      file: 'src/writer.ts',
      find: "return `${process.pid}-${started}-${randomBytes(4).toString('hex')}`;",
      replace: 'return `${process.pid}`;',
    },
  ],
  'the environment is the identity': [
    {
      file: 'src/writer.ts',
      find: "return `${process.pid}-${started}-${randomBytes(4).toString('hex')}`;",
      replace: 'return process.env["OTEL_RESOURCE_ATTRIBUTES"] ?? "none";',
    },
  ],
  'looks by the wall clock': [
    {
      file: 'src/store/appender.ts',
      find: `process may have been stopped for long before.
        now = performance.now();`,
      replace: 'process may have been stopped.\n        now = Date.now();',
    },
  ],
  'segments named by the day of their sealing': [
    {
      file: 'src/store/seal.ts',
      find: 'new Date(firstTime(fd) ?? stat.mtimeMs)',
      replace: 'new Date()',
    },
  ],
  'opens for creation': [
    {
      file: 'src/store/directory.ts',
      find: 'let fd = tryOpen(path, flags);',
      replace: 'let fd = tryOpen(path, flags | constants.O_CREAT);',
    },
  ],
  'links are followed': [
    {
      file: 'src/store/directory.ts',
      find: 'constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;',
      replace: 'constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK;',
    },
  ],
  'any owner will do': [
    {
      file: 'src/store/directory.ts',
      find: 'return `belongs to user ${stat.uid}, not to this one`;',
      replace: 'return undefined;',
    },
  ],
  'bash evaluates values': [
    inShell(
      '(($# > 2)) || _cfn_few_arguments || return 2',
      '(($# > 2)) || _cfn_few_arguments || return 2; if [[ $3 -gt 0 ]] 2>/dev/null; then :; fi',
    ),
  ],
  'bash does not escape': [inShell('[[ $1 == *[[:cntrl:]\\"\\\\]* ]] || return 0', 'return 0')],
} as const satisfies Record<string, readonly Patch[]>;

/** A change of cfn-metrics.sh, made by the program that copies it. */
function inShell(find: string, replace: string): Patch {
  return {
    file: 'test/faults/programs/shell-copy.ts',
    find: 'const CHANGES: readonly Change[] = [];',
    replace: `const CHANGES: readonly Change[] = ${JSON.stringify([{ find, replace }])};`,
  };
}
