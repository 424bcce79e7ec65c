import { spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { readRecords } from '../../../src/store/reader.js';
import { type Context, type FaultCase, skipped } from '../case.js';
import { straceProblem } from '../strace.js';

const GROUP = 61_000;
const ALICE = 61_001;
const BOB = 61_002;
const EACH = 50;
/** Shards that init makes; agents believe in 16, so that 8 of them are missing, and free to be planted. */
const SHARDS = 8;
const AGENTS = ['1', '2', '3'];
const LIBRARY = join(process.cwd(), 'src/shell/cfn-metrics.sh');

/** What somebody may put in the place of a shard, and the agent whose shard it is. */
const PLANTS: Readonly<Record<string, { readonly what: string; readonly how: string }>> = {
  9: { what: 'a symbolic link', how: 'ln -s "$victim" "$path"' },
  10: { what: 'a FIFO', how: 'mkfifo -m 0666 "$path"' },
  11: { what: 'a file', how: 'umask 0; : >"$path"' },
  12: { what: 'a link to a file', how: 'ln "$own" "$path"' },
};
const MISSING_AGENT = '13';

/** What Debian has since 12, older ones and containers; and what else keeps people from being tricked. */
const SYSCTL = '/proc/sys/fs';

/** Two users of a group share the shards that root made; neither can harm the other. */
export const users: FaultCase = {
  name: 'users',
  mutants: ['opens for creation', 'links are followed', 'any owner will do'],
  async run(context) {
    const { status } = spawnSync('setpriv', ['--reuid', String(ALICE), '--clear-groups', 'true']);
    if (process.geteuid?.() !== 0 || status !== 0) return skipped('it takes root and setpriv');
    const problem = straceProblem();
    if (problem !== undefined) return skipped(problem);
    const failures: string[] = [];
    let lost = 0;
    let duplicated = 0;
    let records = 0;
    // What the kernel would prevent anyway must not hide what we do.
    const restore = set('protected_symlinks', '0');
    const levels = context.scale < 1 ? ['0'] : ['0', '1', '2'];
    const seen: string[] = [];
    try {
      for (const level of levels) {
        const putBack = set('protected_regular', level);
        try {
          if (sysctl('protected_regular') !== level) continue;
          seen.push(level);
          const found = await shareDirectory(context, level);
          failures.push(...found.failures.map((failure) => `protected_regular ${level}: ${failure}`));
          records += found.records;
          lost += found.lost;
          duplicated += found.duplicated;
        } finally {
          putBack();
        }
      }
    } finally {
      restore();
    }
    if (seen.length === 0) failures.push('fs.protected_regular has none of the values 0, 1, 2');
    return {
      ...{ records, kills: 0, lost, duplicated, torn: 0, failures },
      note: `protected_regular ${seen.join(', ')}`,
    };
  },
};

async function shareDirectory(context: Context, level: string) {
  const failures: string[] = [];
  chmodSync(context.directory, 0o711);
  const directory = join(context.directory, `shards-${level}`);
  mkdirSync(directory);
  // like /dev/shm: root's, and everybody may put something into it
  chmodSync(directory, 0o1777);
  const cli = await context.bundle('cli.ts');
  const emitEach = await context.bundle('emit-each.ts');
  const init = spawnSync(process.execPath, [
    cli,
    ...['init', '--group', String(GROUP), '--dir', directory, '--shards', String(SHARDS)],
  ]);
  if (init.status !== 0) failures.push(`init: ${String(init.stderr)}`);
  const victim = join(context.directory, `victim-${level}`);
  writeFileSync(victim, 'not for metrics\n', { mode: 0o600 });
  chownSync(victim, BOB, BOB);
  const own = join(context.directory, `own-${level}`);
  writeFileSync(own, '', { mode: 0o666 });
  chownSync(own, ALICE, ALICE);
  plant(directory, { victim, own });

  // both append, from Node and from bash, and nobody asks for creation
  for (const user of [ALICE, BOB]) {
    const log = join(context.directory, `trace-${level}-${user}`);
    const node = asUser(
      user,
      [process.execPath, emitEach, directory, `node_${user}`, String(EACH), ...AGENTS],
      log,
    );
    const { stored } = parse(node.stdout);
    if (stored !== EACH * AGENTS.length) failures.push(`user ${user}, Node: ${stored} stored`);
    failures.push(...creations(log).map((call) => `user ${user}, Node: ${call}`));
    const bash = asUser(user, bashEmitting(directory, `bash_${user}`, AGENTS), log);
    if (bash.status !== 0) failures.push(`user ${user}, bash: ${bash.stderr}`);
    failures.push(...creations(log).map((call) => `user ${user}, bash: ${call}`));
  }
  // Bob meets what Alice has planted, and what is missing
  for (const agent of [...Object.keys(PLANTS), MISSING_AGENT]) {
    const what = PLANTS[agent]?.what ?? 'nothing';
    const node = asUser(BOB, [process.execPath, emitEach, directory, 'planted', '3', agent]);
    const { refused } = parse(node.stdout);
    if (refused !== 3) failures.push(`Node: ${3 - refused} records went into ${what}`);
    const bash = asUser(BOB, bashEmitting(directory, 'planted', [agent]));
    if (bash.status === 0) failures.push(`bash: records went into ${what}`);
    if (bash.status === null) failures.push(`bash: hangs at ${what}`);
  }
  if (readFileSync(victim, 'utf8') !== 'not for metrics\n') failures.push('the victim was written to');
  if (statSync(own).size > 0) failures.push('a planted file was written to');
  if (existsSync(join(directory, `cfn-metrics-${MISSING_AGENT}.jsonl`)))
    failures.push('an agent made a shard');
  failures.push(...cannotHarm(directory));

  const counts = new Map<string, number>();
  for (const { metric, agent, value } of readRecords({ directory })) {
    const key = `${metric} ${agent} ${value}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const wanted = [ALICE, BOB].flatMap((user) =>
    ['node', 'bash'].flatMap((kind) =>
      AGENTS.flatMap((agent) =>
        Array.from({ length: EACH }, (_, number) => `${kind}_${user} agent-${agent} ${number}`),
      ),
    ),
  );
  return {
    records: wanted.length,
    lost: wanted.filter((key) => !counts.has(key)).length,
    duplicated: [...counts.values()].filter((times) => times > 1).length,
    failures,
  };
}

/** Alice puts something in the place of shards that init did not make. */
function plant(directory: string, { victim, own }: { victim: string; own: string }): void {
  for (const [shard, { how, what }] of Object.entries(PLANTS)) {
    const path = join(directory, `cfn-metrics-${shard}.jsonl`);
    asUser(ALICE, ['env', `path=${path}`, `victim=${victim}`, `own=${own}`, 'bash', '-c', how]);
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) throw new Error(`${what} was not planted`);
  }
}

/** Neither can take away, replace or open up what root has made. */
function cannotHarm(directory: string): string[] {
  const path = join(directory, 'cfn-metrics-1.jsonl');
  const before = statSync(path);
  const attempts = ['rm -f "$path"', 'mv "$path" "$path.old"', 'mv -f "$own" "$path"', 'chmod 0666 "$path"'];
  const failures = attempts.flatMap((attempt) => {
    const setup = 'own=$(mktemp); trap \'rm -f "$own"\' EXIT;';
    const { status } = asUser(ALICE, ['env', `path=${path}`, 'bash', '-c', `${setup} ${attempt}`]);
    return status === 0 ? [`anybody can: ${attempt}`] : [];
  });
  const after = statSync(path);
  if (after.ino !== before.ino || after.mode !== before.mode || after.uid !== 0 || after.gid !== GROUP) {
    failures.push('a shard is not what it was');
  }
  return failures;
}

function bashEmitting(directory: string, metric: string, agents: readonly string[]): string[] {
  const script = `set -euo pipefail
    source "$1"
    shift
    for agent; do
      for ((i = 0; i < ${metric === 'planted' ? 1 : EACH}; i++)); do emit_metric "$agent" ${metric} "$i"; done
    done`;
  const env = [`CFN_METRICS_DIR=${directory}`, 'CFN_METRICS_STRICT=1', 'CFN_METRICS_SHARDS=16'];
  return ['env', ...env, 'bash', '-c', script, 'bash', LIBRARY, ...agents];
}

/** Runs a command as a user of the group, under strace where there is a log. */
function asUser(uid: number, command: readonly string[], log?: string) {
  const drop = ['setpriv', `--reuid=${uid}`, `--regid=${GROUP}`, '--clear-groups', '--inh-caps=-all'];
  const trace = log === undefined ? [] : ['strace', '-f', '-o', log, '-e', 'trace=open,openat,creat'];
  const [program = '', ...args] = [...trace, ...drop, ...command];
  return spawnSync(program, args, { encoding: 'utf8', timeout: 20_000, cwd: '/' });
}

/** Calls that ask for a shard to be created. */
function creations(log: string): string[] {
  return readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => /cfn-metrics-[0-9]+\.jsonl/.test(line) && /O_CREAT|creat\(/.test(line));
}

function parse(text: string): { stored: number; refused: number } {
  return text === '' ? { stored: 0, refused: 0 } : (JSON.parse(text) as { stored: number; refused: number });
}

function sysctl(name: string): string | undefined {
  const path = join(SYSCTL, name);
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined;
}

/** Sets a protection of the kernel, where that is allowed. Returns what puts it back. */
function set(name: string, value: string): () => void {
  const path = join(SYSCTL, name);
  const before = sysctl(name);
  if (before === undefined || before === value) return () => undefined;
  try {
    accessSync(path, constants.W_OK);
    writeFileSync(path, value);
  } catch {
    return () => undefined; // not in this container
  }
  return () => writeFileSync(path, before);
}
