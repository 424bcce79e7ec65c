import { expect, it } from 'vitest';
import { createDatadogBackend } from '../../adapters/datadog/index.js';
import { createForwarder } from '../../src/forward/forwarder.js';
import { createEmitter } from '../../src/store/emitter.js';
import { temporaryDirectory } from '../support/directory.js';
import { startDatadogReceiver } from './receivers/datadog.js';

it('no two intervals end in one second where the backend would keep the last of them only', async () => {
  const receiver = await startDatadogReceiver();
  const backend = createDatadogBackend({ apiKey: 'key', endpoint: receiver.url });
  const [directory, state] = [temporaryDirectory(), temporaryDirectory()];
  const emitter = createEmitter({ agent: 1, directory });
  for (let round = 0; round < 4; round += 1) {
    emitter.emit('tasks', 1, { type: 'counter' });
    const forwarder = createForwarder({ backend, directory, state });
    expect(await forwarder.once()).toBe(true);
    await forwarder.close();
  }
  await emitter.close();
  const [series] = [...receiver.series.values()].filter(({ metric }) => metric === 'tasks');
  expect([...series!.values.values()]).toEqual([1, 1, 1, 1]);
});

it('intervals are not shorter than that', () => {
  const backend = createDatadogBackend({ apiKey: 'key' });
  const options = { backend, state: temporaryDirectory() };
  expect(() => createForwarder({ ...options, intervalMs: 999 })).toThrow(
    'intervalMs must be a whole number from 1000 to 3600000, got 999',
  );
  expect(() => createForwarder({ ...options, intervalMs: 1000 })).not.toThrow();
});
