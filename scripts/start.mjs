#!/usr/bin/env node
// The demo: a fleet of real agents, then what they measured. Arguments go to examples/fleet.
import { handOver, ready } from './ready.mjs';

await ready({ examples: true });
handOver('build/examples/fleet/fleet.js', process.argv.slice(2));
