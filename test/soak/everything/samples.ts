import { readdirSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { usage } from '../fleet.js';

/** Who is measured. */
export const PROCESSES = ['analyzer', 'alerter', 'archiver', 'prometheus', 'up'] as const;

/** What is measured of each process. */
export interface ProcessSample {
  /** In use after a garbage collection, in MiB; this and the next two every half minute. */
  readonly live: number | undefined;
  /** Written to outside of V8's heap: by libraries, for buffers and stacks; in MiB. */
  readonly outside: number | undefined;
  /** Written to after a garbage collection that gave back what V8 does not need, in MiB. */
  readonly lasting: number | undefined;
  /** Resident, in MiB. */
  readonly rss: number | undefined;
  /** Of these what the process wrote itself, and not pages of files, in MiB. */
  readonly anonymous: number | undefined;
  readonly descriptors: number | undefined;
  /** How far behind, in seconds. */
  readonly lag: number | undefined;
}

/** One moment. */
export interface Moment {
  /** Seconds since the beginning. */
  readonly time: number;
  readonly processes: Readonly<Record<(typeof PROCESSES)[number], ProcessSample>>;
  readonly ramMiB: number;
  readonly archiveMiB: number;
  readonly archiveFiles: number;
  /** Records that were counted so far. */
  readonly midnights: number;
  /** How long a scrape and an answer took, in milliseconds. */
  readonly scrapeMs: number;
  readonly answerMs: number;
}

/** What `/health` says. */
export interface Health {
  readonly pid: number;
  readonly companions: Readonly<
    Record<string, { pid: number | null; lagMs: number | null; restarts: number; url: string | null }>
  >;
}

/** Measures every process. */
export function measureProcesses(health: Health, probes: string): Moment['processes'] {
  const of = (name: (typeof PROCESSES)[number]): ProcessSample => {
    const companion = health.companions[name];
    const pid = name === 'up' ? health.pid : (companion?.pid ?? undefined);
    const used = usage(pid);
    const lagMs = companion?.lagMs ?? undefined;
    const [live, outside, lasting] = probed(join(probes, String(pid)));
    return {
      ...{ live, outside, lasting },
      rss: used && used.rss / 2 ** 20,
      anonymous: used && used.anonymous / 2 ** 20,
      descriptors: used?.descriptors,
      lag: lagMs === undefined ? undefined : lagMs / 1000,
    };
  };
  return Object.fromEntries(PROCESSES.map((name) => [name, of(name)])) as Moment['processes'];
}

/** MiB that the files of a directory take, and how many there are. */
export function measureDirectory(directory: string): { mebibytes: number; files: number } {
  let [blocks, files] = [0, 0];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    files += 1;
    // Between listing and looking it may be gone.
    blocks += statSync(join(directory, entry.name), { throwIfNoEntry: false })?.blocks ?? 0;
  }
  return { mebibytes: (blocks * 512) / 2 ** 20, files };
}

/** What the probe wrote, in MiB, once; nothing where it has not since. */
function probed(path: string): number[] {
  try {
    const text = readFileSync(path, 'utf8');
    unlinkSync(path);
    return text.split(' ').map((bytes) => Number(bytes) / 2 ** 20);
  } catch {
    return [];
  }
}

/** The names of the columns of {@link csvRow}. */
export function csvHead(): string {
  const of = PROCESSES.flatMap((name) => [
    `${name}_live_mib`,
    `${name}_outside_mib`,
    `${name}_lasting_mib`,
    `${name}_rss_mib`,
    `${name}_anonymous_mib`,
    `${name}_descriptors`,
    `${name}_lag_s`,
  ]);
  return [
    'time_s',
    ...of,
    'ram_mib',
    'archive_mib',
    'archive_files',
    'midnights',
    'scrape_ms',
    'answer_ms',
  ].join();
}

/** One moment as a row. */
export function csvRow({ processes, time, ...rest }: Moment): string {
  const { ramMiB, archiveMiB, archiveFiles, midnights, scrapeMs, answerMs } = rest;
  const of = PROCESSES.flatMap((name) => {
    const { live, outside, lasting, rss, anonymous, descriptors, lag } = processes[name];
    return [live, outside, lasting, rss, anonymous, descriptors, lag];
  });
  const numbers = [time, ...of, ramMiB, archiveMiB, archiveFiles, midnights, scrapeMs, answerMs];
  return numbers.map((number) => (number === undefined ? '' : String(Number(number.toFixed(3))))).join();
}

/** The moments in a text of {@link csvHead} and {@link csvRow}s. */
export function momentsIn(csv: string): Moment[] {
  const [head = '', ...rows] = csv.trimEnd().split('\n');
  const columns = head.split(',');
  return rows.map((row) => {
    const cells = new Map(
      row.split(',').map((cell, i) => [columns[i], cell === '' ? undefined : Number(cell)]),
    );
    const of = (name: (typeof PROCESSES)[number]): ProcessSample => ({
      live: cells.get(`${name}_live_mib`),
      outside: cells.get(`${name}_outside_mib`),
      lasting: cells.get(`${name}_lasting_mib`),
      rss: cells.get(`${name}_rss_mib`),
      anonymous: cells.get(`${name}_anonymous_mib`),
      descriptors: cells.get(`${name}_descriptors`),
      lag: cells.get(`${name}_lag_s`),
    });
    const number = (column: string): number => cells.get(column) ?? NaN;
    return {
      time: number('time_s'),
      processes: Object.fromEntries(PROCESSES.map((name) => [name, of(name)])) as Moment['processes'],
      ...{
        ramMiB: number('ram_mib'),
        archiveMiB: number('archive_mib'),
        archiveFiles: number('archive_files'),
      },
      ...{ midnights: number('midnights'), scrapeMs: number('scrape_ms'), answerMs: number('answer_ms') },
    };
  });
}
