// The metrics of all agents of this host for a receiver of OTLP, which is away at first.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmitter } from 'cfn-metrics';
import { createOtlpBackend } from 'cfn-metrics/adapters/otlp';
import { createForwarder } from 'cfn-metrics/forward';

const emitter = createEmitter({ agent: 42 });
emitter.emit('tasks', 3, { type: 'counter' });
emitter.emit('memory_usage_mb', 412.5, { unit: 'MB' });

// in place of a Collector: it takes the second request
let requests = 0;
const collector = createServer((request, response) => {
  requests += 1;
  request.resume();
  response.writeHead(requests === 1 ? 503 : 200, { 'content-type': 'application/x-protobuf' }).end();
});
collector.listen(0, '127.0.0.1');
await once(collector, 'listening');
const { port } = collector.address() as AddressInfo;

// position and unsent points; a service would keep them in /var/lib
const state = mkdtempSync(join(tmpdir(), 'forward-'));
const forwarder = createForwarder({
  // with OTEL_EXPORTER_OTLP_ENDPOINT and the like: createOtlpBackend(otlpEnvironment(process.env).options)
  backend: await createOtlpBackend({ endpoint: `http://127.0.0.1:${port}` }),
  state,
  maxBackoffMs: 100,
  onEvent: (event) => console.log(event.type),
});
// all that is stored now; a service would run({ signal }) instead
await forwarder.once();
console.log(forwarder.stats.points, 'points accepted,', forwarder.stats.retries, 'request repeated');
await forwarder.close();

collector.close();
collector.closeAllConnections();
await emitter.close();
rmSync(state, { recursive: true });
