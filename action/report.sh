#!/usr/bin/env bash
# Writes the report on the trace for the artefact.
set -euo pipefail

trace="$RUNNER_TEMP/tracer/it.trace"
if [ ! -e "$trace" ]; then
    echo "there is no trace, so there is no report"
    exit 0
fi
# A damaged trace has a report, too.
"$TRACER" report "$trace" --format html --output "$RUNNER_TEMP/tracer/report.html" --force \
    || echo "the report is not complete: status $?"
