// The metrics of all agents of this host for Prometheus, in an Express application.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createEmitter } from 'cfn-metrics';
import { createPrometheusHandler } from 'cfn-metrics/adapters/prometheus';
import express from 'express';

const emitter = createEmitter({ agent: 42 });
emitter.emit('tasks', 3, { type: 'counter' });

// one series for all agents, and only for who has the token
const metrics = createPrometheusHandler({ per: 'host', token: process.env['METRICS_TOKEN'] ?? 'example' });
const app = express();
app.use(metrics);
app.get('/', (_request, response) => void response.send('the application'));
const server = app.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;

const headers = { authorization: `Bearer ${process.env['METRICS_TOKEN'] ?? 'example'}` };
const scraped = await fetch(`http://127.0.0.1:${port}/metrics`, { headers });
console.log((await scraped.text()).split('\n').slice(0, 3).join('\n'));

// an application would do this when it is told to stop
server.close();
server.closeAllConnections();
await metrics.shutdown();
await emitter.close();
