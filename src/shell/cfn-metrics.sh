# shellcheck shell=bash
# cfn-metrics for bash: source this file, then
#
#   emit_metric AGENT METRIC VALUE [UNIT] [key=value ...]
#   get_metrics_shard AGENT
#   analyze_metrics [--since 30s ...]
#   sync_metrics_to_disk, rotate_metrics [--archive DIRECTORY ...]
#   check_alerts [--rules FILE ...]
#   check_metrics_health, check_memory_usage [--dir DIRECTORY ...]
#   run_coordination [--agents N --duration TIME ...]
#
# and the hooks of a coordinator:
#
#   after_agent_spawn [AGENT]
#   after_message_sent LATENCY_MS [AGENT]
#   after_task_complete DURATION_MS SUCCESS_RATE [AGENT]
#   track_coordination AGENT COORDINATION_TIME_MS DELIVERY_RATE [MEMORY_MB]
#
# It defines these functions and names that begin with _cfn_, and nothing else. docs/bash.md is the guide.
#
# Five rules hold throughout, each for a reason that was learned the hard way:
#
# - What the caller passes is matched as a string and never evaluated. Arithmetic, [[ x -gt y ]], printf -v NAME and
#   [[ -v NAME ]] all run the command in a[$(command)]; arithmetic is done on digits that were checked or made here.
# - The caller's settings mean nothing in here: locale, IFS, set -eufxCT, nocasematch, BASH_COMPAT. Hence `local -`;
#   LC_ALL=C wherever it matters what a character is; [ a = b ] where case counts (nocasematch changes [[ ]] and case);
#   and neither =~ (it overwrites BASH_REMATCH, and {n,m} is slow) nor ${x//a/b} with anything special in b (its meaning
#   changed with 4.3 and 5.2).
# - A function of the caller may be called printf, and store or print something else: builtin printf is not it.
# - No fork, which would cost ten times as much as all the rest. The few there are say why, and how rarely they happen.
#   For the same reason LC_ALL=C, 20 µs in a UTF-8 locale, is set only where something is checked for the first time,
#   and what is rarely needed is a function of its own: bash copies the whole body of a function at each call.
# - A trap of the caller may emit between any two commands. What belongs together is read, and set, in one command.

case ${BASH_VERSION-} in
  '' | [0-4].*)
    echo "cfn-metrics: bash 5.0 or later is needed, this is ${BASH_VERSION:-another shell}: nothing is recorded" >&2
    emit_metric() { return 0; }
    get_metrics_shard() { return 0; }
    analyze_metrics() { return 0; }
    sync_metrics_to_disk() { return 0; }
    rotate_metrics() { return 0; }
    check_alerts() { return 0; }
    check_metrics_health() { return 0; }
    check_memory_usage() { return 0; }
    run_coordination() { return 0; }
    after_agent_spawn() { return 0; }
    after_message_sent() { return 0; }
    after_task_complete() { return 0; }
    track_coordination() { return 0; }
    # shellcheck disable=SC2317 # reached where the file is executed, not sourced
    return 0 2>/dev/null || exit 0
    ;;
esac

# Where this file is, for what runs the command.
_cfn_home=${BASH_SOURCE[0]%/*}
[[ $_cfn_home != "${BASH_SOURCE[0]}" ]] || _cfn_home=.
[[ $_cfn_home == /* ]] || _cfn_home=$PWD/$_cfn_home

# Stores one record. Status 0 whatever happens, so that no agent fails because of its metrics; with CFN_METRICS_STRICT=1
# status 2 means that the arguments were refused and 1 that the record could not be stored.
emit_metric() {
  local -
  # Without functrace a caller's DEBUG trap does not reach further in than this.
  set +Tuex
  # On the left of && the call sets off neither errexit nor an ERR trap that set -E would bring in here.
  _cfn_emit "$@" && return 0
  local _cfn_status=$?
  [[ ${CFN_METRICS_STRICT-} != 1 ]] || return "$_cfn_status"
}

# Prints the shard of an agent.
get_metrics_shard() {
  local -
  set +Tuex
  _cfn_print_shard "$@" && return 0
  local _cfn_status=$?
  [[ ${CFN_METRICS_STRICT-} != 1 ]] || return "$_cfn_status"
}

# Runs `cfn-metrics analyze --json` with the same arguments.
analyze_metrics() { _cfn_run analyze_metrics analyze --json "$@"; }

# Copies the shards to disk now, and returns when they are there: `cfn-metrics archive --sync-now`.
sync_metrics_to_disk() { _cfn_run sync_metrics_to_disk archive --sync-now "$@"; }

# Seals all shards, and syncs: `cfn-metrics archive --rotate-now`.
rotate_metrics() { _cfn_run rotate_metrics archive --rotate-now "$@"; }

# Evaluates the rules once and tells the channels: `cfn-metrics alert --once`.
check_alerts() { _cfn_run check_alerts alert --once "$@"; }

# Say what is wrong with the directory, the rights, the shards and the room they have: `cfn-metrics doctor`, which ends
# with 1 where something is.
check_metrics_health() { _cfn_run check_metrics_health doctor "$@"; }
check_memory_usage() { _cfn_run check_memory_usage doctor "$@"; }

# Runs a coordination of simulated agents, who store their metrics where all others do, and prints how many milliseconds
# it took: `cfn-metrics simulate --quiet --dir` with that directory.
run_coordination() {
  local _cfn_dir _cfn_name=run_coordination
  if ! _cfn_set_dir; then return 1; fi
  _cfn_run run_coordination simulate --quiet --dir "$_cfn_dir" "$@"
}

# The hooks of a coordinator say nothing and return 0 whatever happens; what they could not store is counted as that of
# emit_metric is. AGENT is CFN_AGENT_ID where it is not named, else host and process.

# Records that an agent was started.
after_agent_spawn() { _cfn_hook _cfn_spawned "$@"; }

# Records how long a message took to arrive.
after_message_sent() { _cfn_hook _cfn_sent "$@"; }

# Records how long a task took, and which part of it succeeded, from 0 to 1.
after_task_complete() { _cfn_hook _cfn_completed "$@"; }

# Records what says how an agent is doing. MEMORY_MB is that of this process where it is not given.
track_coordination() { _cfn_hook _cfn_tracked "$@"; }

_cfn_hook() {
  local -
  set +Tuex
  local _cfn_quiet=1
  # Not 2>/dev/null, which would also be that of a trap of the caller that runs meanwhile.
  "$@" || return 0
}

_cfn_spawned() { _cfn_emit "${1:-${CFN_AGENT_ID:-$HOSTNAME-$$}}" agents_spawned 1 '{agent}'; }

_cfn_sent() { _cfn_emit "${2:-${CFN_AGENT_ID:-$HOSTNAME-$$}}" message_latency_ms "${1-}" ms; }

_cfn_completed() {
  local _cfn_who=${3:-${CFN_AGENT_ID:-$HOSTNAME-$$}}
  _cfn_emit "$_cfn_who" task_duration_ms "${1-}" ms
  _cfn_emit "$_cfn_who" task_success_rate "${2-}" 1
}

_cfn_tracked() {
  local _cfn_memory=${4-}
  if [[ -z $_cfn_memory ]]; then _cfn_set_memory; fi
  _cfn_emit "${1-}" coordination_time_ms "${2-}" ms
  _cfn_emit "${1-}" message_delivery_rate "${3-}" 1
  _cfn_emit "${1-}" memory_usage_mb "$_cfn_memory" MB
}

# Sets _cfn_memory to the megabytes of RAM that this process has: no fork, for /proc says it.
_cfn_set_memory() {
  local _cfn_word _cfn_kib=''
  [[ -r /proc/$BASHPID/status ]] || return 1
  while IFS=$' \t' read -r _cfn_word _cfn_kib _; do
    if [ "$_cfn_word" = VmRSS: ]; then break; fi
  done <"/proc/$BASHPID/status"
  if [[ -z $_cfn_kib || $_cfn_kib == *[!0123456789]* ]]; then return 1; fi
  builtin printf -v _cfn_memory '%d.%03d' "$((_cfn_kib * 1024 / 1000000))" "$((_cfn_kib * 1024 / 1000 % 1000))"
}

# Runs the command for the function that $1 names.
_cfn_run() {
  local _cfn_cli=${CFN_METRICS_CLI-}
  if [[ -z $_cfn_cli ]] && type -P cfn-metrics >/dev/null; then _cfn_cli=cfn-metrics; fi
  if [[ -z $_cfn_cli ]]; then _cfn_cli=${_cfn_home-}/../../dist/cli/index.cjs; fi
  case $_cfn_cli in
    *.js | *.mjs | *.cjs)
      if [[ ! -f $_cfn_cli ]]; then
        _cfn_tell "cfn-metrics: $1 found no cfn-metrics on PATH: install it, or set CFN_METRICS_CLI"
        return 1
      fi
      command node "$_cfn_cli" "${@:2}"
      ;;
    *) command "$_cfn_cli" "${@:2}" ;;
  esac
}

# --- one record -------------------------------------------------------------------------------------------------------

# Checks, formats and appends. Status as documented at emit_metric.
_cfn_emit() {
  local _cfn_key _cfn_shard _cfn_head _cfn_tail _cfn_number _cfn_time _cfn_line _cfn_file _cfn_foreign=''
  [[ ${_cfn_state[0]-} == ready ]] || _cfn_declare || return 1
  (($# > 2)) || _cfn_few_arguments || return 2

  # Most calls differ from an earlier one in their value only.
  builtin printf -v _cfn_key '%s\x1f' "$#" "${CFN_METRICS_SHARDS-}" "$1" "$2" "${@:4}"
  _cfn_shard=${_cfn_shards["$_cfn_key"]-} _cfn_head=${_cfn_heads["$_cfn_key"]-} _cfn_tail=${_cfn_tails["$_cfn_key"]-}
  [[ -n $_cfn_shard ]] || _cfn_compose "$@" || return 2
  # Most values are whole numbers as JSON has them, of less than a hundred digits. The digits are listed, for what 0-9
  # means is up to the locale.
  _cfn_number=$3
  [[ -n $3 && $3 != *[!0123456789]* && $3 != 0?* && ${#3} != ???* ]] || _cfn_set_number "$3" || return 2
  _cfn_set_time
  _cfn_line='{"timestamp":"'$_cfn_time$_cfn_head$_cfn_number$_cfn_tail
  ((${#_cfn_line} < 1000)) || _cfn_check_length || return 2

  # bash has no O_NOFOLLOW and no O_NONBLOCK, so it has to look before it opens. In a sticky directory, such as
  # /dev/shm, nobody else can put something in the place of a file of ours between the look and the open.
  _cfn_file=${CFN_METRICS_DIR:-/dev/shm}/cfn-metrics-$_cfn_shard.jsonl
  [[ -f $_cfn_file && -O $_cfn_file && ! -L $_cfn_file ]] || _cfn_prepare_file || return 1
  _cfn_append || _cfn_not_appended || return 1
  [[ -z ${_cfn_state[unsettled]-} ]] || _cfn_settle
}

# A child that got the functions by export -f has no arrays, and a subscript of an undeclared one is arithmetic.
_cfn_declare() {
  declare -gA _cfn_state _cfn_cache _cfn_shards _cfn_heads _cfn_tails || return 1
  _cfn_state[0]=ready
}
_cfn_declare

_cfn_few_arguments() {
  _cfn_invalid 'needs AGENT METRIC VALUE [UNIT] [key=value ...]'
  return 1
}

# Sets _cfn_shard, and _cfn_head and _cfn_tail to what a record has between its time and its value and behind it.
_cfn_compose() {
  local _cfn_count=16 _cfn_agent _cfn_json _cfn_raw _cfn_unit='' _cfn_attributes='' _cfn_separators
  # Where it is read-only, lengths and classes would mean something else.
  if [[ ${LC_ALL@a} == *r* && $LC_ALL != C ]]; then _cfn_invalid 'LC_ALL must not be read-only, or be C'; return 2; fi
  [[ ${LC_ALL@a} == *r* ]] || _cfn_is_c || local LC_ALL=C
  if ! _cfn_set_count; then _cfn_drop invalid; return 2; fi
  _cfn_set_agent "$1" || return 2
  if [[ $2 != [[:alpha:]]* || $2 == *[![:alnum:]_./-]* ]] || ((${#2} > 255)); then
    _cfn_invalid 'metric must be a letter and at most 254 of A-Z a-z 0-9 _ . - /, got' "$2"
    return 2
  fi
  if (($# > 3)); then
    if [[ $4 == *=* ]]; then
      _cfn_set_attributes "${@:4}" || return 2
    else
      _cfn_set_unit "$4" || return 2
      _cfn_set_attributes "${@:5}" || return 2
    fi
  fi
  _cfn_head='","agent":"'$_cfn_agent'","metric":"'$2'","value":'
  _cfn_tail=$_cfn_unit$_cfn_attributes'}'
  # Where an argument has a separator in it, another call could have the same key: such a one is not kept.
  ((${#_cfn_key} <= 512)) || return 0
  _cfn_separators=${_cfn_key//[!$'\x1f']/}
  if ((${#_cfn_separators} == $# + 1)); then
    if ((${#_cfn_shards[@]} >= 1024)); then _cfn_shards=() _cfn_heads=() _cfn_tails=(); fi
    _cfn_shards["$_cfn_key"]=$_cfn_shard _cfn_heads["$_cfn_key"]=$_cfn_head _cfn_tails["$_cfn_key"]=$_cfn_tail
  fi
}

# Whether all is as in C already, as it is where LC_ALL names a locale that is not installed: whenever it is set back to
# such a name bash prints a warning. Bytes are characters, none above 127 is a letter, and capitals come first.
# shellcheck disable=SC2050 # what comes first is up to the locale
_cfn_is_c() { [[ -n ${LC_ALL-} && $'\xc3\xa9' == ?? && $'\xe4\xf6' != *[[:alpha:]]* && a > B ]]; }

# Up to 4095 bytes bash hands to the kernel in one piece.
_cfn_check_length() {
  _cfn_is_c || local LC_ALL=C
  if ((${#_cfn_line} <= 4000)); then return 0; fi
  _cfn_invalid "the record is ${#_cfn_line} bytes long, and at most 4000 are stored"
  return 2
}

_cfn_print_shard() {
  local _cfn_count=16 _cfn_shard _cfn_agent _cfn_json _cfn_raw
  _cfn_is_c || local LC_ALL=C
  [[ ${_cfn_state[0]-} == ready ]] || _cfn_declare || return 1
  # Asking is not emitting: nothing is counted as dropped in here.
  local _cfn_asking=1 _cfn_name=get_metrics_shard
  if (($# != 1)); then _cfn_invalid 'needs one argument, AGENT'; return 2; fi
  _cfn_set_count || return 2
  _cfn_set_agent "$1" || return 2
  builtin printf '%s\n' "$_cfn_shard"
}

# --- the parts of a record, each checked and written as JSON ----------------------------------------------------------

# Sets _cfn_count from CFN_METRICS_SHARDS.
_cfn_set_count() {
  local _cfn_text=${CFN_METRICS_SHARDS-}
  [[ -n $_cfn_text ]] || return 0
  if [[ $_cfn_text != *[!0-9]* ]] && ((${#_cfn_text} <= 4)); then
    _cfn_count=$((10#$_cfn_text))
    ((_cfn_count < 1 || _cfn_count > 1024)) || return 0
  fi
  _cfn_say_once 'CFN_METRICS_SHARDS must be a whole number from 1 to 1024, got' "$_cfn_text"
  return 1
}

# Sets _cfn_agent, the agent as JSON without quotes, and _cfn_shard.
_cfn_set_agent() {
  local _cfn_id=$1 _cfn_digits
  # 128 characters are at most 384 bytes of UTF-8, or 128 bytes that become three each: more are never read.
  if ((${#_cfn_id} < 1 || ${#_cfn_id} > 384)); then _cfn_bad_agent "$_cfn_id"; return 2; fi
  _cfn_digits=$_cfn_id
  if [ "${_cfn_id:0:6}" = agent- ]; then _cfn_digits=${_cfn_id:6}; fi
  if [[ -n $_cfn_digits && $_cfn_digits != *[!0-9]* ]] && ((${#_cfn_digits} <= 15)); then
    if [[ $_cfn_digits != 0?* ]]; then
      _cfn_agent=agent-$_cfn_digits
      _cfn_shard=$((10#$_cfn_digits % _cfn_count))
      return 0
    fi
  fi
  local _cfn_cached=${_cfn_cache["agent $_cfn_count $_cfn_id"]-}
  if [[ -n $_cfn_cached ]]; then
    _cfn_shard=${_cfn_cached%% *}
    _cfn_agent=${_cfn_cached#* }
    return 0
  fi
  _cfn_to_utf8 "$_cfn_id"
  # Characters are counted as JavaScript counts them, or a reader would refuse what is stored here: continuation bytes
  # count nothing, and the lead byte of four counts twice.
  local _cfn_leads=${_cfn_raw//[$'\x80'-$'\xbf']/} _cfn_fours=${_cfn_raw//[!$'\xf0'-$'\xf4']/}
  if ((${#_cfn_leads} + ${#_cfn_fours} > 128)) || [[ $_cfn_raw == *[[:cntrl:]]* ]] ||
    [[ $_cfn_raw == *$'\xc2'[$'\x80'-$'\x9f']* ]]; then
    _cfn_bad_agent "$_cfn_id"
    return 2
  fi
  # FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/: 32 bits times a 25-bit prime stay within bash's 63.
  local _cfn_hash=2166136261 _cfn_byte _cfn_i
  for ((_cfn_i = 0; _cfn_i < ${#_cfn_raw}; _cfn_i++)); do
    builtin printf -v _cfn_byte %d "'${_cfn_raw:_cfn_i:1}"
    # Some versions print bytes above 127 as negative numbers.
    _cfn_hash=$((((_cfn_hash ^ (_cfn_byte & 255)) * 16777619) & 4294967295))
  done
  _cfn_shard=$((_cfn_hash % _cfn_count))
  _cfn_to_json "$_cfn_raw"
  _cfn_agent=$_cfn_json
  if ((${#_cfn_cache[@]} >= 1024)); then _cfn_cache=(); fi
  _cfn_cache["agent $_cfn_count $_cfn_id"]="$_cfn_shard $_cfn_agent"
}

_cfn_bad_agent() { _cfn_invalid 'agent must be 1 to 128 characters without control characters, got' "$1"; }

# Sets _cfn_number to a number in strict JSON, or to one of the three words in quotes.
_cfn_set_number() {
  # Most others are 12.34, which is JSON already too. Of what is long, finding the dot takes the square of its length.
  if [[ ${#1} != ???* && $1 == *.* ]]; then
    local _cfn_int=${1%%.*} _cfn_frac=${1#*.}
    _cfn_number=$1
    if [[ -n $_cfn_int && -n $_cfn_frac && $_cfn_int$_cfn_frac != *[!0123456789]* && $_cfn_int != 0?* ]]; then
      return 0
    fi
  fi
  _cfn_set_other_number "$1"
}

_cfn_set_other_number() {
  if [ "$1" = NaN ] || [ "$1" = Infinity ] || [ "$1" = -Infinity ]; then
    _cfn_number='"'$1'"'
    return 0
  fi
  if ((${#1} <= 4000)) && _cfn_normalise "$1"; then return 0; fi
  _cfn_invalid 'value must be a finite decimal number, NaN, Infinity or -Infinity, got' "$1"
  return 2
}

# Accepts [+-]?(d+(\.d*)?|\.d+)([eE][+-]?d+)? with an exponent within ±300 and a result that a double can hold.
_cfn_normalise() {
  local _cfn_rest=$1 _cfn_sign='' _cfn_exp='' _cfn_exp_sign='' _cfn_power=0 _cfn_int _cfn_frac=''
  case $_cfn_rest in
    -*) _cfn_sign=- _cfn_rest=${_cfn_rest:1} ;;
    +*) _cfn_rest=${_cfn_rest:1} ;;
  esac
  if [[ $_cfn_rest == *[eE]* ]]; then
    _cfn_exp=${_cfn_rest#*[eE]}
    _cfn_rest=${_cfn_rest%%[eE]*}
    case $_cfn_exp in
      -*) _cfn_exp_sign=- _cfn_exp=${_cfn_exp:1} ;;
      +*) _cfn_exp=${_cfn_exp:1} ;;
    esac
    [[ -n $_cfn_exp && $_cfn_exp != *[!0123456789]* ]] || return 1
    _cfn_exp=${_cfn_exp#"${_cfn_exp%%[!0]*}"}
    ((${#_cfn_exp} <= 3)) || return 1
    _cfn_power=$((10#0$_cfn_exp))
    ((_cfn_power <= 300)) || return 1
  fi
  _cfn_int=$_cfn_rest
  if [[ $_cfn_rest == *.* ]]; then
    _cfn_int=${_cfn_rest%%.*}
    _cfn_frac=${_cfn_rest#*.}
  fi
  [[ -n $_cfn_int$_cfn_frac && $_cfn_int$_cfn_frac != *[!0123456789]* ]] || return 1
  _cfn_int=${_cfn_int#"${_cfn_int%%[!0]*}"}

  # Where the first digit that is not 0 stands, as a power of ten, and the digits from there on: 1e309 and above is no
  # double, nor is what is above 1.7976931348623157e308.
  local _cfn_top=$((${#_cfn_int} - 1)) _cfn_digits=$_cfn_int$_cfn_frac
  if [[ -z $_cfn_int ]]; then
    _cfn_digits=${_cfn_frac#"${_cfn_frac%%[!0]*}"}
    _cfn_top=$((${#_cfn_digits} - ${#_cfn_frac} - 1))
  fi
  _cfn_top=$((_cfn_top + ${_cfn_exp_sign}_cfn_power))
  if [[ -n $_cfn_digits ]]; then
    ((_cfn_top <= 308)) || return 1
    _cfn_digits+=0000000000000000
    _cfn_digits=${_cfn_digits:0:17}
    # Seventeen digits fit in bash's arithmetic.
    ((_cfn_top < 308 || 10#$_cfn_digits <= 17976931348623157)) || return 1
  fi
  _cfn_number=$_cfn_sign${_cfn_int:-0}${_cfn_frac:+.$_cfn_frac}${_cfn_exp:+e$_cfn_exp_sign$_cfn_exp}
}

# Sets _cfn_unit to the unit's part of the record.
_cfn_set_unit() {
  [[ -n $1 ]] || return 0
  if ((${#1} > 189)); then _cfn_bad_unit "$1"; return 2; fi
  if [[ $1 == *[![:print:]]* || $1 == *[\"\\]* ]]; then
    _cfn_to_utf8 "$1"
    local _cfn_leads=${_cfn_raw//[$'\x80'-$'\xbf']/} _cfn_fours=${_cfn_raw//[!$'\xf0'-$'\xf4']/}
    if ((${#_cfn_leads} + ${#_cfn_fours} > 63)); then _cfn_bad_unit "$1"; return 2; fi
    _cfn_to_json "$_cfn_raw"
    _cfn_unit=',"unit":"'$_cfn_json'"'
  else
    if ((${#1} > 63)); then _cfn_bad_unit "$1"; return 2; fi
    _cfn_unit=',"unit":"'$1'"'
  fi
}

_cfn_bad_unit() { _cfn_invalid 'unit must be at most 63 characters, got' "$1"; }

# Sets _cfn_attributes to the attributes' part of the record: sorted by key, of a repeated key the last.
_cfn_set_attributes() {
  local _cfn_arg _cfn_key _cfn_value _cfn_i _cfn_size=0 _cfn_keys=() _cfn_pairs=()
  for _cfn_arg; do
    _cfn_size=$((_cfn_size + ${#_cfn_arg}))
    # Before anything is done with it, so that nobody waits for megabytes to be escaped and then refused.
    if ((_cfn_size > 4000)); then _cfn_invalid 'attributes are over 4000 bytes long'; return 2; fi
    if [[ $_cfn_arg != ?*=* || $_cfn_arg == =* ]]; then
      _cfn_invalid 'attribute must be key=value, got' "$_cfn_arg"
      return 2
    fi
    _cfn_key=${_cfn_arg%%=*}
    _cfn_value=${_cfn_arg#*=}
    # The agent is in the record already, where readers look for it.
    if [ "$_cfn_key" = agent.id ]; then continue; fi
    if [[ $_cfn_arg == *[![:print:]]* || $_cfn_arg == *[\"\\]* ]]; then
      _cfn_to_utf8 "$_cfn_value"
      _cfn_to_json "$_cfn_raw"
      _cfn_value=$_cfn_json
      _cfn_to_utf8 "$_cfn_key"
      _cfn_key=$_cfn_raw
      _cfn_to_json "$_cfn_raw"
    else
      _cfn_json=$_cfn_key
    fi
    # What every record starts with must not stand inside one: readers cut torn lines at it.
    if [ "$_cfn_key" = timestamp ]; then _cfn_json='\u0074imestamp'; fi

    _cfn_i=${#_cfn_keys[@]}
    while ((_cfn_i > 0)) && [[ ${_cfn_keys[_cfn_i - 1]} > $_cfn_key ]]; do _cfn_i=$((_cfn_i - 1)); done
    if ((_cfn_i > 0)) && [ "${_cfn_keys[_cfn_i - 1]}" = "$_cfn_key" ]; then
      _cfn_i=$((_cfn_i - 1))
    elif ((_cfn_i < ${#_cfn_keys[@]})); then
      _cfn_keys=("${_cfn_keys[@]:0:_cfn_i}" "$_cfn_key" "${_cfn_keys[@]:_cfn_i}")
      _cfn_pairs=("${_cfn_pairs[@]:0:_cfn_i}" '' "${_cfn_pairs[@]:_cfn_i}")
    else
      _cfn_keys+=("$_cfn_key")
    fi
    _cfn_pairs[_cfn_i]='"'$_cfn_json'":"'$_cfn_value'"'
  done
  ((${#_cfn_pairs[@]} > 0)) || return 0
  builtin printf -v _cfn_attributes ',%s' "${_cfn_pairs[@]}"
  _cfn_attributes=',"attributes":{'${_cfn_attributes:1}'}'
}

# Sets _cfn_raw to a string with each byte that is not part of well-formed UTF-8 replaced by U+FFFD, which is what
# JavaScript's toWellFormed() and TextDecoder do too: a measurement is worth more than one byte of a file's name.
_cfn_to_utf8() {
  _cfn_raw=$1
  [[ $1 == *[![:ascii:]]* ]] || return 0
  # Lead bytes and continuation bytes have nothing in common, so no match can begin within another, and an x in the
  # place of each match keeps its neighbours apart. Where only ASCII is left, all of it was well-formed.
  local _cfn_rest=$1 _cfn_n
  _cfn_rest=${_cfn_rest//[$'\xc2'-$'\xdf'][$'\x80'-$'\xbf']/x}
  _cfn_rest=${_cfn_rest//$'\xe0'[$'\xa0'-$'\xbf'][$'\x80'-$'\xbf']/x}
  _cfn_rest=${_cfn_rest//[$'\xe1'-$'\xec'$'\xee'$'\xef'][$'\x80'-$'\xbf'][$'\x80'-$'\xbf']/x}
  _cfn_rest=${_cfn_rest//$'\xed'[$'\x80'-$'\x9f'][$'\x80'-$'\xbf']/x}
  _cfn_rest=${_cfn_rest//$'\xf0'[$'\x90'-$'\xbf'][$'\x80'-$'\xbf'][$'\x80'-$'\xbf']/x}
  _cfn_rest=${_cfn_rest//[$'\xf1'-$'\xf3'][$'\x80'-$'\xbf'][$'\x80'-$'\xbf'][$'\x80'-$'\xbf']/x}
  _cfn_rest=${_cfn_rest//$'\xf4'[$'\x80'-$'\x8f'][$'\x80'-$'\xbf'][$'\x80'-$'\xbf']/x}
  [[ $_cfn_rest == *[![:ascii:]]* ]] || return 0

  _cfn_rest=$1 _cfn_raw=''
  while [[ -n $_cfn_rest ]]; do
    case $_cfn_rest in
      [[:ascii:]]*) _cfn_n=1 ;;
      [$'\xc2'-$'\xdf'][$'\x80'-$'\xbf']*) _cfn_n=2 ;;
      $'\xe0'[$'\xa0'-$'\xbf'][$'\x80'-$'\xbf']*) _cfn_n=3 ;;
      [$'\xe1'-$'\xec'$'\xee'$'\xef'][$'\x80'-$'\xbf'][$'\x80'-$'\xbf']*) _cfn_n=3 ;;
      $'\xed'[$'\x80'-$'\x9f'][$'\x80'-$'\xbf']*) _cfn_n=3 ;;
      $'\xf0'[$'\x90'-$'\xbf'][$'\x80'-$'\xbf'][$'\x80'-$'\xbf']*) _cfn_n=4 ;;
      [$'\xf1'-$'\xf3'][$'\x80'-$'\xbf'][$'\x80'-$'\xbf'][$'\x80'-$'\xbf']*) _cfn_n=4 ;;
      $'\xf4'[$'\x80'-$'\x8f'][$'\x80'-$'\xbf'][$'\x80'-$'\xbf']*) _cfn_n=4 ;;
      *)
        _cfn_raw+=$'\xef\xbf\xbd'
        _cfn_rest=${_cfn_rest:1}
        continue
        ;;
    esac
    _cfn_raw+=${_cfn_rest:0:_cfn_n}
    _cfn_rest=${_cfn_rest:_cfn_n}
  done
}

# Sets _cfn_json to the inside of a JSON string, escaped as JSON.stringify does it.
_cfn_to_json() {
  _cfn_json=$1
  [[ $1 == *[[:cntrl:]\"\\]* ]] || return 0
  local _cfn_rest=$1 _cfn_run _cfn_char
  _cfn_json=''
  while [[ $_cfn_rest == *[[:cntrl:]\"\\]* ]]; do
    _cfn_run=${_cfn_rest%%[[:cntrl:]\"\\]*}
    _cfn_char=${_cfn_rest:${#_cfn_run}:1}
    _cfn_rest=${_cfn_rest:${#_cfn_run}+1}
    case $_cfn_char in
      \" | \\) _cfn_char="\\$_cfn_char" ;;
      $'\b') _cfn_char='\b' ;;
      $'\f') _cfn_char='\f' ;;
      $'\n') _cfn_char='\n' ;;
      $'\r') _cfn_char='\r' ;;
      $'\t') _cfn_char='\t' ;;
      $'\x7f') ;;
      *) builtin printf -v _cfn_char '\\u%04x' "'$_cfn_char" ;;
    esac
    _cfn_json+=$_cfn_run$_cfn_char
  done
  _cfn_json+=$_cfn_rest
}

# Sets _cfn_time to now in UTC.
_cfn_set_time() {
  # The text of the last second and that second; _cfn_line is not needed for the line yet, and a local more costs 2 %.
  _cfn_time=${EPOCHREALTIME-} _cfn_line=${_cfn_state[second]-}
  # The second, and the dot or whatever else the locale has before the six digits of the microseconds.
  [[ $_cfn_time == "${_cfn_line:19}"?????? ]] || _cfn_set_second
  _cfn_time=${_cfn_line:0:19}.${_cfn_time: -6:3}Z
}

# The calendar is computed here, since TZ=UTC0 printf '%(...)T' fails where TZ is read-only; once a second.
_cfn_set_second() {
  # Somebody may have unset EPOCHREALTIME, and then it has lost its meaning for good.
  if [[ -z $_cfn_time ]]; then builtin printf -v _cfn_time '%(%s)T.000000' -1; fi
  local _cfn_text
  _cfn_format_second "${_cfn_time%%[!0123456789]*}"
  _cfn_line=$_cfn_text${_cfn_time%??????}
  _cfn_state[second]=$_cfn_line
}

# Sets _cfn_text. Days since 1970 to a date: https://howardhinnant.github.io/date_algorithms.html#civil_from_days
_cfn_format_second() {
  local _cfn_days=$(($1 / 86400 + 719468)) _cfn_rest=$(($1 % 86400)) _cfn_era _cfn_year _cfn_day _cfn_month
  _cfn_era=$((_cfn_days / 146097))
  _cfn_days=$((_cfn_days % 146097))
  _cfn_year=$(((_cfn_days - _cfn_days / 1460 + _cfn_days / 36524 - _cfn_days / 146096) / 365))
  _cfn_day=$((_cfn_days - (365 * _cfn_year + _cfn_year / 4 - _cfn_year / 100)))
  _cfn_month=$(((5 * _cfn_day + 2) / 153))
  _cfn_day=$((_cfn_day - (153 * _cfn_month + 2) / 5 + 1))
  _cfn_month=$((_cfn_month < 10 ? _cfn_month + 3 : _cfn_month - 9))
  _cfn_year=$((_cfn_year + _cfn_era * 400 + (_cfn_month <= 2)))
  builtin printf -v _cfn_text '%04d-%02d-%02dT%02d:%02d:%02d' "$_cfn_year" "$_cfn_month" "$_cfn_day" \
    "$((_cfn_rest / 3600))" "$((_cfn_rest / 60 % 60))" "$((_cfn_rest % 60))"
}

# --- storing ----------------------------------------------------------------------------------------------------------

# Appends _cfn_line to _cfn_file with one printf, which is one write(2); such writes never mix, so no lock is needed.
_cfn_append() {
  if [[ -n $_cfn_foreign || -n ${CFN_METRICS_LOCK-} ]]; then _cfn_append_otherwise; return; fi
  # The braces, for the message of a failed redirection escapes a 2>/dev/null behind it.
  { builtin printf '%s\n' "$_cfn_line" >>"$_cfn_file"; } 2>/dev/null
}

_cfn_append_otherwise() {
  local _cfn_locked=''
  if [[ ${CFN_METRICS_LOCK-} == flock ]]; then
    _cfn_locked=1
  elif [[ -n ${CFN_METRICS_LOCK-} ]]; then
    _cfn_say_once 'CFN_METRICS_LOCK must be flock or empty, and is ignored, got' "$CFN_METRICS_LOCK"
  fi
  {
    # A fork, for whoever asks for it. Shared, for an exclusive lock would make agents wait for each other; where it is
    # refused, the append is as safe without it.
    if [[ -n $_cfn_locked ]]; then command flock -s -n 9; fi
    # >> always passes O_CREAT, which Linux refuses on another user's file in a sticky directory (fs.protected_regular).
    # By way of a descriptor opened for reading nothing can be created, and that rule does not apply.
    builtin printf '%s\n' "$_cfn_line" >>/proc/self/fd/9
  } 2>/dev/null 9<"$_cfn_file"
}

_cfn_not_appended() {
  _cfn_say_once "could not write to ${_cfn_file@Q}: is its file system full?"
  _cfn_drop full
  return 1
}

# Sets _cfn_dir, and makes the private default one.
_cfn_set_dir() {
  _cfn_dir=${CFN_METRICS_DIR-}
  if [[ -n $_cfn_dir ]]; then
    if [[ -d $_cfn_dir ]]; then return 0; fi
    _cfn_say_once 'CFN_METRICS_DIR must be a directory that exists, got' "$_cfn_dir"
    return 1
  fi
  _cfn_dir=/dev/shm
  if [[ -d $_cfn_dir ]]; then return 0; fi
  _cfn_dir=${TMPDIR:-/tmp}/cfn-metrics-$EUID
  # A fork, once a boot.
  if [[ ! -e $_cfn_dir && ! -L $_cfn_dir ]]; then command mkdir -p -m 0700 -- "$_cfn_dir" 2>/dev/null; fi
  if [[ -d $_cfn_dir && ! -L $_cfn_dir && -O $_cfn_dir ]]; then return 0; fi
  _cfn_say_once 'set CFN_METRICS_DIR to a directory of this user alone, which this is not:' "$_cfn_dir"
  return 1
}

# Sets _cfn_file, creates it where it is missing, and sets _cfn_foreign where it is one of a group setup.
_cfn_prepare_file() {
  local _cfn_dir
  if _cfn_set_dir && _cfn_make_file; then return 0; fi
  _cfn_drop refused
  return 1
}

_cfn_make_file() {
  _cfn_file=$_cfn_dir/cfn-metrics-$_cfn_shard.jsonl
  if [[ ! -e $_cfn_file && ! -L $_cfn_file ]]; then _cfn_create || return 1; fi
  if [[ -L $_cfn_file ]]; then _cfn_refuse_file 'is a symbolic link'; return 1; fi
  if [[ ! -e $_cfn_file ]]; then _cfn_refuse_file 'could not be created'; return 1; fi
  if [[ ! -f $_cfn_file ]]; then _cfn_refuse_file 'is not a regular file'; return 1; fi
  if [[ ! -w $_cfn_file ]]; then _cfn_refuse_file 'may not be written by this user'; return 1; fi
  if [[ -O $_cfn_file ]]; then return 0; fi
  if ! _cfn_is_trusted "$_cfn_file"; then _cfn_refuse_file 'belongs to somebody else'; return 1; fi
  _cfn_foreign=1
}

_cfn_refuse_file() {
  _cfn_say_once "${_cfn_file@Q} $1 (set CFN_METRICS_DIR to a directory of your own, or have root run cfn-metrics init)"
}

# Creates _cfn_file for this user alone.
_cfn_create() {
  # Where init made the shards for a group, one that is missing is not made by an agent: the others could not write it.
  local _cfn_i _cfn_other
  for _cfn_i in {0..1023}; do
    _cfn_other=$_cfn_dir/cfn-metrics-$_cfn_i.jsonl
    if [[ ! -f $_cfn_other ]] || [[ -L $_cfn_other || -O $_cfn_other || ! -w $_cfn_other ]]; then continue; fi
    # -rw-rw----, and not what root or the directory's owner made for itself
    if _cfn_is_trusted "$_cfn_other" && [[ $(command stat -c %A -- "$_cfn_other" 2>/dev/null) == ?????w* ]]; then
      _cfn_refuse_file 'is missing among shards made for a group'
      return 1
    fi
  done
  # A fork, once a file: no builtin gives the umask back without one. With noclobber > means O_EXCL, so whoever comes
  # second keeps the file of the first, and a symbolic link is not followed.
  if (umask 077 && set -C && : >"$_cfn_file") 2>/dev/null; then :; fi
}

# Whether a file that is not ours belongs to root or to whom its directory belongs: what `cfn-metrics init` makes.
_cfn_is_trusted() {
  local _cfn_now=${EPOCHSECONDS-} _cfn_owners _cfn_seen=${_cfn_cache["owner $1"]-}
  # A fork, once a minute and file: bash cannot tell who else owns a file. Meanwhile only root, the directory's owner
  # and, where the directory is not sticky, who may write in it could put another file in its place.
  if [[ -n $_cfn_now && -n $_cfn_seen ]] && ((_cfn_now >= _cfn_seen && _cfn_now - _cfn_seen < 60)); then return 0; fi
  _cfn_owners=$(command stat -c '%u' -- "$1" "$_cfn_dir/." 2>/dev/null) || return 1
  if [[ ${_cfn_owners%%$'\n'*} != 0 && ${_cfn_owners%%$'\n'*} != "${_cfn_owners##*$'\n'}" ]]; then return 1; fi
  if ((${#_cfn_cache[@]} >= 1024)); then _cfn_cache=(); fi
  _cfn_cache["owner $1"]=$_cfn_now
}

# --- what was not stored ----------------------------------------------------------------------------------------------

# Counts a record that is lost.
_cfn_drop() {
  [[ -z ${_cfn_asking-} ]] || return 0
  # A subshell inherits the counts, but its parent will store them.
  if [[ ${_cfn_state[pid]-} != "$BASHPID" ]]; then _cfn_new_writer; fi
  _cfn_state[unsettled]=1
  _cfn_state[drop.$1]=$((${_cfn_state[drop.$1]-0} + 1))
}

# Gives this process an identity of its own and no drops: pid, start time and something random.
_cfn_new_writer() {
  local _cfn_stat='' _cfn_fields=() _cfn_time _cfn_line
  if [[ -r /proc/$BASHPID/stat ]]; then IFS= read -r _cfn_stat <"/proc/$BASHPID/stat"; fi
  # The name in it may hold anything, so fields are counted from behind its bracket: the 22nd is the 20th from there.
  IFS=' ' read -r -a _cfn_fields <<<"${_cfn_stat##*) }"
  # SRANDOM came with 5.1.
  builtin printf -v '_cfn_state[writer]' '%s-%s-%08x' "$BASHPID" "${_cfn_fields[19]:-0}" \
    "${SRANDOM:-$((RANDOM << 15 | RANDOM))}"
  _cfn_set_time
  _cfn_state[pid]=$BASHPID _cfn_state[since]=$_cfn_time
  _cfn_state[drop.invalid]=0 _cfn_state[drop.refused]=0 _cfn_state[drop.full]=0
}

# After an append that went well: stores what was counted, and lets what was said once be said again.
_cfn_settle() {
  local _cfn_reason _cfn_kept=''
  _cfn_state[said]=''
  if [[ ${_cfn_state[pid]-} != "$BASHPID" ]]; then _cfn_new_writer; fi
  for _cfn_reason in invalid refused full; do
    ((${_cfn_state[drop.$_cfn_reason]} > 0)) || continue
    _cfn_line='{"timestamp":"'$_cfn_time${_cfn_head%'","metric":"'*}'","metric":"cfn.metrics.dropped","value":'
    _cfn_line+=${_cfn_state[drop.$_cfn_reason]}',"unit":"{record}","type":"counter","attributes":{"reason":"'
    _cfn_line+=$_cfn_reason'"},"start":"'${_cfn_state[since]}'","writer":"'${_cfn_state[writer]}'"}'
    if _cfn_append; then _cfn_state[drop.$_cfn_reason]=0; else _cfn_kept=1; fi
  done
  _cfn_state[unsettled]=$_cfn_kept
  if [[ -z $_cfn_kept ]]; then _cfn_state[since]=$_cfn_time; fi
}

# Says one line on stderr: a text, and what came in, quoted and never long.
_cfn_say() {
  [[ -z ${_cfn_quiet-} ]] || return 0
  # In C, %q leaves nothing but printable ASCII: no escape sequence reaches a terminal.
  local _cfn_got=''
  _cfn_is_c || local LC_ALL=C
  if (($# > 1)); then builtin printf -v _cfn_got ' %q' "${2:0:100}"; fi
  if (($# > 1 && ${#2} > 100)); then _cfn_got+=...; fi
  _cfn_tell "${_cfn_name:-emit_metric}: $1$_cfn_got"
}

# A fork, for a line that is rare: where nobody reads stderr any more, SIGPIPE would end the caller.
_cfn_tell() { (trap '' PIPE; builtin printf '%s\n' "$1" >&2) }

# The same, but until something is stored only once: an agent on a full file system does not fill its log too.
_cfn_say_once() {
  if [[ ${_cfn_state[said]-} == *"|$1|"* ]]; then return 0; fi
  _cfn_state[said]+="|$1|" _cfn_state[unsettled]=1
  _cfn_say "$@"
}

# Bad arguments: said each time, for each is a mistake of its own.
_cfn_invalid() {
  _cfn_say "$@"
  _cfn_drop invalid
}
