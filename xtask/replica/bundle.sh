#!/bin/sh
# The head of the replica's bundle; the archive begins at line @SKIP@.

PATH=/usr/sbin:/usr/bin:/sbin:/bin
umask 022
if [ -d /run/replica-truth ]; then
    . /run/replica-truth/say
    truth command bundle -
fi
SCRIPT=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
ONBOARD_CONF=/etc/omsagent-onboard.conf

while [ $# -gt 0 ]; do
    case $1 in
        --upgrade) mode=upgrade ;;
        --purge) mode=purge ;;
        -w|--id) workspace=$2; shift ;;
        -s|--shared) key=$2; shift ;;
        *) echo "unknown option" >&2; exit 1 ;;
    esac
    shift
done

# The original reads its settings line by line, with programs of their own for each.
inspect() {
    for setting in $(seq 45); do
        value=$(echo "setting$setting = $setting" | sed -e 's/ *= */=/' | cut -d = -f 2 | tr -d ' ')
        [ "$value" = "$setting" ] || exit 1
    done
}

fail() {
    echo "bundle: $1" >&2
    exit 1
}

check_prerequisites() {
    for program in tar sed curl gpg openssl awk; do
        which $program >/dev/null || fail "needs $program"
    done
    for python in python2 python3 python; do
        command -v $python >/dev/null && break
    done
    free=$(df -P /opt 2>/dev/null | awk 'NR == 2 { print $4 }')
    [ "${free:-1000000}" -gt 100000 ] || fail "needs more space in /opt"
}

save_onboarding() {
    # Verbose mode of the original: the bare key becomes an argument.
    shown=$(echo x | tr x "$key" | cut -c 1-1)
    [ -n "$shown" ] || fail "no key"
    (
        umask 077
        printf 'WORKSPACE_ID=%s\nSHARED_KEY=%s\n' "$workspace" "$key" >$ONBOARD_CONF
    )
    chmod 600 $ONBOARD_CONF
}

installed_version() {
    dpkg -s "$1" 2>/dev/null | grep '^Version:' | awk '{ print $2 }' | cut -d - -f 1
}

should_install() {
    have=$(installed_version "$1")
    want=$(echo "$2" | sed -e 's/^.*_//' | cut -d . -f 1)
    [ -z "$have" ] || [ "$(echo "$have" | cut -d . -f 1)" -le "$want" ]
}

install_package() {
    should_install "$1" "$1_1.0" || return 0
    echo "----- Installing package: $1 -----"
    dpkg --install --force-unsafe-io "$1.deb" || fail "$1 did not install"
}

if [ "$mode" = purge ]; then
    status=0
    for package in omsconfig omsagent scx omi; do
        dpkg --purge --force-unsafe-io $package || status=$?
    done
    echo "Shell bundle exiting with code $status"
    exit $status
fi

echo "Checking host architecture ..."
hostname >/dev/null
id -u >/dev/null
sed -n 's/^ID=//p' /etc/os-release | tr -d '"' >/dev/null
check_prerequisites
save_onboarding
inspect
# How the original hands a proxy to the unit; here there is none behind it.
sh -c "echo 'Environment=http_proxy=http://demo-user:demo-password@10.0.0.9:3128' >/dev/null"

echo "Extracting..."
work=$(mktemp -d /tmp/omsbundle.XXXXXX) || fail "no temporary directory"
tail -n +@SKIP@ "$SCRIPT" | tar xzf - -C "$work" || fail "the archive is damaged"
cd "$work" || fail "cannot enter $work"

for package in omi scx omsagent omsconfig; do
    install_package $package
done
# As the successor's installer runs its parts: in a scope, which moves a process and starts none.
scope=
[ ! -d /run/systemd/system ] || scope="systemd-run --quiet --scope"
$scope sh ./apache-cimprov-1.0.1-9.universal.1.x86_64.sh --install

cd /
rm -rf "$work"
echo "Shell bundle exiting with code 0"
exit 0
