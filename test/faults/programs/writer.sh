#!/usr/bin/env bash
# The same as writer.ts, in bash: LIBRARY AGENT WRITER ACKNOWLEDGEMENTS BURST PAUSE_SECONDS RECORDS
# RECORDS 0 means for ever. Ends with whoever started it, whose pipe is stdin.
# shellcheck source=src/shell/cfn-metrics.sh
source "$1"
export CFN_METRICS_STRICT=1
agent=$2 writer=$3 burst=$5 pause=$6 records=$7
exec 3>>"$4"

pads=()
for size in 20 60 100 200 400 900 1800 3500; do
  # The letter that padding.ts takes for this length.
  letters=abcdefghijklmnopqrstuvwxyz
  letter=${letters:size % 26:1}
  printf -v pad '%*s' "$size" ''
  pads+=("${pad// /"$letter"}")
done

for ((sequence = 1; records == 0 || sequence <= records; sequence++)); do
  if emit_metric "$agent" faults.seq "$sequence" "pad=${pads[RANDOM % ${#pads[@]}]}" "w=$writer"; then
    printf '%s\n' "$sequence" >&3
  else
    printf '!%s\n' "$sequence" >&3
  fi
  if ((sequence % burst == 0)) && [[ $pause != 0 ]]; then
    # Without a fork; 1 at the end of the pipe, more when the time is over.
    read -r -t "$pause"
    (($? != 1)) || exit 0
  fi
done
printf '= {}\n' >&3
