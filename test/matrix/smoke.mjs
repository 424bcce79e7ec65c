import * as metrics from 'cfn-metrics';
import { smoke } from './smoke-checks.cjs';

await smoke(metrics);
