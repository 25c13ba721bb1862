#!/bin/sh
# PID 1 of the plain guest: prepares the machine for the tests, runs them, and powers off.
export PATH=/usr/sbin:/usr/bin HOME=/root TERM=linux

mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
mount -t devpts none /dev/pts
mount -t tmpfs none /dev/shm
mount -t tmpfs none /tmp
mount -t tmpfs none /run
mount -t cgroup2 none /sys/fs/cgroup
mount -t bpf none /sys/fs/bpf
mount -t tracefs none /sys/kernel/tracing
mount -t securityfs none /sys/kernel/security
ip link set lo up
for module in /tests/modules/"$(uname -r)"/*.ko; do insmod "$module"; done
hostname guest
cd /root

if [ -e /tests/interactive ]; then
    echo
    echo "Linux $(uname -r). \`tracer\` and \`tracer-tests\` are in PATH; \`exit\` powers off."
    PATH=$PATH:/tests TRACER=/tests/tracer TRACER_TESTS_CORPUS=/tests/corpus setsid cttyhack sh
else
    /tests/answer
fi
sync
poweroff -f
