// What does one emission cost in a bash agent? Beside: a bare printf into the same directory, the subshell with
// flock(1) of the original design, and cfn-emit as a process of its own.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machine, median, ratio, report } from './rounds.mjs';

const ROUNDS = 15;
const shell = join(dirname(fileURLToPath(import.meta.url)), '../src/shell');

let directory;
try {
  directory = mkdtempSync('/dev/shm/cfn-bench-');
} catch {
  directory = mkdtempSync(join(tmpdir(), 'cfn-bench-'));
}

// One bash runs all cases in turn and takes the time itself: its own start must not count.
const script = String.raw`
  source "$SHELL_DIR/cfn-metrics.sh"
  line='{"timestamp":"2026-11-21T20:12:43.976Z","agent":"agent-42","metric":"coordination_time_ms","value":8031,"unit":"ms","attributes":{"phase":"plan"}}'
  bare() { printf '%s\n' "$line" >>"$CFN_METRICS_DIR/bare"; }
  quiet() { { printf '%s\n' "$line" >>"$CFN_METRICS_DIR/bare"; } 2>/dev/null; }
  flock_subshell() { ( flock -n 200; printf '%s\n' "$line" ) 200>>"$CFN_METRICS_DIR/flock" >&200; }
  plain() { emit_metric 42 coordination_time_ms "$i" ms; }
  attributes() { emit_metric 42 coordination_time_ms "$i" ms phase=plan; }
  decimals() { emit_metric coder-7a coordination_time_ms "$i.5" ms phase=plan model=big; }
  fresh() { emit_metric 42 coordination_time_ms "$i" ms phase=plan step="$round.$i"; }
  locked() { CFN_METRICS_LOCK=flock emit_metric 42 coordination_time_ms "$i" ms phase=plan; }
  process() { "$SHELL_DIR/cfn-emit" 42 coordination_time_ms "$i" ms phase=plan; }
  lines() { for ((i = 0; i < $1; i++)); do echo "42 coordination_time_ms $i ms phase=plan"; done | "$SHELL_DIR/cfn-emit" -; }
  took() {
    local name=$1 count=$2 start=$EPOCHREALTIME i end
    shift 2
    if (($# > 1)); then "$@"; else for ((i = 0; i < count; i++)); do "$1"; done; fi
    end=$EPOCHREALTIME
    # the first round only warms up
    ((round < 0)) || printf '%s\t%d\t%d\n' "$name" "$((\${end/[.,]/} - \${start/[.,]/}))" "$count"
  }
  for ((round = -1; round < ROUNDS; round++)); do
    took 'printf >> file' 500 bare
    took 'the same, errors hidden' 500 quiet
    took 'emit_metric, unit' 500 plain
    took 'emit_metric, unit and attribute' 500 attributes
    took 'emit_metric, decimals, 2 attributes' 500 decimals
    took 'emit_metric, attributes never seen' 100 fresh
    took 'emit_metric with flock(1)' 20 locked
    took 'subshell with flock(1)' 20 flock_subshell
    took 'cfn-emit' 10 process
    took 'cfn-emit -, a line' 500 lines 500
    rm -f "$CFN_METRICS_DIR/bare" "$CFN_METRICS_DIR/flock"
  done`.replaceAll('\\${', '${');

const times = {};
try {
  const output = execFileSync('bash', ['--noprofile', '--norc', '-c', script], {
    encoding: 'utf8',
    env: { ...process.env, CFN_METRICS_DIR: directory, SHELL_DIR: shell, ROUNDS: String(ROUNDS) },
  });
  for (const row of output.trim().split('\n')) {
    const [name, micros, count] = row.split('\t');
    (times[name] ??= []).push(Number(micros) / Number(count));
  }
} finally {
  rmSync(directory, { recursive: true });
}

const bash = execFileSync('bash', ['-c', 'echo "$BASH_VERSION"'], { encoding: 'utf8' }).trim();
const base = times['printf >> file'];
const usual = times['emit_metric, unit and attribute'];
const result = {
  machine: `bash ${bash}, ${machine()}`,
  micros: Object.fromEntries(Object.entries(times).map(([name, values]) => [name, median(values)])),
  emitToBarePrintf: ratio(usual, base),
  flockSubshellToEmit: ratio(times['subshell with flock(1)'], usual),
  processToEmit: ratio(times['cfn-emit'], usual),
};
if (process.argv.includes('--json')) {
  console.log(JSON.stringify(result, undefined, 2));
} else {
  console.log(`${result.machine}; ${ROUNDS} interleaved rounds\n`);
  report(times, 'printf >> file');
  console.log(
    `\nthe subshell with flock(1) takes ${result.flockSubshellToEmit.toFixed(1)} x as long as emit_metric, ` +
      `and cfn-emit as a process ${result.processToEmit.toFixed(1)} x`,
  );
}
