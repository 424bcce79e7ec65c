import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { agentId, agentProblem, formatRecord, metricProblem, START_TEXT } from '../../src/record.js';
import { temporaryDirectory } from '../support/directory.js';
import { bash, EMIT, german, run, storedLines } from './bash.js';
import { has } from '../support/tools.js';

/** How many calls; the fault suite asks for 3,000. */
const CALLS = Number(process.env['CFN_HOSTILE'] ?? 300);
const SEED = Number(process.env['CFN_HOSTILE_SEED'] ?? 20_261_121);

/** One call: its arguments as bytes, the last of them naming the call. */
type Call = readonly Buffer[];

/** Mulberry32: the same inputs for the same seed, everywhere. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const NASTY = [
  ...[
    'a[$(touch $X)]',
    '$(touch $X)',
    '`touch $X`',
    '; touch $X',
    '| touch $X',
    '&& touch $X',
    '$((a[$(touch $X)]))',
  ],
  ...[
    'x=a[$(touch $X)]',
    '${x[$(touch $X)]}',
    '@(touch $X)',
    '<(touch $X)',
    '> $X',
    '\ntouch $X\n',
    '{a,b}',
    '!!',
    '!$',
  ],
  ...[
    '_cfn_state[$(touch $X)]',
    '_cfn_cache',
    '_cfn_line',
    'LC_ALL',
    'IFS',
    'PATH',
    '@',
    '*',
    '?',
    '[a-z]',
    '~',
    '~root',
  ],
  ...[
    '"',
    "'",
    '\\',
    '\\\\',
    '\\"',
    '\\n',
    '\\u0041',
    '%s',
    '%n',
    '%d%d',
    '-e',
    '-n',
    '--',
    '-v',
    '!',
    '(',
    ')',
    ']',
    '[',
    '&',
    '#',
  ],
  ...[
    '\n',
    '\r\n',
    '\t',
    '\x01',
    '\x1f',
    '\x7f',
    '\x1b[31m',
    '\u0085',
    '\u2028',
    '\u2029',
    '\ufeff',
    '\u00a0',
    ' ',
    '  ',
  ],
  ...[
    'é',
    'ö',
    'ß',
    'İ',
    '日本',
    '😀',
    'e\u0301',
    '\u202e',
    '٣',
    '１',
    '²',
    START_TEXT,
    '","value":999,"x":"',
    '"}\n{"timestamp":"',
  ],
  ...[
    '}',
    '{',
    ',',
    ':',
    '=',
    '==',
    'timestamp',
    'agent.id',
    '__proto__',
    'constructor',
    'toString',
    '',
    '0',
    '1,5',
    '1.5',
    '1e999',
  ],
].map((text) => Buffer.from(text));
const BYTES = [
  [0xff],
  [0xc3],
  [0xc0, 0xaf],
  [0xed, 0xa0, 0x80],
  [0xf0, 0x9f, 0x98],
  [0xe2, 0x82],
  [0x80],
  [0xf5, 0x80],
].map((bytes) => Buffer.from(bytes));
const AGENTS = [
  ['42', 'agent-7', '007', '-5', '1e3', 'coder-7a', 'x'.repeat(128), '0x10', '08', 'é', '🚀', 'two words'],
  ['', 'x'.repeat(129), 'a\nb', '\x7f', 'é'.repeat(200)],
];
const METRICS = [
  ['x', 'task_duration_ms', 'a.b/c-d', 'A'.repeat(255), 'PATH'],
  ['', 'A'.repeat(256), '1x', 'größe', 'a b', '_x', 'a[0]'],
];
const VALUES = [
  [
    '1',
    '0',
    '-1',
    '.94',
    '5.',
    '007',
    '+1',
    '-0',
    '1e3',
    '1E-3',
    '1e300',
    'NaN',
    'Infinity',
    '-Infinity',
    '08.5',
    '08',
  ],
  [
    ...[
      '1e301',
      '1e999',
      'nan',
      'inf',
      '0x10',
      '1,5',
      '1_0',
      '',
      ' ',
      '1 ',
      '16#ff',
      '1e',
      '.',
      '--1',
      '9'.repeat(309),
    ],
    ...[
      '1}\n{',
      '1;touch $X',
      'a[$(touch $X)]',
      'x',
      'value',
      '$RANDOM',
      'i++',
      '1+1',
      '(1)',
      '~0',
      `1${'0'.repeat(400)}`,
    ],
  ],
];
const UNITS = [['ms', '', 'By', '{task}', 'u'.repeat(63), 'µ"'], ['u'.repeat(64)]];

function hostileCalls(): Call[] {
  const random = generator(SEED);
  const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;
  const text = (): Buffer => {
    const parts = Array.from({ length: random(5) }, () => (random(4) === 0 ? pick(BYTES) : pick(NASTY)));
    if (random(40) === 0) parts.push(Buffer.alloc(random(5000), pick(['x', '"', 'é', '\n'])));
    return Buffer.concat(parts);
  };
  // Mostly good, or one bad part would hide what another does.
  const either = ([good = [], bad = []]: readonly (readonly string[])[]): Buffer => {
    const kind = random(12);
    return kind === 0 ? text() : Buffer.from(pick(kind === 1 ? bad : good));
  };
  return Array.from({ length: CALLS }, (_, i) => {
    const call = [either(AGENTS), either(METRICS), either(VALUES)];
    if (random(2) === 0) call.push(either(UNITS));
    for (let n = random(5); n > 0; n--) {
      call.push(random(20) === 0 ? text() : Buffer.concat([pick(NASTY), text(), Buffer.from('='), text()]));
    }
    return [...call, Buffer.from(`call=${i}`)];
  });
}

/** Bytes as text, each run of bytes that are no UTF-8 as one U+FFFD: how many there are is not the point here. */
function decode(bytes: Buffer): string {
  return folded(bytes.toString('utf8'));
}

function folded(text: string): string {
  return text.replace(/\ufffd+/g, '\ufffd');
}

/** What a call should store; undefined where it should be refused. Written from the contract, not from the script. */
function expectedRecord(call: Call): Record<string, unknown> | undefined {
  const [agent = '', metric = '', value = '', ...rest] = call.map(decode);
  const unit = rest[0]?.includes('=') === false ? rest.shift() : undefined;
  if (agentProblem(agent) !== undefined || metricProblem(metric) !== undefined) return undefined;
  if (unit !== undefined && unit.length > 63) return undefined;
  const exponent = /^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?$/.exec(value);
  const isWord = ['NaN', 'Infinity', '-Infinity'].includes(value);
  if (!isWord && (exponent === null || Math.abs(Number(exponent[1] ?? 0)) > 300)) return undefined;
  if (!isWord && !Number.isFinite(Number(value))) return undefined;
  const attributes = new Map<string, string>();
  for (const attribute of rest) {
    const at = attribute.indexOf('=');
    if (at < 1) return undefined;
    attributes.set(attribute.slice(0, at), attribute.slice(at + 1));
  }
  attributes.delete('agent.id');
  return {
    agent: agentId(agent),
    metric,
    value: isWord ? value : Number(value),
    ...(unit === undefined || unit === '' ? {} : { unit }),
    attributes: Object.fromEntries(attributes),
  };
}

/** Whether a call is so near a limit that the model, which folds bad bytes, cannot know on which side it is. */
function nearLimit(call: Call): boolean {
  const size = call.reduce((sum, bytes) => sum + bytes.length, 0);
  const bad = (bytes: Buffer | undefined) => bytes?.toString('utf8').includes('\ufffd') === true;
  const record = expectedRecord(call);
  if (size > 3500) return true;
  if (bad(call[0]) && (call[0]?.length ?? 0) > 100) return true;
  if (bad(call[3]) && (call[3]?.length ?? 0) > 50) return true;
  if (record === undefined) return false;
  const line = formatRecord({ ...record, value: 0, time: 0 } as unknown as Parameters<
    typeof formatRecord
  >[0]);
  return Buffer.byteLength(line) + size > 3500;
}

/** Whether two keys are one as soon as bad bytes are folded: the model takes them for one, and the script need not. */
function keysFold(call: Call): boolean {
  const keys = call.slice(3).map((bytes) => bytes.subarray(0, Math.max(bytes.indexOf('='), 0)));
  const distinct = (names: readonly string[]): number => new Set(names).size;
  return distinct(keys.map((key) => key.toString('latin1'))) > distinct(keys.map(decode));
}

describe(
  `${CALLS} hostile calls under de_DE.UTF-8 and set -euo pipefail`,
  { timeout: 20_000 + 20 * CALLS },
  () => {
    const calls = hostileCalls();
    const directory = () => {
      const root = temporaryDirectory();
      return { root, env: { ...german(), CFN_METRICS_DIR: root, X: join(root, 'executed') } };
    };

    it('execute nothing, never fail their caller, and store what a model of the contract says', () => {
      const { root, env } = directory();
      const corpus = calls.flatMap((call) => [Buffer.from(String(call.length)), ...call]);
      writeFileSync(join(root, 'corpus'), Buffer.concat(corpus.flatMap((part) => [part, Buffer.from([0])])));
      const script = `
      set -euo pipefail
      trap 'echo ERR' ERR
      source "$LIBRARY"
      done=0
      # In a UTF-8 locale read swallows the delimiter behind half a character.
      while LC_ALL=C IFS= read -r -d '' n; do
        args=()
        for ((i = 0; i < n; i++)); do LC_ALL=C IFS= read -r -d '' arg; args+=("$arg"); done
        emit_metric "\${args[@]}"
        get_metrics_shard "\${args[0]}" >/dev/null
        done=$((done + 1))
      done <"$CFN_METRICS_DIR/corpus"
      echo "$done"`;
      const { status, stdout, stderr } = bash(script, { env });
      expect([status, stdout], stderr.slice(-500)).toEqual([0, `${calls.length}\n`]);
      for (const line of stderr.split('\n').slice(0, -1))
        expect(line).toMatch(/^(emit_metric|get_metrics_shard): [ -~]{1,700}$/);
      const names = readdirSync(root).filter((name) => name !== 'corpus');
      for (const name of names) expect(name).toMatch(/^cfn-metrics-(\d|1[0-5])\.jsonl$/);

      const lines = storedLines(root);
      for (const line of lines) expect(line.lastIndexOf(START_TEXT)).toBe(0);
      if (has('jq')) {
        const shards = names.map((name) => join(root, name));
        expect(run('jq', ['-e', '.timestamp', ...shards]).status).toBe(0);
      }
      const stored = new Map<string, Record<string, unknown>>();
      for (const line of lines) {
        const record = JSON.parse(folded(line)) as Record<string, unknown>;
        if (record['metric'] === 'cfn.metrics.dropped') continue;
        const { call } = record['attributes'] as Record<string, string>;
        expect(stored.has(String(call))).toBe(false);
        delete record['timestamp'];
        stored.set(String(call), record);
      }
      for (const [i, call] of calls.entries()) {
        if (!nearLimit(call) && !keysFold(call))
          expect(stored.get(String(i)), `call ${i}`).toEqual(expectedRecord(call));
      }
      // Neither the model nor the script refuses everything.
      expect(stored.size).toBeGreaterThan(CALLS / 10);
      expect(stored.size).toBeLessThan(CALLS * 0.9);
    });

    it('are as harmless as lines for cfn-emit -', () => {
      const { root, env } = directory();
      const lines = calls.flatMap((call) => [
        ...call.flatMap((bytes) => [bytes, Buffer.from(' ')]),
        Buffer.from('\n'),
      ]);
      const { status, stderr } = run(EMIT, ['-'], { input: Buffer.concat(lines), env });
      expect(status).toBe(2);
      expect(stderr.split('\n').length).toBeLessThanOrEqual(12);
      for (const line of storedLines(root)) expect(JSON.parse(line)).toHaveProperty('value');
      expect(readdirSync(root)).not.toContain('executed');
    });
  },
);
