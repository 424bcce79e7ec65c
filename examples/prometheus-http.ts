// The metrics of all agents of this host for Prometheus, from a server of one's own.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEmitter } from 'cfn-metrics';
import { createPrometheusHandler } from 'cfn-metrics/adapters/prometheus';

const emitter = createEmitter({ agent: 42 });
emitter.emit('tasks', 3, { type: 'counter' });
emitter.emit('memory_usage_mb', 412.5, { unit: 'MB' });

const metrics = createPrometheusHandler();
const server = createServer((request, response) => {
  // what is not /metrics or /healthz comes back
  metrics(request, response, () => {
    response.end('the application\n');
  });
});
server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;

const scraped = await fetch(`http://127.0.0.1:${port}/metrics`);
console.log((await scraped.text()).split('\n').slice(0, 6).join('\n'));

// an application would do this when it is told to stop
server.close();
server.closeAllConnections();
await metrics.shutdown();
await emitter.close();
