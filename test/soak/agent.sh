#!/usr/bin/env bash
# A light writer. Arguments: library, file of acknowledgements, agent. One byte for each record that was acknowledged,
# so its size is also the number of the next record. Ends when its stdin does.
set -euo pipefail
# shellcheck source=../../src/shell/cfn-metrics.sh
source "$1"
export CFN_METRICS_STRICT=1
agent=$3
exec 8>>"$2"
next=0
while :; do
  if emit_metric "$agent" soak "$next" '' pad=bash 2>/dev/null; then
    printf . >&8
    next=$((next + 1))
  fi
  # a wait without a fork; above 128 is the time-out, anything else the end of stdin
  status=0
  read -r -t 0.5 || status=$?
  ((status > 128)) || exit 0
done
