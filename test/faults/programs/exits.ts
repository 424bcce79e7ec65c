// An agent that measures with OpenTelemetry and then ends. Arguments: directory, or nothing to measure nothing; how it
// ends.
import { metrics } from '@opentelemetry/api';
import { startMetrics } from '../../../src/otel/index.js';

const [directory = '', ending = ''] = process.argv.slice(2);
if (directory !== '') startMetrics({ agent: 1, directory });
const meter = metrics.getMeter('exits');
const counter = meter.createCounter('counted');
const histogram = meter.createHistogram('timed');
meter.createObservableGauge('observed').addCallback((result) => result.observe(7));
meter.createObservableCounter('observed_later').addCallback(async (result) => {
  await Promise.resolve();
  result.observe(70);
});
for (let i = 0; i < 10; i += 1) {
  counter.add(1);
  histogram.record(i);
}

/** Measured after everything else, when the process is as good as gone. */
function lastWords(): void {
  counter.add(5);
}
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const endings: Readonly<Record<string, () => unknown>> = {
  natural: lastWords,
  'one second': async () => {
    await wait(1000);
    lastWords();
  },
  'process.exit': () => {
    lastWords();
    process.exit(3);
  },
  'process.exit in async': async () => {
    await wait(1);
    lastWords();
    process.exit(4);
  },
  'process.exit in a timer': () =>
    setTimeout(() => {
      lastWords();
      process.exit(8);
    }, 1),
  'process.exitCode': () => {
    lastWords();
    process.exitCode = 5;
  },
  'uncaught exception': () => {
    lastWords();
    throw new Error('on purpose');
  },
  'uncaught in a timer': () =>
    setTimeout(() => {
      lastWords();
      throw new Error('on purpose');
    }, 1),
  'unhandled rejection': () => {
    lastWords();
    void Promise.reject(new Error('on purpose'));
  },
  SIGTERM: () => signal('SIGTERM'),
  SIGINT: () => signal('SIGINT'),
  'SIGTERM with a handler': () => {
    process.on('SIGTERM', () => process.exit(6));
    return signal('SIGTERM');
  },
  'SIGTERM with a slow handler': () => {
    process.on('SIGTERM', () => {
      void wait(200).then(() => process.exit(7));
    });
    return signal('SIGTERM');
  },
  'SIGINT ignored': () => {
    process.on('SIGINT', () => undefined);
    lastWords();
    process.kill(process.pid, 'SIGINT');
    return wait(300);
  },
};

async function signal(name: NodeJS.Signals): Promise<void> {
  lastWords();
  process.kill(process.pid, name);
  await wait(10_000);
}

void endings[ending]?.();
