import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../support/directory.js';
import { CLI } from '../cli/run.js';
import { bash, EMIT, run, storedRecords } from './bash.js';
import { has } from '../support/tools.js';

/** Agent, metric, value and unit of each record, in the order of their metrics. */
function stored(directory: string): string[] {
  return storedRecords(directory)
    .filter(({ metric }) => metric !== 'cfn.metrics.dropped')
    .map(({ agent, metric, value, unit }) => [agent, metric, value, unit].join(' '))
    .sort();
}

describe('hooks of a coordinator', () => {
  it('store what happened, of the agent that is named, else of CFN_AGENT_ID, else of host and process', () => {
    const directory = temporaryDirectory();
    const script = `
      after_agent_spawn 7; after_message_sent 12.5 7; after_task_complete 1200 0.97 7
      CFN_AGENT_ID=8 after_agent_spawn; CFN_AGENT_ID=8 after_message_sent 1; CFN_AGENT_ID=8 after_task_complete 2 1
      after_agent_spawn; echo "$HOSTNAME-$$"`;
    const { status, stdout, stderr } = bash(script, { env: { CFN_METRICS_DIR: directory } });
    expect([status, stderr]).toEqual([0, '']);
    expect(stored(directory)).toEqual(
      [
        'agent-7 agents_spawned 1 {agent}',
        'agent-7 message_latency_ms 12.5 ms',
        'agent-7 task_duration_ms 1200 ms',
        'agent-7 task_success_rate 0.97 1',
        'agent-8 agents_spawned 1 {agent}',
        'agent-8 message_latency_ms 1 ms',
        'agent-8 task_duration_ms 2 ms',
        'agent-8 task_success_rate 1 1',
        `${stdout.trim()} agents_spawned 1 {agent}`,
      ].sort(),
    );
  });

  it('track_coordination stores three figures, and finds out the memory of its process', () => {
    const directory = temporaryDirectory();
    const script = `IFS=:; track_coordination 7 8031 .94; track_coordination 8 1 1 128
      while IFS=$' \\t' read -r name kib _; do [[ $name != VmRSS: ]] || echo "$kib"; done <"/proc/$$/status"`;
    const { stdout } = bash(script, { env: { CFN_METRICS_DIR: directory } });
    const kib = Number(stdout);
    const own = storedRecords(directory).find(
      ({ agent, metric }) => agent === 'agent-7' && metric === 'memory_usage_mb',
    );
    expect(Number(own?.['value'])).toBeGreaterThan(kib * 0.001024 * 0.7);
    expect(Number(own?.['value'])).toBeLessThan(kib * 0.001024 * 1.3);
    expect(stored(directory)).toEqual([
      'agent-7 coordination_time_ms 8031 ms',
      `agent-7 memory_usage_mb ${Number(own?.['value'])} MB`,
      'agent-7 message_delivery_rate 0.94 1',
      'agent-8 coordination_time_ms 1 ms',
      'agent-8 memory_usage_mb 128 MB',
      'agent-8 message_delivery_rate 1 1',
    ]);
  });

  it('leave stderr to a trap that runs meanwhile', () => {
    const script = `trap 'echo trapped >&2' USR1
      eval "$(declare -f _cfn_emit | sed '2 a kill -USR1 $BASHPID')"
      after_agent_spawn 7; LC_ALL=C.UTF-8; readonly LC_ALL; after_agent_spawn 8`;
    const { status, stdout, stderr } = bash(script, { env: { CFN_METRICS_DIR: temporaryDirectory() } });
    expect([status, stdout, stderr]).toEqual([0, '', 'trapped\ntrapped\n']);
  });

  it('say nothing and return 0 whatever is wrong, and the caller goes on', () => {
    const directory = temporaryDirectory();
    const script = `set -euo pipefail; source "$LIBRARY"
      trap 'echo trapped' ERR
      after_agent_spawn $'a\\nb'; after_message_sent; after_message_sent 'a[$(touch "$CFN_METRICS_DIR/x")]'
      after_task_complete fast; track_coordination; CFN_METRICS_STRICT=1 track_coordination 1 2 3 'x y'
      CFN_METRICS_DIR=/no/such/place after_agent_spawn 1
      echo still here`;
    const result = bash(script, { env: { CFN_METRICS_DIR: directory } });
    expect(result).toEqual({ status: 0, stdout: 'still here\n', stderr: '' });
    expect(stored(directory)).toEqual([
      'agent-1 coordination_time_ms 2 ms',
      'agent-1 message_delivery_rate 3 1',
    ]);
  });
});

describe('run_coordination', () => {
  const options = '--agents 12 --duration 300ms --task-cpu 0s --node-processes 2';

  it('stores the metrics of simulated agents where those of all agents are, and prints how long it took', () => {
    const directory = temporaryDirectory();
    const env = { CFN_METRICS_DIR: directory, CFN_METRICS_CLI: CLI };
    const script = `set -euo pipefail; IFS=:; source "$LIBRARY"
      took=$(run_coordination ${options} --metrics-enabled)
      printf '%s\n' "$took"; cat "$CFN_METRICS_DIR"/cfn-metrics-*.jsonl | wc -l
      run_coordination ${options} --no-metrics
      cat "$CFN_METRICS_DIR"/cfn-metrics-*.jsonl | wc -l`;
    const { status, stdout, stderr } = bash(script, { env });
    expect([status, stderr]).toEqual([0, '']);
    const [took, records, without, still] = stdout.trim().split('\n').map(Number);
    // Timers may be a millisecond early.
    expect(took).toBeGreaterThan(290);
    expect(without).toBeGreaterThan(290);
    // three metrics of each agent
    expect(records).toBeGreaterThanOrEqual(36);
    expect(still).toBe(records);
    expect(new Set(storedRecords(directory).map(({ agent }) => agent)).size).toBe(12);
  });

  it('says in one line what is wrong', () => {
    const env = { CFN_METRICS_DIR: '/no/such/place', CFN_METRICS_CLI: CLI };
    expect(bash('run_coordination', { env })).toEqual({
      status: 1,
      stdout: '',
      stderr: 'run_coordination: CFN_METRICS_DIR must be a directory that exists, got /no/such/place\n',
    });
    const bad = bash('run_coordination --agents 0', {
      env: { ...env, CFN_METRICS_DIR: temporaryDirectory() },
    });
    expect([bad.status, bad.stderr]).toEqual([
      2,
      'cfn-metrics: --agents must be a whole number from 1 to 10000, got "0"\n',
    ]);
  });
});

describe('cfn-emit --time', () => {
  const time = (directory: string, args: readonly string[], input = '') =>
    run(EMIT, ['--time', ...args], { env: { CFN_METRICS_DIR: directory }, input });

  it.each([
    [['bash', '-c', 'sleep 0.05; exit 3'], 3, ''],
    [['cat'], 0, 'what came in'],
    [['no-such-command'], 127, ''],
    [['bash', '-c', 'kill -KILL $$'], 137, ''],
    [['bash', '-c', 'kill -INT $$'], 130, ''],
  ])('%j: stores how long it took, and ends with its status', (command, status, input) => {
    const directory = temporaryDirectory();
    const result = time(directory, ['42', 'step_ms', 'phase=test', '--', ...command], input);
    expect([result.status, result.stdout]).toEqual([status, input]);
    const [record, ...others] = storedRecords(directory);
    expect(others).toEqual([]);
    expect(record).toMatchObject({
      agent: 'agent-42',
      metric: 'step_ms',
      unit: 'ms',
      attributes: { exit_code: `${status}`, phase: 'test' },
    });
    expect(record?.['value']).toBeGreaterThan(command[2]?.startsWith('sleep') === true ? 50 : 0);
    expect(record?.['value']).toBeLessThan(60_000);
  });

  it.each([
    {},
    {
      LC_ALL: 'C.UTF-8',
      CFN_METRICS_STRICT: '0',
      SHELLOPTS: 'xtrace',
      home: 'h',
      pid: 'p',
      measured: 'm',
      end: 'e',
    },
    { LC_ALL: '', CFN_METRICS_STRICT: '', status: 's', start: 's', SHELLOPTS: 'noglob:nounset' },
  ])('gives the command its own environment: %j', (own) => {
    const env = { ...own, CFN_METRICS_DIR: temporaryDirectory() };
    const environment = (under: readonly string[]): readonly string[] =>
      run('env', [], { env, under })
        .stdout.split('\n')
        // each shell counts itself
        .filter((line) => !/^(_|SHLVL)=/.test(line))
        .sort();
    expect(environment([EMIT, '--time', '42', 'step_ms', '--'])).toEqual(
      environment(['bash', '-c', 'exec "$@"', 'bash']),
    );
  });

  it.skipIf(!has('faketime')).each(['-3600', '+3600'])('is right while the clock is set by %s s', (step) => {
    const directory = temporaryDirectory();
    const command = `sleep 0.2; echo "${step}s" >"$FAKETIME_TIMESTAMP_FILE"`;
    const script = `
      echo +0s >"$FAKETIME_TIMESTAMP_FILE"
      faketime -f +0s bash -c 'unset FAKETIME; exec "$@"' bash "$EMIT" --time 42 step_ms -- bash -c '${command}'`;
    const env = {
      CFN_METRICS_DIR: directory,
      EMIT,
      FAKETIME_TIMESTAMP_FILE: join(directory, 'clock'),
      FAKETIME_NO_CACHE: '1',
    };
    expect(bash(script, { env })).toEqual({ status: 0, stdout: '', stderr: '' });
    const [record] = storedRecords(directory);
    expect(record?.['value']).toBeGreaterThanOrEqual(190);
    expect(record?.['value']).toBeLessThan(60_000);
  });

  it('hands on SIGTERM, and stores what the command made of it', () => {
    const directory = temporaryDirectory();
    const script = `
      "$EMIT" --time 42 step_ms -- bash -c 'trap "exit 7" TERM; touch "$CFN_METRICS_DIR/ready"; while :; do sleep 0.01; done' &
      until [[ -e $CFN_METRICS_DIR/ready ]]; do sleep 0.01; done
      kill "$!"; wait "$!"`;
    const result = bash(script, { env: { CFN_METRICS_DIR: directory, EMIT } });
    expect([result.status, result.stderr]).toEqual([7, '']);
    expect(storedRecords(directory)).toMatchObject([{ metric: 'step_ms', attributes: { exit_code: '7' } }]);
  });

  // Once in two times such a command is gone before anybody can look whether it is.
  it.each([
    ['TERM', 7, {}],
    ['HUP', 0, {}],
    ['TERM', 127, { POSIXLY_CORRECT: '1' }],
  ])('ends after SIG%s with %d, however soon the command ends', (signal, status, env) => {
    const directory = temporaryDirectory();
    const command = `sleep 60 & trap "kill $!; exit ${status}" ${signal}; touch "$CFN_METRICS_DIR/ready"; wait`;
    const script = `
      for i in {1..10}; do
        rm -f "$CFN_METRICS_DIR/ready"
        "$EMIT" --time 42 step_ms -- bash -c '${command}' &
        until [[ -e $CFN_METRICS_DIR/ready ]]; do sleep 0.01; done
        kill -${signal} "$!"; wait "$!"; echo "$?"
      done`;
    const result = bash(script, { env: { CFN_METRICS_DIR: directory, EMIT, ...env } });
    expect(result).toEqual({ status: 0, stdout: `${status}\n`.repeat(10), stderr: '' });
    const codes = storedRecords(directory).map(({ attributes }) => attributes);
    expect(codes).toEqual(Array.from({ length: 10 }, () => ({ exit_code: `${status}` })));
  });

  it('hands on what comes before it could know of the command', () => {
    const directory = temporaryDirectory();
    // On one processor the command is at work before this shell goes on, four times in ten.
    const script = `
      cpu=$(sed -n 's/^Cpus_allowed_list:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/self/status)
      for i in {1..25}; do
        taskset -c "$cpu" "$EMIT" --time 42 step_ms -- sh -c '
          trap "exit 7" TERM; kill -TERM "$PPID"; for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1; done' || echo "$?"
      done`;
    const result = bash(script, { env: { CFN_METRICS_DIR: directory, EMIT } });
    expect(result).toEqual({ status: 0, stdout: '7\n'.repeat(25), stderr: '' });
    expect(storedRecords(directory).map(({ attributes }) => attributes)).toEqual(
      Array.from({ length: 25 }, () => ({ exit_code: '7' })),
    );
  });

  it.each([
    [['42', 'step_ms'], '--time needs AGENT METRIC [key=value ...] -- COMMAND'],
    [['42', '--', 'touch', 'X'], '--time needs AGENT METRIC [key=value ...] -- COMMAND'],
    [['42', 'step_ms', '--'], '--time needs AGENT METRIC [key=value ...] -- COMMAND'],
    [['42', 'bad name', '--', 'touch', 'X'], 'metric must be'],
    [['42', 'step_ms', '=1', '--', 'touch', 'X'], 'attribute must be key=value'],
  ])('%j: refused, and the command is not run', (args, message) => {
    const directory = temporaryDirectory();
    const named = args.map((arg) => (arg === 'X' ? `${directory}/ran` : arg));
    const { status, stderr } = time(directory, named);
    expect(status).toBe(2);
    expect(stderr).toMatch(new RegExp(`^cfn-emit: ${message.replaceAll(/[[\].*]/g, '\\$&')}[^\n]*\n$`));
    expect(storedRecords(directory)).toEqual([]);
    expect(run('ls', [directory]).stdout).toBe('');
  });
});
