#!/bin/sh
# Installs a package under a running systemd, starts and stops its service, and purges it. The
# argument is the package. Ends with an error at the first thing that is not as it should be.
set -e
package=$1 unit=agent-tracer.service
segments=/var/lib/tracer

fail() {
    echo "serviced.sh: $*" >&2
    systemctl status --no-pager --full "$unit" >&2 || :
    exit 1
}
is() {
    [ "$(systemctl show --value --property "$1" "$unit")" = "$2" ] ||
        fail "$1 is not $2"
}
count() {
    find "$segments" -name '*.trace' | wc -l
}

dpkg --install "$package" >/dev/null
is LoadState loaded
is UnitFileState disabled
is ActiveState inactive

# Returns once the service says that it is ready.
systemctl enable --now "$unit" 2>/dev/null
is ActiveState active
/bin/true serviced-first
[ "$(count)" = 1 ] || fail "there is not one segment"
systemctl reload "$unit"
tries=0
while [ "$(count)" != 2 ]; do
    tries=$((tries + 1))
    [ $tries -lt 100 ] || fail "a reload begins no segment"
    sleep 0.1
done
sleep 1
/bin/true serviced-second
sleep 1

# A kill is a failure, after which systemd starts it again.
systemctl kill --signal=KILL "$unit"
tries=0
while [ "$(count)" != 3 ] || ! systemctl is-active --quiet "$unit"; do
    tries=$((tries + 1))
    [ $tries -lt 300 ] || fail "it is not started again"
    sleep 0.1
done
/bin/true serviced-third
sleep 1
systemctl stop "$unit"
is Result success
for mark in first second third; do
    found=0
    for segment in "$segments"/*.trace; do
        found=$((found + $(tracer replay "$segment" --event exec 2>/dev/null |
            grep -c "serviced-$mark" || :)))
    done
    [ $found = 1 ] || fail "the program $mark is in $found segments"
done

systemctl start "$unit"
dpkg --purge agent-tracer >/dev/null
is LoadState not-found
for file in $segments /etc/tracer /usr/bin/tracer /run/tracer \
    /etc/systemd/system/multi-user.target.wants/$unit; do
    [ ! -e "$file" ] || fail "$file is left behind"
done
pgrep -x tracer && fail "the recorder is left behind"
exit 0
