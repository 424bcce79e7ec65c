#!/usr/bin/env bash
# Before a segment leaves the archive: keeps it for whoever counts. Arguments: directory to keep it in, segment.
set -euo pipefail
segment=$2
exec ln -f "$segment" "$1/$(stat -c '%i-%Y-%s' "$segment")-${segment##*/}"
