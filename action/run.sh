#!/usr/bin/env bash
# Records a command and checks it. The status is that of the command or, if that is 0, the answer of
# the check at the end of the recording: what the command does to files later changes nothing in it.
set -euo pipefail

place="$RUNNER_TEMP/tracer"
trace="$place/it.trace"
policy="${TRACER_POLICY:-tracer-policy.toml}"
summary="${GITHUB_STEP_SUMMARY:-/dev/null}"
mkdir -p "$place"
echo "trace=$trace" >> "$GITHUB_OUTPUT"

if ! program="$(command -v "$TRACER")"; then
    echo "::error title=tracer::there is no $TRACER in PATH: install it in a step before"
    exit 127
fi
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
    "${as_root[@]}" "$program" record "${options[@]}" -- sh -c "$TRACER_COMMAND" \
    || status=$?
echo "::$token::"

if [ ! -e "$trace" ]; then
    echo "::error title=tracer::there is no trace: status $status"
    exit "$(( status == 0 ? 125 : status ))"
fi
if [ ! -e "$policy" ]; then
    "$program" policy new "$trace" --output "$place/tracer-policy.toml" --force || true
    echo "::error title=tracer::there is no policy: review the one in the artefact and commit it"
    {
        echo "### tracer: there is no policy"
        echo
        echo "Review \`tracer-policy.toml\` in the artefact, narrow it, and commit it as" \
            "\`$policy\`. It allows all that this run did."
    } >> "$summary"
    exit "$(( status == 0 ? 2 : status ))"
fi

# Annotations and the summary; the answer above stands.
checked=0
"$program" check "$trace" --policy "$policy" --format github \
    --proposal "$place/proposal.toml" --force || checked=$?
if [ "$checked" = 0 ]; then
    # It is the policy.
    rm -f "$place/proposal.toml"
fi
# The recorder ends with the status of the check, too, where that of the command is 0.
if [ "$status" != 0 ] && [ "$status" != "$checked" ]; then
    echo "::error title=tracer::the command, or its recording, ended with status $status"
    echo "The command, or its recording, ended with status $status." >> "$summary"
fi
if [ "$status" = 0 ] && [ "$checked" != 0 ]; then
    status="$checked"
fi
exit "$status"
