# Settings of cfn-metrics for bash agents and for whatever is started from the same shell:
#
#   source node_modules/cfn-metrics/config/metrics-config.sh
#
# What is set already stays as it is; an empty variable counts as unset, and stands for the default in the comment beside
# it. cfn-metrics.config.yaml has the same settings for the command line, docs/settings.md explains them, and
# `cfn-metrics doctor` shows what counts. Every writer and reader of a host has to agree on the first two.
# shellcheck shell=bash

: "${CFN_METRICS_DIR:=}" # /dev/shm; where there is none, cfn-metrics-<uid> in the temporary directory
: "${CFN_METRICS_SHARDS:=16}"
: "${CFN_AGENT_ID:=}" # host name and pid of each agent
export CFN_METRICS_DIR CFN_METRICS_SHARDS CFN_AGENT_ID

# The archive, and what stays in RAM
: "${CFN_METRICS_ARCHIVE_DIR:=}" # /metrics/archive where it can be written, else in the user's state directory
: "${CFN_METRICS_SYNC_INTERVAL:=5m}"
: "${CFN_METRICS_ROTATE:=daily}" # daily, hourly, a size such as 64MiB, or several with commas
: "${CFN_METRICS_RETENTION_DAYS:=30}"
: "${CFN_METRICS_MAX_ARCHIVE_BYTES:=}" # no bound
: "${CFN_METRICS_HOT_RETENTION:=24h}"
: "${CFN_METRICS_MAX_HOT_BYTES:=}" # half of the RAM disk, at most 512MiB
: "${CFN_METRICS_HEALTH_PORT:=}"   # none; cfn-metrics up: 9465
export CFN_METRICS_ARCHIVE_DIR CFN_METRICS_SYNC_INTERVAL CFN_METRICS_ROTATE CFN_METRICS_RETENTION_DAYS
export CFN_METRICS_MAX_ARCHIVE_BYTES CFN_METRICS_HOT_RETENTION CFN_METRICS_MAX_HOT_BYTES CFN_METRICS_HEALTH_PORT

# The alerter, and the limits of its rules out of the box
: "${CFN_METRICS_ALERT_DIR:=}" # in the user's state directory
: "${CFN_METRICS_ALERT_COORDINATION_TIME_MS:=10000}"
: "${CFN_METRICS_ALERT_DELIVERY_RATE:=0.9}"
: "${CFN_METRICS_ALERT_MEMORY_MB:=1000}"
export CFN_METRICS_ALERT_DIR CFN_METRICS_ALERT_COORDINATION_TIME_MS CFN_METRICS_ALERT_DELIVERY_RATE
export CFN_METRICS_ALERT_MEMORY_MB
