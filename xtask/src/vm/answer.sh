#!/bin/sh
# Runs the tests in a guest and says on the second serial line what came out. Nothing of the kernel's
# gets onto that line. It powers nothing off: how that is done, each kind of guest knows.
stty -F /dev/ttyS1 raw
exec 3>/dev/ttyS1
echo "@doctor" >&3
/tests/tracer doctor --format json >&3
echo "@tests" >&3
# Which tests, the kernel's command line says: one image serves several guests.
for word in $(cat /proc/cmdline); do
    case $word in
        tests.modules=*) export TRACER_TESTS_MODULES="${word#*=}" ;;
    esac
done
# What every machine for the continuous integration must be able to do, a guest must.
export CI=true TRACER_TESTS_SLOW=1 TRACER=/tests/tracer TRACER_TESTS_CORPUS=/tests/corpus TRACER_TESTS_REPLICA=/tests/replica
# Lines on the console say that the tests go on, also while one of them takes long.
export TRACER_TESTS_PROGRESS=/dev/ttyS0
xargs -0 /tests/tracer-tests --color never </tests/arguments >&3 2>/run/stderr
status=$?
# Last, because there is no way back from it.
last=lockdown::lockdown_is_reported
case "${TRACER_TESTS_MODULES:-$last}" in
*lockdown*)
    case $last in
    *"$(tr -d '\0' </tests/arguments)"*)
        touch /run/tracer-tests-may-lock-down
        /tests/tracer-tests --color never --exact $last >&3 2>>/run/stderr || status=$?
        ;;
    esac
    ;;
esac
echo "@ended $status" >&3
cat /run/stderr >&3
echo "@over" >&3
# Closes the line, which is emptied then.
exec 3>&-
