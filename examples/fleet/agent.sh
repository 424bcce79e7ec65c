#!/usr/bin/env bash
# An agent in bash: it sources one file and calls a function. At its end it says what it emitted, so that the fleet can
# compare it with what arrived.
set -euo pipefail

agent=$1 until=$2 # until: Unix seconds
source "${BASH_SOURCE[0]%/*}/../../src/shell/cfn-metrics.sh"

# waits without starting a process: nobody ever writes to this descriptor
exec {nobody}<> <(:)

emitted=0 micros=()
while ((EPOCHSECONDS < until)); do
  started=${EPOCHREALTIME//[.,]/}
  read -rt "0.$((RANDOM % 80 + 20))" -u "$nobody" || true
  now=${EPOCHREALTIME//[.,]/}

  emit_metric "$agent" coordination_time_ms "$(((now - started) / 1000))" ms phase=plan
  emit_metric "$agent" message_delivery_rate "0.9$((RANDOM % 10))"

  micros+=($(((${EPOCHREALTIME//[.,]/} - now) / 2)))
  emitted=$((emitted + 1))
done
IFS=,
printf '{"coordination_time_ms":%d,"message_delivery_rate":%d,"micros":[%s]}\n' "$emitted" "$emitted" "${micros[*]}"
