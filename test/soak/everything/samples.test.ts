import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/directory.js';
import { csvHead, csvRow, measureProcesses, type Moment, momentsIn, PROCESSES } from './samples.js';

it('a run is read from its file as it was written, what was not measured included', () => {
  const process = {
    live: 22.125,
    outside: 5.5,
    lasting: 52,
    rss: 110.5,
    anonymous: 60,
    descriptors: 23,
    lag: undefined,
  };
  const processes = Object.fromEntries(PROCESSES.map((name) => [name, process])) as Moment['processes'];
  const rest = {
    ramMiB: 2,
    archiveMiB: 7.5,
    archiveFiles: 1108,
    midnights: 4,
    scrapeMs: 21.5,
    answerMs: 60.25,
  };
  const moments: Moment[] = [10.5, 20.5].map((time) => ({ time, processes, ...rest }));
  expect(momentsIn(`${csvHead()}\n${moments.map((moment) => `${csvRow(moment)}\n`).join('')}`)).toEqual(
    moments,
  );
  expect(momentsIn(`${csvHead()}\n`)).toEqual([]);
});

it('what a process measured of itself counts once', () => {
  const probes = join(temporaryDirectory(), 'probes');
  mkdirSync(probes);
  const measure = () => measureProcesses({ pid: process.pid, companions: {} }, probes).up;
  expect(measure()).toMatchObject({ live: undefined, outside: undefined, lasting: undefined });
  writeFileSync(join(probes, String(process.pid)), `${2 ** 20} ${3 * 2 ** 20} ${2 ** 22}`);
  expect(measure()).toMatchObject({ live: 1, outside: 3, lasting: 4, rss: expect.any(Number) as number });
  expect(measure()).toMatchObject({ live: undefined, outside: undefined, lasting: undefined });
});
