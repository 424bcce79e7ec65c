import { hostname } from 'node:os';
import { userId } from '../store/directory.js';
import { loadLock } from '../store/lock.js';
import { RulesFile } from './alert/rules-file.js';
import { ALERT_KEYS } from './alert/settings.js';
import { ARCHIVE_KEYS } from './archive/settings.js';
import { type Command, parseFlags } from './command.js';
import { archiveFindings } from './doctor/archive.js';
import { bashFinding } from './doctor/bash.js';
import { ignoredVariables, variablesOnly } from './doctor/variables.js';
import { directoryFindings } from './doctor/directory.js';
import { fileSystemFindings, fileSystemOf } from './doctor/file-system.js';
import { type Finding, warning } from './doctor/finding.js';
import { forwardSettings } from './doctor/forward.js';
import { liveFiles } from './doctor/live-file.js';
import { lockFinding } from './doctor/lock.js';
import { memoryFinding, memoryLimit } from './doctor/memory.js';
import { mountFindings } from './doctor/mounts.js';
import { protectedRegularFindings } from './doctor/protected-regular.js';
import { removeIpcFindings, removesIpc } from './doctor/remove-ipc.js';
import { reportAsText } from './doctor/report.js';
import { shardFindings } from './doctor/shards.js';
import { print } from './output.js';
import { readSettings, type Settings } from './settings.js';
import { outputStyle } from './style.js';
import { packageVersion } from './version.js';

const HELP = `Usage: cfn-metrics doctor [OPTION]…

Check directory, rights, lock, space and shards of this user on this host, and show every setting with where
it came from. Changes nothing. Exit status 1 when there is a problem.

  --dir DIRECTORY    where the shards are (default: CFN_METRICS_DIR, else /dev/shm)
  --shards N         how many there should be (default: CFN_METRICS_SHARDS, else 16)
  --json             one JSON object
  --help             this text

Example: sudo -u builder cfn-metrics doctor
`;

const FLAGS = { dir: 'text', shards: 'text', json: 'switch' } as const;

/** Everything that `doctor` found. */
export interface Report {
  readonly version: string;
  readonly node: string;
  readonly host: string;
  readonly user: number;
  readonly settings: readonly {
    readonly name: string;
    readonly value: string | number;
    readonly source: string;
  }[];
  readonly findings: readonly Finding[];
}

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, FLAGS);
  const settings = await readSettings(flags);
  // What alert would refuse is refused here, too.
  await (await RulesFile.find(undefined)).read();
  const report: Report = {
    version: packageVersion(),
    node: process.version,
    host: hostname(),
    user: userId(),
    settings: [...shownSettings(settings), ...(await forwardSettings()), ...variablesOnly(process.env)],
    findings: findings(settings, Date.now()),
  };
  print(flags.json ? `${JSON.stringify(report)}\n` : reportAsText(report, outputStyle()));
  return report.findings.some(({ status }) => status === 'problem') ? 1 : 0;
}

function findings(settings: Settings, now: number): Finding[] {
  const directory = settings.directory.value;
  const { path } = directory;
  const found = [
    ...agreementFindings(settings),
    ...ignoredVariables(process.env),
    ...directoryFindings(directory),
  ];
  const lock = loadLock();
  const fileSystem = fileSystemOf(path);
  if (fileSystem !== undefined && !found.some(({ status }) => status === 'problem')) {
    const files = liveFiles(path, lock);
    const shardBytes = files.reduce((total, { stat }) => total + stat.size, 0);
    found.push(
      ...fileSystemFindings(path, fileSystem),
      ...(fileSystem.name === 'tmpfs' ? [memoryFinding(memoryLimit(), fileSystem.bytes, shardBytes)] : []),
      ...shardFindings(path, settings.shards.value, files, now),
      ...protectedRegularFindings(path, files),
      ...removeIpcFindings(path, [userId(), ...files.map(({ stat }) => stat.uid)], removesIpc()),
      ...mountFindings(path),
    );
  }
  const { archive, syncInterval } = settings.archive;
  found.push(...archiveFindings(archive.value, path, syncInterval.value));
  return [...found, lockFinding(lock), bashFinding()];
}

/** Agents read the environment only: what stands in the config file alone, they do not know. */
function agreementFindings({ directory, shards, config }: Settings): Finding[] {
  if (config === undefined || (directory.source !== config && shards.source !== config)) return [];
  const exports = [
    ...(directory.source === config ? [`CFN_METRICS_DIR=${directory.value.path}`] : []),
    ...(shards.source === config ? [`CFN_METRICS_SHARDS=${shards.value}`] : []),
  ];
  return [
    warning(
      'config file',
      `${config} is read by this command only, not by agents`,
      `export ${exports.join(' ')}`,
    ),
  ];
}

function shownSettings({ directory, shards, agent, archive, alert }: Settings): Report['settings'] {
  return [
    { name: 'directory', value: directory.value.path, source: directory.source },
    { name: 'shards', value: shards.value, source: shards.source },
    { name: 'agent', value: agent.value ?? 'host name and pid of each', source: agent.source },
    ...ARCHIVE_KEYS.map((name) => ({ name, value: archive[name].shown, source: archive[name].source })),
    ...ALERT_KEYS.map((name) => ({ name, value: alert[name].value, source: alert[name].source })),
  ];
}

/** A look at everything that can be wrong. */
export const doctorCommand: Command = { help: HELP, run };
