import { MetricsError } from '../errors.js';
import { userId } from '../store/directory.js';
import { type Command, parseFlags } from './command.js';
import { counted } from './format.js';
import { findGroup } from './init/group.js';
import { initDirectory } from './init/directory.js';
import { initFiles } from './init/files.js';
import { print } from './output.js';
import { readSettings } from './settings.js';
import { visible } from './text.js';

const HELP = `Usage: cfn-metrics init --group GROUP [OPTION]…

Create the shards for agents of several users: files of this user that the group may append to. Agents then
create nothing themselves. Run it as root, or as a system user in a directory of that user's own; once more
does no harm. RAM is empty after a boot, so run it at each; docs/several-users.md has a systemd unit.

  --group GROUP      name or number of the group that all agents belong to
  --dir DIRECTORY    where the shards are (default: CFN_METRICS_DIR, else /dev/shm); made where it is missing,
                     0750 for the group. A directory that exists is never changed
  --shards N         how many (default: CFN_METRICS_SHARDS, else 16)
  --json             one JSON object
  --help             this text

Example: sudo cfn-metrics init --group agents --dir /dev/shm/cfn-metrics
`;

const FLAGS = { group: 'text', dir: 'text', shards: 'text', json: 'switch' } as const;

async function run(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args, FLAGS);
  if (flags.group === undefined) {
    throw new MetricsError('ERR_METRICS_OPTION', '--group is missing: which group do the agents belong to?');
  }
  const { directory, shards } = await readSettings(flags);
  const group = findGroup(flags.group);
  const { path } = directory.value;
  const { created, notes } = initDirectory(directory.value, group);
  const files = initFiles(path, shards.value, group);
  notes.push(...files.notes);

  if (flags.json) {
    const { created: made, repaired, unchanged } = files;
    const report = {
      directory: path,
      directoryCreated: created,
      owner: userId(),
      group: group.name,
      gid: group.gid,
      mode: '0660',
      created: made,
      repaired,
      unchanged,
      notes,
    };
    print(`${JSON.stringify(report)}\n`);
    return 0;
  }
  const done = [
    ...(created ? [`created ${path}, mode 0750, group ${group.name}`] : []),
    ...outcome('created', files.created),
    ...outcome('repaired', files.repaired),
    ...outcome('left as they were', files.unchanged),
    `${counted(shards.value, 'shard')} in ${path}: mode 0660, owner ${userId()}, group ${group.name} (${group.gid})`,
    ...notes.map((note) => `note: ${note}`),
  ];
  print(`${done.map(visible).join('\n')}\n`);
  return 0;
}

function outcome(what: string, names: readonly string[]): string[] {
  return names.length === 0 ? [] : [`${what}: ${names.join(' ')}`];
}

/** Shards for agents of several users. */
export const initCommand: Command = { help: HELP, run };
