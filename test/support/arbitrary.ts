import fc from 'fast-check';
import type { Attributes } from '../../src/attributes.js';
import { type MetricRecord, RECORD_TYPES, START_TEXT } from '../../src/record.js';

const nasty = fc.constantFrom(
  '"',
  '\\',
  '\n',
  '\r\n',
  '\u0000',
  '\u001f',
  '\u007f',
  '\u2028',
  '\u2029',
  '\ud800',
  '\udfff',
  '😀',
  'é',
  '日本',
  START_TEXT,
  '","value":',
  '","metric":"',
  '}',
  '{',
  ',',
  'timestamp',
  '__proto__',
  'constructor',
);

/** Text of any kind, what breaks JSON, lines and surrogate pairs more often than not. */
export const anyText = fc
  .array(fc.oneof(nasty, fc.string({ unit: 'binary', maxLength: 5 })), { maxLength: 6 })
  .map((parts) => parts.join(''));

const key = anyText.filter((text) => text !== '' && text.isWellFormed());
const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const anyNumber = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(0, -0, NaN, Infinity, -Infinity, 5e-324, 1e21),
);
const scalar = fc.oneof(anyText, finite, fc.boolean());
const list = fc.oneof(
  fc.array(anyText, { maxLength: 3 }),
  fc.array(finite, { maxLength: 3 }),
  fc.array(fc.boolean(), { maxLength: 3 }),
);

/** Attributes, with keys such as `__proto__` as own properties. */
const anyAttributes: fc.Arbitrary<Attributes> = fc
  .array(fc.tuple(fc.oneof(key, fc.constantFrom('timestamp', '__proto__')), fc.oneof(scalar, list)), {
    maxLength: 5,
  })
  .map((entries) => Object.fromEntries(entries) as Attributes);

const agent = anyText
  // eslint-disable-next-line no-control-regex -- control characters are what it keeps out
  .map((text) => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '.').slice(0, 128))
  .filter((text) => text !== '');
const metric = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_./-]{0,40}$/);
const time = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });
const count = fc.nat();

const base = {
  time,
  agent,
  metric,
  value: anyNumber,
  unit: fc.option(
    anyText.map((text) => text.slice(0, 63)).filter((text) => text !== ''),
    { nil: undefined },
  ),
  attributes: fc.option(anyAttributes, { nil: undefined }),
  scope: fc.option(anyText, { nil: undefined }),
  writer: fc.option(anyText, { nil: undefined }),
};

const plain = fc.record({
  ...base,
  type: fc.constantFrom(...RECORD_TYPES.slice(0, 3), undefined),
  start: fc.option(time, { nil: undefined }),
  temporality: fc.constantFrom(undefined, 'cumulative' as const),
});

const summary = {
  count,
  sum: fc.option(anyNumber, { nil: undefined }),
  min: anyNumber,
  max: anyNumber,
  start: time,
};

const explicit = fc
  .tuple(fc.uniqueArray(finite, { maxLength: 5 }), fc.array(count, { minLength: 6, maxLength: 6 }))
  .chain(([bounds, counts]) =>
    fc.record({
      ...base,
      ...summary,
      type: fc.constant('histogram' as const),
      bounds: fc.constant(bounds.map((bound) => bound + 0).sort((a, b) => a - b)),
      counts: fc.constant(counts.slice(0, bounds.length + 1)),
    }),
  )
  .filter(({ bounds }) => new Set(bounds).size === bounds.length);

const buckets = fc.record({ offset: fc.integer({ min: -1000, max: 1000 }), bucketCounts: fc.array(count) });

const exponential = fc.record({
  ...base,
  ...summary,
  type: fc.constant('exponential_histogram' as const),
  scale: fc.integer({ min: -10, max: 20 }),
  zeroCount: count,
  positive: buckets,
  negative: fc.option(buckets, { nil: undefined }),
});

/** Any record that is accepted. */
export const anyRecord: fc.Arbitrary<MetricRecord> = fc.oneof(plain, explicit, exponential);
