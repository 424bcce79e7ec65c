import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseRecord } from '../../src/parse.js';
import { formatRecord } from '../../src/record.js';
import { temporaryDirectory } from '../support/directory.js';
import { bash, emit, german, LIBRARY, run, storedLines, storedRecords, withoutTime } from './bash.js';
import { has } from '../support/tools.js';

describe('a record', () => {
  it('has its keys in canonical order', () => {
    const { lines, status, stderr } = emit('42', 'coordination_time_ms', '8031', 'ms', 'phase=plan', 'a=1');
    expect([status, stderr]).toEqual([0, '']);
    expect(lines.map(withoutTime)).toEqual([
      '{"agent":"agent-42","metric":"coordination_time_ms","value":8031,"unit":"ms","attributes":{"a":"1","phase":"plan"}}',
    ]);
  });

  it('is byte for byte what TypeScript writes', () => {
    const odd = [
      'q="\\',
      'n=\n\r\t\b\f\u0001\u001f\u007f',
      'u=é日本😀\u2028',
      'timestamp={"timestamp":"',
      '__proto__=1',
    ];
    const { lines } = emit('reviewer "é"', 'a.b/c-d_e', '0.5', 'µs"', ...odd);
    const record = parseRecord(lines[0] ?? '');
    expect(record).toBeDefined();
    if (record !== undefined) expect(`${lines[0]}\n`).toBe(formatRecord(record));
  });

  it('carries the time of its append, in UTC, whatever the time zone', () => {
    for (const TZ of ['UTC', 'Asia/Kathmandu', 'America/St_Johns', '']) {
      const directory = temporaryDirectory();
      const before = Date.now();
      const { stdout } = bash('emit_metric 1 x 1; printf "%s" "$TZ"', {
        env: { CFN_METRICS_DIR: directory, TZ },
      });
      expect(stdout).toBe(TZ);
      const { timestamp } = storedRecords(directory)[0] ?? {};
      expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(Date.parse(String(timestamp))).toBeGreaterThanOrEqual(before);
      expect(Date.parse(String(timestamp))).toBeLessThanOrEqual(Date.now());
    }
  });

  it('knows the calendar', () => {
    const days = [
      0, 59, 60, 365, 789, 790, 11_015, 11_016, 11_017, 19_782, 20_000, 47_540, 47_541, 47_542, 73_049,
    ];
    const seconds = [...days, ...Array.from({ length: 200 }, (_, i) => i * 367)].map(
      (day) => day * 86_400 + 86_399,
    );
    const script = 'for s; do _cfn_format_second "$s"; echo "$_cfn_text"; done';
    const { stdout } = bash(script, { args: seconds.map(String) });
    const expected = seconds.map((second) => new Date(second * 1000).toISOString().slice(0, 19));
    expect(stdout.split('\n').slice(0, -1)).toEqual(expected);
  });

  it('leaves out an empty unit, agent.id, and all but the last of a repeated attribute', () => {
    const { lines } = emit('42', 'x', '1', '', 'b=1', 'agent.id=7', 'a=2', 'b=3', 'c==');
    expect(lines.map(withoutTime)).toEqual([
      '{"agent":"agent-42","metric":"x","value":1,"attributes":{"a":"2","b":"3","c":"="}}',
    ]);
    expect(emit('42', 'x', '1', 'agent.id=7').lines.map(withoutTime)).toEqual([
      '{"agent":"agent-42","metric":"x","value":1}',
    ]);
  });

  it('takes a fourth argument with = for an attribute', () => {
    const { lines } = emit('42', 'x', '1', 'unit=ms', 'z=');
    expect(storedAttributes(lines)).toEqual({ unit: 'ms', z: '' });
  });

  it('sorts attributes by bytes, as JavaScript sorts them, in every locale', () => {
    const directory = temporaryDirectory();
    const env = { ...german(), CFN_METRICS_DIR: directory };
    bash('emit_metric 1 x 1 b=1 é=1 B=1 a=1 A=1 _=1 Z=1 ä=1 10=1 9=1', { env });
    const keys = Object.keys(storedAttributes(storedLines(directory)));
    // An object has its whole-number keys first.
    expect(keys).toEqual(['9', '10', 'A', 'B', 'Z', '_', 'a', 'b', 'ä', 'é']);
    expect(storedLines(directory)[0]).toContain('{"10":"1","9":"1","A"');
  });

  it('is its own, however much an earlier one looks like it', () => {
    const directory = temporaryDirectory();
    const script = String.raw`
      for i in 1 2; do
        emit_metric 1 x 1 k=1 $'l=2\x1fm=3'; emit_metric 1 x 1 $'k=1\x1fl=2' m=3
        emit_metric 1 x 1 k=1; CFN_METRICS_SHARDS=7 emit_metric 1 x 1 k=1; emit_metric 11 x 1 k=1
      done`;
    bash(script, { env: { CFN_METRICS_DIR: directory } });
    const stored = storedLines(directory).map(withoutTime);
    expect(stored).toHaveLength(10);
    const tail = (attributes: string) => `,"metric":"x","value":1,"attributes":{${attributes}}}`;
    expect(new Set(stored)).toEqual(
      new Set([
        `{"agent":"agent-1"${tail(String.raw`"k":"1","l":"2\u001fm=3"`)}`,
        `{"agent":"agent-1"${tail(String.raw`"k":"1\u001fl=2","m":"3"`)}`,
        `{"agent":"agent-1"${tail('"k":"1"')}`,
        `{"agent":"agent-11"${tail('"k":"1"')}`,
      ]),
    );
  });

  it('has U+FFFD for each byte that is no UTF-8', () => {
    const directory = temporaryDirectory();
    const script = String.raw`
      emit_metric $'ag\xffent' x 1 $'u\xc3' $'k\xe2\x82=a\xc0\xafb\xed\xa0\x80c\xf5\xc3\xa9\xf0\x9f\x98\x80\xf0\x9f\x98'`;
    expect(bash(script, { env: { CFN_METRICS_DIR: directory } }).stderr).toBe('');
    expect(storedRecords(directory)[0]).toMatchObject({
      agent: 'ag\ufffdent',
      unit: 'u\ufffd',
      attributes: { 'k\ufffd\ufffd': 'a\ufffd\ufffdb\ufffd\ufffd\ufffdc\ufffdé😀\ufffd\ufffd\ufffd' },
    });
  });

  it('may be 4000 bytes long, and no longer', () => {
    const room = 4000 - Buffer.byteLength(emit('1', 'x', '1', 'a=').lines[0] ?? '');
    expect(
      Buffer.byteLength(emit('1', 'x', '1', `a=${'é'.repeat(room / 2)}`).lines[0] ?? ''),
    ).toBeGreaterThan(3998);
    const tooLong = emit('1', 'x', '1', `a=${'x'.repeat(room + 1)}`);
    expect([tooLong.status, tooLong.lines]).toEqual([2, []]);
    expect(tooLong.stderr).toBe('emit_metric: the record is 4001 bytes long, and at most 4000 are stored\n');
    // The value, too, counts in a record whose other parts are known already.
    const directory = temporaryDirectory();
    const env = { CFN_METRICS_DIR: directory };
    bash('emit_metric 1 x 1 "$1"; emit_metric 1 x "0.$2" "$1"', { env, args: ['a=b', '1'.repeat(3990)] });
    expect(storedLines(directory)).toHaveLength(1);
  });
});

function storedAttributes(lines: readonly string[]): Record<string, unknown> {
  return (JSON.parse(lines[0] ?? '{}') as { attributes: Record<string, unknown> }).attributes;
}

describe('a value', () => {
  const accepted = {
    '0': '0',
    '42': '42',
    '-17': '-17',
    '+1': '1',
    '007': '7',
    '-007': '-7',
    '000': '0',
    '-0': '-0',
    '+0': '0',
    '.94': '0.94',
    '-.94': '-0.94',
    '5.': '5',
    '5.0': '5.0',
    '00.50': '0.50',
    '12.34': '12.34',
    '1e3': '1e3',
    '1E+3': '1e3',
    '1e-003': '1e-3',
    '1.5e0': '1.5',
    '.5e-300': '0.5e-300',
    '1e300': '1e300',
    '9007199254740993': '9007199254740993',
    NaN: '"NaN"',
    Infinity: '"Infinity"',
    '-Infinity': '"-Infinity"',
  };
  const zeros = (count: number) => '0'.repeat(count);
  const long = {
    [`1${zeros(308)}`]: `1${zeros(308)}`,
    [`17976931348623157${zeros(292)}`]: `17976931348623157${zeros(292)}`,
    [`0.${zeros(400)}1`]: `0.${zeros(400)}1`,
    [`${zeros(500)}7`]: '7',
    [`0.${zeros(200)}1e300`]: `0.${zeros(200)}1e300`,
    [`1${zeros(400)}e-300`]: `1${zeros(400)}e-300`,
  };

  it.each(Object.entries({ ...accepted, ...long }))('%s is stored as %s', (value, stored) => {
    const { lines, stderr } = emit('1', 'x', value);
    expect(stderr).toBe('');
    expect(lines.map(withoutTime)).toEqual([`{"agent":"agent-1","metric":"x","value":${stored}}`]);
    if (!stored.startsWith('"')) {
      expect(Number.isFinite(Number(stored))).toBe(true);
      expect(Number(stored)).toBe(Number(value));
    }
  });

  const refused = [
    ...[
      '',
      ' ',
      '.',
      '-',
      '+',
      'e5',
      '.e5',
      '1e',
      '1e+',
      '--1',
      '+-1',
      '1-',
      '1.2.3',
      '1e5e5',
      '1e1.5',
      '1,5',
      '1_000',
    ],
    ...[
      '0x10',
      '0b1',
      '16#ff',
      '1 ',
      ' 1',
      '1\n',
      '1}\n{',
      '1 000',
      '１',
      '٣',
      '²',
      '1²',
      'ö',
      '1e301',
      '1e-301',
      '1e999',
    ],
    ...[
      'nan',
      'NAN',
      'inf',
      'infinity',
      '+Infinity',
      '--Infinity',
      'true',
      'null',
      '1\\',
      '"1"',
      '1f',
      '1l',
      '1e٣',
    ],
    ...[
      `1${zeros(309)}`,
      `1${zeros(400)}`,
      `17976931348623159${zeros(292)}`,
      `1${zeros(9)}e300`,
      '200000000e300',
      '1.8e308',
      '0.00018e312',
      '9'.repeat(5000),
    ],
    ...[`1e${'0'.repeat(4000)}1`, 'a[$(id)]', '$((1+1))', '1+1'],
  ];

  it.each(refused)('%j is refused', (value) => {
    const { status, lines, stderr } = emit('1', 'x', value);
    expect([status, lines]).toEqual([2, []]);
    expect(stderr).toMatch(
      /^emit_metric: value must be a finite decimal number, NaN, Infinity or -Infinity, got .+\n$/,
    );
    expect(stderr.length).toBeLessThan(700);
  });
});

describe('bad arguments', () => {
  it('of any length are refused at once', () => {
    const script = String.raw`
      TIMEFORMAT=%U
      printf -v digits '%0100000d' 1; printf -v lines '%*s' 100000 ''; lines=\${lines// /$'\n'}
      time for bad in "$digits" "$lines"; do
        emit_metric "$bad" x 1; emit_metric 1 "x$bad" 1; emit_metric 1 x "$bad"; emit_metric 1 x 1 "$bad"
        emit_metric 1 x 1 ms "$bad"; emit_metric 1 x 1 ms "a=$bad"
      done`.replaceAll('\\$', '$');
    const { stderr } = bash(script, { env: { CFN_METRICS_DIR: temporaryDirectory() } });
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toHaveLength(13);
    // Processor time: what takes the square of the length takes ten seconds of it.
    expect(Number(lines.at(-1))).toBeLessThan(3);
  });

  it.each([
    [['1', 'x'], 'needs AGENT METRIC VALUE'],
    [[], 'needs AGENT METRIC VALUE'],
    [['', 'x', '1'], "agent must be 1 to 128 characters without control characters, got ''"],
    [['a\nb', 'x', '1'], "got $'a\\nb'"],
    [['x'.repeat(1e5), 'x', '1'], 'agent must be'],
    [['1', '', '1'], 'metric must be a letter'],
    [['1', '1x', '1'], 'metric must be a letter'],
    [['1', 'größe', '1'], 'metric must be a letter'],
    [['1', 'a b', '1'], 'metric must be a letter'],
    [['1', 'a"', '1'], 'metric must be a letter'],
    [['1', 'x'.repeat(256), '1'], 'metric must be a letter'],
    [['1', 'x', '1', 'u'.repeat(64)], 'unit must be at most 63 characters'],
    [['1', 'x', '1', 'µ'.repeat(64)], 'unit must be at most 63 characters'],
    [['1', 'x', '1', 'ms', 'plain'], 'attribute must be key=value, got plain'],
    [['1', 'x', '1', '=v'], 'attribute must be key=value, got =v'],
    [['1', 'x', '1', `a=${'"'.repeat(3e6 / 32)}`], 'attributes are over 4000 bytes long'],
  ])('%j: %s', (args, message) => {
    const { status, lines, stderr } = emit(...args);
    expect([status, lines]).toEqual([2, []]);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^[^\n]{1,600}\n$/);
  });

  it('give 0 where nobody asked for strictness', () => {
    const directory = temporaryDirectory();
    const { status, stdout } = bash('set -euo pipefail; emit_metric 1 x bad; echo alive', {
      env: { CFN_METRICS_DIR: directory },
    });
    expect([status, stdout]).toEqual([0, 'alive\n']);
  });

  it('end nobody whose stderr is not read any more', () => {
    const script = `exec 2> >(exit 0); wait "$!"; analyze_metrics; emit_metric 1 x bad; emit_metric 1 x 1; echo alive`;
    const directory = temporaryDirectory();
    const env = { CFN_METRICS_DIR: directory, CFN_METRICS_CLI: '/no/such/place.js' };
    const { status, stdout } = bash(script, { env });
    expect([status, stdout]).toEqual([0, 'alive\n']);
    expect(storedRecords(directory)).toMatchObject([{ metric: 'x' }, { metric: 'cfn.metrics.dropped' }]);
  });

  it.each(['0', '-1', '1025', '1e3', 'x', 'a[$(id)]', '16 ', '99999999999999999999'])(
    'CFN_METRICS_SHARDS=%s',
    (count) => {
      const directory = temporaryDirectory();
      const env = { CFN_METRICS_DIR: directory, CFN_METRICS_SHARDS: count, CFN_METRICS_STRICT: '1' };
      const { status, stderr } = bash('emit_metric 1 x 1', { env });
      expect(status).toBe(2);
      expect(stderr).toMatch(
        /^emit_metric: CFN_METRICS_SHARDS must be a whole number from 1 to 1024, got .+\n$/,
      );
      expect(storedLines(directory)).toEqual([]);
    },
  );
});

describe('the settings of the caller', () => {
  const CALLS = `
    emit_metric 42 coordination_time_ms 8031 ms phase=plan 'a=x  y*' A=1 b='q"\\\\&'
    emit_metric agent-7 x -.5 || exit 9
    emit_metric coder-7a größe 1 2>/dev/null || exit 9
    emit_metric é x 1e3 µ "é=$(printf 'ö\\377')" '*=?[a]'
    for i in 1 2 3; do emit_metric 42 loop "$i" s 'b= ' a=; done`;
  const expected = (() => {
    let lines: string[] | undefined;
    return () => (lines ??= outcome(CALLS, {}));
  })();

  function outcome(script: string, env: Record<string, string>): string[] {
    const directory = temporaryDirectory();
    const { status, stderr } = bash(`source "$LIBRARY"; ${script}`, {
      env: { CFN_METRICS_DIR: directory, ...env },
    });
    expect(stderr.replace(/^\+.*\n/gm, '')).toBe('');
    expect(status).toBe(0);
    return storedLines(directory).map(stable);
  }

  /** Without time and writer. */
  function stable(line: string): string {
    return withoutTime(line).replace(/"start":.*/, '');
  }

  it.each([
    'set -euo pipefail',
    'set -euxo pipefail',
    'set -f',
    'set -C',
    'set -a',
    'set -o posix',
    'set -o posix; set -euo pipefail; readonly TZ=Asia/Kathmandu',
    'set -T; set -E',
    "IFS=''",
    "IFS='0123456789agent-'",
    "readonly IFS='1.x'",
    'unset IFS',
    'shopt -s nullglob',
    'shopt -s failglob',
    'shopt -s nocasematch nocaseglob',
    'shopt -s extglob dotglob globstar',
    'shopt -s localvar_inherit localvar_unset',
    'shopt -s assoc_expand_once xpg_echo lastpipe inherit_errexit',
    'shopt -s extdebug',
    'shopt -u globasciiranges',
    'shopt -u patsub_replacement 2>/dev/null || :',
    ...['3.1', '3.2', '4.0', '4.1', '4.2', '4.3', '4.4', '5.0', '5.1'].map(
      (version) => `BASH_COMPAT=${version}`,
    ),
    'readonly TZ=Europe/Berlin',
    'unset EPOCHREALTIME EPOCHSECONDS',
    'unset SRANDOM RANDOM',
    'exec 9</dev/null 3</dev/null',
    'exec >&-',
    'exec <&-',
    'umask 0',
    'agent=1 metric=2 value=3 line=4 key=5; readonly agent metric value line key; declare -i unit attributes',
    'printf() { builtin printf "$@" | cat; }',
    'source "$LIBRARY"',
    'load() { source "$LIBRARY"; }; load',
    'f() { local LC_ALL=POSIX; :; }; f',
    'export LC_ALL=C',
    'export LC_ALL=C.UTF-8',
    'LANG=C.UTF-8',
  ])('%s changes nothing', (setting) => {
    expect(outcome(`${setting}\n${CALLS}`, {})).toEqual(expected());
  });

  it('may be a German locale', () => {
    expect(outcome(CALLS, german())).toEqual(expected());
    expect(outcome(`set -euo pipefail; shopt -u globasciiranges; ${CALLS}`, german())).toEqual(expected());
  });

  it('may name a locale that is not installed', () => {
    const env = { CFN_METRICS_DIR: temporaryDirectory(), LC_ALL: 'xx_YY.UTF-8' };
    // the shell itself says so once
    const own = bash(':', { env }).stderr;
    expect(own).toContain('cannot change locale');
    const script = `for i in 1 2 3; do emit_metric é größe 1; emit_metric é x 1 ms "n=$i"; done; get_metrics_shard é; emit_metric 1 x "0.$1"`;
    const { stdout, stderr } = bash(script, { env, args: ['1'.repeat(1500)] });
    const said = stderr.replace(own, '').split('\n').slice(0, -1);
    expect(said).toHaveLength(3);
    for (const line of said) expect(line).toMatch(/^emit_metric: metric must be/);
    expect(stdout).toBe(bash('get_metrics_shard é', { env: german() }).stdout);
    expect(
      storedRecords(env.CFN_METRICS_DIR).map(({ agent, metric }) => `${String(agent)} ${String(metric)}`),
    ).toContain('é x');
  });

  it('are left as they were', () => {
    const script = `
      [[ abc =~ (b) ]]
      state() { set +o; shopt; declare -p BASH_REMATCH LC_ALL LANG TZ IFS RANDOM_ 2>&1; umask; x=é; echo "\${#x}"; printf '%.1f\\n' 1,5; }
      TZ=Asia/Kathmandu; set -u; before=$(state; printf '%(%H)T' 0)
      ${CALLS}
      emit_metric 1 x bad 2>/dev/null
      after=$(state; printf '%(%H)T' 0)
      [[ $before == "$after" ]] || { diff <(echo "$before") <(echo "$after"); exit 1; }
      set -- "\${BASH_REMATCH[@]}"; echo "$1 $2"`;
    const env = { ...german(), CFN_METRICS_DIR: temporaryDirectory() };
    expect(bash(script, { env })).toEqual({
      status: 0,
      stdout: 'b b\n',
      stderr: '',
    });
  });

  it('keep their names: only _cfn_* and the functions that an older bash gets too are new', () => {
    const script = `
      names() { compgen -v; compgen -A function; compgen -a; compgen -A arrayvar; }
      before=x after=x; names >/dev/null; before=$(names; echo ' after')
      source "$LIBRARY"; { emit_metric a x 1 ms b=c; emit_metric a x bad; emit_metric a x 1; get_metrics_shard a; } >/dev/null 2>&1
      comm -13 <(sort -u <<<"$before") <(names | sort -u)`;
    const { stdout } = bash(script, { env: { CFN_METRICS_DIR: temporaryDirectory() } });
    const names = stdout
      .split('\n')
      .slice(0, -1)
      .filter((name) => !name.startsWith('_cfn_'));
    // bash itself sets these.
    const own = new Set(['BASH_REMATCH', 'FUNCNAME', 'PIPESTATUS', 'OLDPWD', '_', 'MAPFILE']);
    const older = readFileSync(LIBRARY, 'utf8').matchAll(/^ {4}(\w+)\(\) \{ return 0; \}$/gm);
    const functions = Array.from(older, ([, name]) => name).sort();
    expect(functions).toContain('emit_metric');
    expect(names.filter((name) => !own.has(name))).toEqual(functions);
  });

  it('keep their traps to themselves', () => {
    const script = `
      trap 'echo ERR' ERR; trap 'echo RETURN' RETURN
      emit_metric 1 x 1; emit_metric 1 x bad; emit_metric é x .5 a=1
      set -E; emit_metric 1 x 1; emit_metric 1 x bad; CFN_METRICS_DIR=/nowhere emit_metric 1 x 1
      CFN_METRICS_STRICT=1; emit_metric 1 x bad; echo "status $?"
      set +E; trap - ERR; n=0; trap 'n=$((n + 1))' DEBUG; emit_metric 1 x 1; trap - DEBUG; echo "debug $n"`;
    const { stdout } = bash(script, { env: { CFN_METRICS_DIR: temporaryDirectory() } });
    expect(stdout).toBe('ERR\nstatus 2\ndebug 2\n');
  });

  it('may export the functions to children that never sourced the file', () => {
    const directory = temporaryDirectory();
    const script = `
      source "$LIBRARY"
      export -f emit_metric $(compgen -A function _cfn_)
      bash -c 'emit_metric "a[\\$(touch executed)]" x 1; emit_metric "b[0]" x 1 u="]"; emit_metric c x bad; emit_metric c x 1'`;
    const { stderr } = bash(`cd "$CFN_METRICS_DIR"; ${script}`, { env: { CFN_METRICS_DIR: directory } });
    expect(stderr).toMatch(/^emit_metric: value must be[^\n]*\n$/);
    expect(storedRecords(directory).map(({ agent }) => agent)).toEqual(
      expect.arrayContaining(['a[$(touch executed)]', 'b[0]', 'c', 'c']),
    );
    expect(run('ls', [directory]).stdout).not.toContain('executed');
  });

  it('are refused where LC_ALL is read-only and not C', () => {
    const directory = temporaryDirectory();
    const { status, stderr } = bash('readonly LC_ALL=C.UTF-8; set -e; emit_metric 1 x 1', {
      env: { CFN_METRICS_DIR: directory },
    });
    expect(status).toBe(0);
    expect(stderr).toContain('emit_metric: LC_ALL must not be read-only, or be C');
    bash('readonly LC_ALL=C; emit_metric 1 x 1 2>/dev/null', { env: { CFN_METRICS_DIR: directory } });
    expect(storedLines(directory)).toHaveLength(1);
  });
});

describe('the cost', () => {
  it.skipIf(!has('strace'))('is no fork and one write(2) of the whole line', () => {
    const directory = temporaryDirectory();
    const env = { ...german(), CFN_METRICS_DIR: directory };
    const trace = join(directory, 'trace');
    const script = 'for i in 1 2 3; do emit_metric 42 x "$i.5" ms "n=é$i" b=2; done; emit_metric é x 1';
    // The first run makes the files, which takes a fork each.
    bash(script, { env });
    const calls = 'trace=clone,clone3,fork,vfork,execve,write';
    bash(script, { env, under: ['strace', '-f', '-s', '4096', '-e', calls, '-o', trace] });
    const lines = run('cat', [trace])
      .stdout.split('\n')
      .filter((line) => !/resumed|exited|SIG/.test(line));
    expect(lines.filter((line) => /fork|clone/.test(line))).toEqual([]);
    expect(lines.filter((line) => line.includes('execve('))).toHaveLength(1);
    const writes = lines.filter((line) => line.includes('{\\"timestamp'));
    expect(writes).toHaveLength(4);
    for (const write of writes) expect(write).toMatch(/\}\\n", (\d+)\) += \1$/);
  });
});

describe('many processes', () => {
  it('lose nothing in a burst of 100 x 1, each record stored once', async () => {
    const directory = temporaryDirectory();
    const env = { PATH: process.env['PATH'], LIBRARY, CFN_METRICS_DIR: directory };
    const agents = Array.from({ length: 100 }, (_, i) => {
      const script = 'source "$LIBRARY"; emit_metric "$1" x "$1" ms phase=plan';
      return once(spawn('bash', ['-c', script, 'bash', String(i)], { env, stdio: 'ignore' }), 'exit');
    });
    expect((await Promise.all(agents)).every(([status]) => status === 0)).toBe(true);
    const values = storedRecords(directory).map(({ value }) => Number(value));
    expect(values.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it('do not mix long lines in one shard', async () => {
    const directory = temporaryDirectory();
    const env = { PATH: process.env['PATH'], LIBRARY, CFN_METRICS_DIR: directory, CFN_METRICS_SHARDS: '1' };
    const script = 'source "$LIBRARY"; for i in {1..40}; do emit_metric "$1" x "$i" "pad=$2"; done';
    const agents = Array.from({ length: 12 }, (_, i) => {
      const args = ['-c', script, 'bash', String(i), 'p'.repeat(i * 300)];
      return once(spawn('bash', args, { env, stdio: 'ignore' }), 'exit');
    });
    await Promise.all(agents);
    expect(
      new Set(storedRecords(directory).map(({ agent, value }) => `${String(agent)} ${String(value)}`)).size,
    ).toBe(12 * 40);
  });
});

describe('a trap', () => {
  it('may emit between any two commands of an emission', () => {
    const directory = temporaryDirectory();
    // Each command of these functions becomes a point, and the signal comes at the nth.
    const script = String.raw`
      source "$LIBRARY"
      functions='_cfn_emit _cfn_compose _cfn_set_time _cfn_set_second _cfn_format_second _cfn_append'
      eval "$(declare -f $functions | sed '/;;$/! s/;$/; point;/')"
      point() { if ((++points == n)); then kill -USR1 "$BASHPID"; fi; }
      trap 'trapped=1; emit by=trap' USR1
      emit() { emit_metric 1 x 1 ms "$@" && stored=$((stored + 1)); }
      export CFN_METRICS_STRICT=1
      for seen in none others all; do
        for ((n = 1, trapped = 1; trapped; n++)); do
          points=-1000 trapped='' _cfn_state=([0]=ready) _cfn_shards=() _cfn_heads=() _cfn_tails=()
          if [[ $seen == all ]]; then emit; fi
          # more would make it forget them all
          if [[ $seen != none ]]; then
            for i in {1..1023}; do _cfn_shards[$i]=0 _cfn_heads[$i]=head _cfn_tails[$i]=tail; done
          fi
          points=0
          emit
        done
        echo "$n"
      done
      echo "$stored"`;
    const { stdout, stderr } = bash(script, {
      env: { CFN_METRICS_DIR: directory, CFN_METRICS_SHARDS: '1' },
    });
    expect(stderr).toBe('');
    const [none, others, all, stored] = stdout.trim().split('\n').map(Number);
    expect(none).toBeGreaterThan(30);
    expect(others).toBeGreaterThan(30);
    expect(all).toBeGreaterThan(15);
    const records = storedLines(directory).map(parseRecord);
    expect(records).toHaveLength(stored ?? 0);
    expect(records).not.toContain(undefined);
  });
});

describe('another shell', () => {
  it.each([['bash', 'BASH_VERSION=4.4.20; . "$1"'], ...(has('dash') ? [['dash', '. "$1"']] : [])])(
    '%s gets one clear line and functions that do nothing',
    (shell = '', load = '') => {
      const script = `set -eu; ${load}; emit_metric 1 x 1; get_metrics_shard 1; analyze_metrics; echo alive`;
      const { status, stdout, stderr } = run(shell, ['-c', script, shell, LIBRARY]);
      expect([status, stdout]).toEqual([0, 'alive\n']);
      expect(stderr).toMatch(
        /^cfn-metrics: bash 5\.0 or later is needed, this is .*: nothing is recorded\n$/,
      );
    },
  );
});

describe('analyze_metrics', () => {
  it('runs the CLI that CFN_METRICS_CLI names, else the one on PATH, else the one of the package', () => {
    const directory = temporaryDirectory();
    const program = (path: string, text: string) => {
      run('mkdir', ['-p', join(directory, path, '..')]);
      writeFileSync(join(directory, path), text, { mode: 0o755 });
    };
    program('bin/cfn-metrics', '#!/bin/sh\necho "path $*"\n');
    program('own', '#!/bin/sh\necho "own $*"\nexit 3\n');
    program('own.js', 'console.log("js", process.argv.slice(2).join(" "))');
    program('package/dist/cli/index.cjs', 'console.log("package", process.argv.slice(2).join(" "))');
    run('cp', ['-r', join(LIBRARY, '..'), join(directory, 'package/src')]);
    run('mkdir', ['-p', join(directory, 'package/src')]);
    run('cp', ['-r', join(LIBRARY, '..'), join(directory, 'package/src/shell')]);

    const call = 'analyze_metrics --since "1 minute ago"; echo $?';
    const PATH = process.env['PATH'] ?? '';
    const env = { PATH: `${join(directory, 'bin')}:${PATH}` };
    expect(bash(call, { env }).stdout).toBe('path analyze --json --since 1 minute ago\n0\n');
    const named = (name: string) =>
      bash(call, { env: { ...env, CFN_METRICS_CLI: join(directory, name) } }).stdout;
    expect(named('own')).toBe('own analyze --json --since 1 minute ago\n3\n');
    expect(named('own.js')).toBe('js analyze --json --since 1 minute ago\n0\n');
    const packaged = `cd "$1"; source package/src/shell/cfn-metrics.sh; cd /; ${call}`;
    expect(bash(packaged, { args: [directory] }).stdout).toBe(
      'package analyze --json --since 1 minute ago\n0\n',
    );
    run('rm', ['-r', join(directory, 'package/dist')]);
    const missing = bash(packaged, { args: [directory] });
    expect(missing.stdout).toBe('1\n');
    expect(missing.stderr).toMatch(/^cfn-metrics: analyze_metrics found no cfn-metrics on PATH[^\n]*\n$/);
  });
});
