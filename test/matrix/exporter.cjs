const analyze = require('cfn-metrics/analyze');
const metrics = require('cfn-metrics');
const otel = require('cfn-metrics/otel');
const { metrics: api } = require('@opentelemetry/api');
const { MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { exporter } = require('./exporter-checks.cjs');

void exporter({ analyze, metrics, otel, api, MeterProvider, PeriodicExportingMetricReader });
