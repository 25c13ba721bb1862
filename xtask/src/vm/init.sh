#!/bin/sh
# PID 1 of the plain guest: makes the world that the tests expect, runs them, says on the second serial
# line what came out, and powers off. Nothing of the kernel's gets onto that line.
export PATH=/usr/sbin:/usr/bin HOME=/root TERM=linux

mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts none /dev/pts
mount -t tmpfs none /dev/shm
mount -t tmpfs none /tmp
mount -t tmpfs none /run
mount -t cgroup2 none /sys/fs/cgroup
mount -t bpf none /sys/fs/bpf
mount -t tracefs none /sys/kernel/tracing
mount -t securityfs none /sys/kernel/security
ip link set lo up
hostname guest
cd /root

if [ -e /tests/interactive ]; then
    echo
    echo "Linux $(uname -r). \`tracer\` and \`tracer-tests\` are in PATH; \`exit\` powers off."
    PATH=$PATH:/tests TRACER=/tests/tracer TRACER_TESTS_CORPUS=/tests/corpus setsid cttyhack sh
else
    stty -F /dev/ttyS1 raw
    exec 3>/dev/ttyS1
    echo "@doctor" >&3
    /tests/tracer doctor --format json >&3
    echo "@tests" >&3
    # What every machine for the continuous integration must be able to do, a guest must.
    export CI=true TRACER=/tests/tracer TRACER_TESTS_CORPUS=/tests/corpus
    xargs -0 /tests/tracer-tests --color never </tests/arguments >&3 2>/run/stderr
    status=$?
    # Last, because there is no way back from it.
    last=lockdown::what_is_said_of_it
    case $last in
    *"$(tr -d '\0' </tests/arguments)"*)
        touch /run/tracer-tests-may-lock-down
        /tests/tracer-tests --color never --exact $last >&3 2>>/run/stderr || status=$?
        ;;
    esac
    echo "@ended $status" >&3
    cat /run/stderr >&3
    echo "@over" >&3
fi
# Closes the lines, which are emptied then.
exec 3>&-
sync
poweroff -f
