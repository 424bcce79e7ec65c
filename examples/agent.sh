#!/usr/bin/env bash
# An agent in bash. Installed from npm, the first line would be: eval "$(npx cfn-emit --init)"
source "${BASH_SOURCE[0]%/*}/../src/shell/cfn-metrics.sh"

emit_metric "${CFN_AGENT_ID:-42}" coordination_time_ms 8031 ms phase=plan
emit_metric coder-7a message_delivery_rate .94
echo "agent 42 writes to shard $(get_metrics_shard 42)"
