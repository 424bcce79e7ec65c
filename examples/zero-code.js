// Knows OpenTelemetry's API alone. Whoever starts it decides where its metrics go:
//   CFN_AGENT_ID=42 node --import cfn-metrics/register examples/zero-code.js
import { metrics } from '@opentelemetry/api';

const rounds = metrics.getMeter('zero-code').createCounter('rounds');
for (let round = 0; round < 3; round += 1) rounds.add(1, { round });
console.log('counted 3 rounds');
process.exit(0);
