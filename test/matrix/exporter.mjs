import * as analyze from 'cfn-metrics/analyze';
import * as metrics from 'cfn-metrics';
import * as otel from 'cfn-metrics/otel';
import { metrics as api } from '@opentelemetry/api';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { exporter } from './exporter-checks.cjs';

await exporter({ analyze, metrics, otel, api, MeterProvider, PeriodicExportingMetricReader });
