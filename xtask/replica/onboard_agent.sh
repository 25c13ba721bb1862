#!/bin/sh
# A replica of the OMS agent's onboard_agent.sh: fetches the bundle for this
# architecture and runs it. Only for `cargo xtask demo`, inside its
# sandbox, and for the guests of `cargo xtask vm`.

if [ -d /run/replica-truth ]; then
    . /run/replica-truth/say
    truth command onboard_agent -
fi
BUNDLE=omsagent-1.13.9-0.universal.x64.sh
RELEASE=http://github.com/microsoft/OMS-Agent-for-Linux/releases/download/OMSAgent_v1.13.9-0

usage() {
    echo "usage: $0 -w WORKSPACE_ID -s SHARED_KEY" >&2
    exit 1
}

while getopts "w:s:" option; do
    case $option in
        w) workspace=$OPTARG ;;
        s) key=$OPTARG ;;
        *) usage ;;
    esac
done
[ -n "$workspace" ] && [ -n "$key" ] || usage

# The original takes sudo even as root, through a test that dash fails.
SUDO=
if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    SUDO=sudo
fi

case $(uname -m) in
    x86_64|aarch64) ;;
    *) echo "no bundle for $(uname -m)" >&2; exit 1 ;;
esac
echo "Downloading $BUNDLE"
wget -O "$BUNDLE" "$RELEASE/$BUNDLE" || exit 1
$SUDO sh ./$BUNDLE --upgrade -w "$workspace" -s "$key"
