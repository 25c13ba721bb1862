#!/bin/sh
# Runs the tests in a guest and prints the results on the second serial line, without the kernel's
# messages. Each kind of guest powers off by itself.
#
# The kernel's command line names lines and tests: one image serves several guests.
for word in $(cat /proc/cmdline); do
    case $word in
        tests.modules=*) export TRACER_TESTS_MODULES="${word#*=}" ;;
        tests.console=*) console=/dev/${word#*=} ;;
        tests.answers=*) answers=/dev/${word#*=} ;;
    esac
done
stty -F "$answers" raw
exec 3>"$answers"
# Uptime in tenths of a second.
now() { cut -d' ' -f1 /proc/uptime | tr -d . | sed 's/.$//'; }
echo "@doctor" >&3
begun=$(now)
/tests/tracer doctor --format json >&3
# Times of tests have this factor. A calm machine takes two or three seconds for the hooks.
slow=$((($(now) - begun) / 6))
[ $slow -ge 5 ] || slow=5
[ $slow -le 20 ] || slow=20
echo "@tests" >&3
# A guest must be able to do everything that every CI machine can.
export CI=true TRACER_TESTS_SLOW=$slow TRACER=/tests/tracer TRACER_TESTS_CORPUS=/tests/corpus TRACER_TESTS_REPLICA=/tests/replica
# Lines on the console show that the tests go on, also during a long test.
export TRACER_TESTS_PROGRESS=$console
xargs -0 /tests/tracer-tests --color never </tests/arguments >&3 2>/run/stderr
status=$?
# Last, because it cannot be undone.
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
# Closing the line waits for its last byte.
exec 3>&-
