const metrics = require('cfn-metrics');
const { smoke } = require('./smoke-checks.cjs');

void smoke(metrics);
