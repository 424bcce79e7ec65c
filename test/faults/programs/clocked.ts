// A writer, sealer or tailer whose wall clock somebody steps. Arguments: role, directory, first agent.
import { setTimeout as delay } from 'node:timers/promises';
import { createEmitter } from '../../../src/store/emitter.js';
import { Sealer } from '../../../src/store/seal.js';
import { followRecords } from '../../../src/store/tail.js';

const [role = '', directory = '', first = '0'] = process.argv.slice(2);
const say = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

if (role === 'writer') {
  const emitters = [0, 1].map((i) => createEmitter({ agent: Number(first) + i, directory }));
  for (let number = 0; ; number += 1) {
    for (const [i, emitter] of emitters.entries()) {
      if (emitter.emit('clocked', number)) say({ agent: `agent-${Number(first) + i}`, number });
    }
    await delay(10);
  }
}

if (role === 'sealer') {
  const sealer = new Sealer(directory, { holdMs: 1200, finishMs: 500 });
  if (!sealer.acquire()) throw new Error('somebody else is the sealer');
  for (;;) {
    const names = await Promise.all(sealer.shards().map((shard) => sealer.seal(shard)));
    for (const name of names) if (name !== undefined) say({ sealed: name });
  }
}

if (role === 'tailer') {
  for await (const { records } of followRecords({ directory, from: 'start', pollMs: 50 })) {
    say({ followed: records.map(({ agent, value }) => `${agent} ${value}`) });
  }
}
