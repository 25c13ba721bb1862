#!/usr/bin/env bash
# Records a command and checks it. The status is that of the command or, if that is 0, the answer of
# the check at the end of the recording: what the command does to files later changes nothing in it.
set -euo pipefail

place="$RUNNER_TEMP/tracer"
trace="$place/it.trace"
policy="${TRACER_POLICY:-tracer-policy.toml}"
mkdir -p "$place"
echo "trace=$trace" >> "$GITHUB_OUTPUT"

options=(--force --digest --output "$trace")
if [ -n "${TRACER_LINGER:-}" ]; then
    options+=(--linger "$TRACER_LINGER")
fi
if [ -e "$policy" ]; then
    options+=(--policy "$policy")
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
    as_root=(sudo --preserve-env --)
fi

# The command has no business with the files of the runner, and its output is no workflow command.
token="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
echo "::stop-commands::$token"
status=0
env -u GITHUB_OUTPUT -u GITHUB_ENV -u GITHUB_PATH -u GITHUB_STATE -u GITHUB_STEP_SUMMARY \
    "${as_root[@]}" "$(command -v "$TRACER")" record "${options[@]}" -- sh -c "$TRACER_COMMAND" \
    || status=$?
echo "::$token::"

if [ ! -e "$trace" ]; then
    echo "::error title=tracer::there is no trace: status $status"
    exit "$(( status == 0 ? 125 : status ))"
fi
if [ ! -e "$policy" ]; then
    "$TRACER" policy new "$trace" --output "$place/tracer-policy.toml" --force || true
    echo "::error title=tracer::there is no policy: review the one in the artefact and commit it"
    exit "$(( status == 0 ? 2 : status ))"
fi

# Annotations and the summary; the answer above stands.
checked=0
"$TRACER" check "$trace" --policy "$policy" --format github \
    --proposal "$place/proposal.toml" --force || checked=$?
if [ "$status" = 0 ] && [ "$checked" != 0 ]; then
    status="$checked"
fi
exit "$status"
