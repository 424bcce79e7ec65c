import type { MetricRecord } from '../../../src/record.js';
import { readRecords } from '../../../src/store/reader.js';
import type { FaultCase } from '../case.js';
import { exited } from '../processes.js';

/** Three worker threads, three forked children, three cluster workers and the process itself. */
const WRITERS = 10;
const COUNT = 500;

/** Worker threads, cluster workers and forked children are writers of their own, whatever they inherit. */
export const identities: FaultCase = {
  name: 'identities',
  mutants: ['the pid is the identity', 'the environment is the identity'],
  async run(context) {
    const { directory, scale } = context;
    const count = Math.max(50, Math.round(COUNT * scale));
    const program = await context.bundle('identities.ts');
    const env = { ...process.env, OTEL_RESOURCE_ATTRIBUTES: 'service.instance.id=inherited' };
    const child = context.spawn(process.execPath, [program, directory, String(count)], { env });
    await exited(child);
    const failures = child.exitCode === 0 ? [] : [`ended with ${child.exitCode ?? child.signalCode}`];
    const reader = readRecords({ directory });
    const records = [...reader];
    let lost = 0;
    let duplicated = 0;
    for (const metric of ['emitted', 'measured']) {
      const streams = new Map<string | undefined, MetricRecord[]>();
      for (const record of records.filter((each) => each.metric === metric)) {
        streams.set(record.writer, [...(streams.get(record.writer) ?? []), record]);
      }
      if (streams.size !== WRITERS) failures.push(`${metric}: ${streams.size} writers, not ${WRITERS}`);
      for (const [writer, stream] of streams) {
        const total = stream.reduce((sum, { value }) => sum + value, 0);
        lost += Math.max(0, count - total);
        duplicated += Math.max(0, total - count);
        // Each point starts where the one before it ended, unless two writers are mixed.
        const broken = stream.findIndex(
          ({ start }, i) => i > 0 && start !== undefined && start < (stream[i - 1]?.start ?? 0),
        );
        if (broken >= 0)
          failures.push(`${metric}: point ${broken} of ${writer} starts before the one before it`);
      }
    }
    return {
      ...{ records: 2 * count * WRITERS, kills: 0, lost, duplicated, torn: reader.counts.torn, failures },
      note: `${WRITERS} writers of one agent, twice`,
    };
  },
};
