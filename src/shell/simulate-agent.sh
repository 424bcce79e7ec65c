#!/usr/bin/env bash
# One agent of `cfn-metrics simulate`, which starts it: nothing for use elsewhere.
#
#   simulate-agent.sh LOOPS LIBRARY RUN    an agent; without metrics LIBRARY is empty
#   simulate-agent.sh --calibrate          prints how many loops of work take a millisecond
#
# On stdin is a line a message: AGENT ROUND REPORTS LAST. The agent does its task, and reports so many times what a
# coordinator wants to know of it; LAST is how many milliseconds its last message took. On stdout it acknowledges with
# AGENT ROUND STORED, the latter how many records are in their file, and how many microseconds each emission took.
# It ends when its stdin does, and so with the coordinator, whatever becomes of that.
LC_ALL=C
# With it an agent that waits longer for a message would end.
unset TMOUT

work() {
  local i sum=0
  for ((i = 0; i < $1; i++)); do ((sum = (sum * 31 + i) & 65535)); done
}

calibrate() {
  local best=0 start us try
  for try in 1 2 3 4 5 6 7; do
    start=${EPOCHREALTIME/./}
    work 1000
    us=$((${EPOCHREALTIME/./} - start))
    # the fastest try is the one in which nothing else ran
    if ((try == 1 || us < best)); then best=$us; fi
  done
  echo "$((1000 * 1000 / (best > 0 ? best : 1)))"
}

# emit AGENT METRIC VALUE UNIT: as anybody would, with a clock around it
emit() {
  local start=${EPOCHREALTIME/./}
  emit_metric "$@" "run=$run" && stored=$((stored + 1))
  times+=" $((${EPOCHREALTIME/./} - start))"
}

if [[ $1 == --calibrate ]]; then
  calibrate
  exit
fi

loops=$1 library=$2 run=$3 received=0 memory='' _cfn_memory=0
# shellcheck source=cfn-metrics.sh
if [[ -n $library ]]; then source "$library" || exit; fi
echo ready
# what goes wrong from here on is counted
exec 2>/dev/null

while read -r agent round reports last; do
  stored=0 times=''
  received=$((received + 1))
  work "$loops"
  # the memory of a task, kept until the next one
  # shellcheck disable=SC2034 # it is there to be there
  if ((loops > 0)); then printf -v memory '%65536s' "$round"; fi
  for (( ; reports > 0; reports--)); do
    rate=1
    if ((received <= round)); then printf -v rate '0.%03d' "$((received * 1000 / (round + 1)))"; fi
    _cfn_set_memory
    emit "$agent" coordination_time_ms "$last" ms
    emit "$agent" message_delivery_rate "$rate" 1
    emit "$agent" memory_usage_mb "$_cfn_memory" MB
  done
  echo "$agent $round $stored$times"
done
