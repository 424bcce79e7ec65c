#!/usr/bin/env bash
# An agent for as long as its stdin is open. Arguments: library, file of counts, agent, generation. The file gets one byte for
# each numbered record that was acknowledged.
set -euo pipefail
# shellcheck source=../../../src/shell/cfn-metrics.sh
source "$1"
export CFN_METRICS_STRICT=1
agent=$3
base=$(($4 * 1000000))
exec 8>>"$2"
next=0
while :; do
  if emit_metric "$agent" soak "$((base + next))" 2>/dev/null; then
    printf . >&8
    next=$((next + 1))
  fi
  if ((next % 5 == 1)); then
    track_coordination "$agent" "$((2000 + RANDOM % 1000))" 0.97
  fi
  # a wait without a fork; above 128 is the time-out, anything else the end of stdin
  status=0
  read -r -t 2 || status=$?
  ((status > 128)) || exit 0
done
