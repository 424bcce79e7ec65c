#!/usr/bin/env bash
# Runs one of the tests in roadmap.sh where /dev/shm and /metrics are its own, and the machine's are not touched:
#
#   unshare --user --map-root-user --mount --pid --fork bash test/design/namespace.sh DIRECTORY TEST
#
# The root directory is DIRECTORY, an empty one, with everything of the old one in it. CFN_METRICS_CLI is the command that is built.
set -euo pipefail
package=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

if [[ ${CFN_DESIGN_ROOT-} != ready ]]; then
  root=$1
  mount -t tmpfs tmpfs "$root"
  for entry in /*; do
    if [[ -L $entry ]]; then
      cp -P "$entry" "$root$entry"
    elif [[ -d $entry ]]; then
      mkdir "$root$entry"
      mount --rbind "$entry" "$root$entry"
    fi
  done
  mount -t tmpfs tmpfs "$root/dev/shm"
  if [[ ! -d $root/metrics ]]; then mkdir "$root/metrics"; fi
  mount -t tmpfs tmpfs "$root/metrics"
  mkdir "$root/metrics/archive"
  CFN_DESIGN_ROOT=ready exec chroot "$root" bash "$package/test/design/namespace.sh" "$2"
fi

# Names of files have the date in UTC.
export TZ=UTC
export CFN_METRICS_CLI=${CFN_METRICS_CLI:-$package/dist/cli/index.cjs}
export CFN_METRICS_ALERT_DIR=/metrics/alert
# shellcheck source=../../src/shell/cfn-metrics.sh
source "$package/src/shell/cfn-metrics.sh"
# shellcheck source=roadmap.sh
source "$package/test/design/roadmap.sh"

if [[ $1 == test_alert_threshold ]]; then
  # What the design has running in the background, as it comes.
  node "$CFN_METRICS_CLI" alert &
  while [[ ! -s $CFN_METRICS_ALERT_DIR/state.json ]]; do sleep 0.1; done
fi
"$1"
