#!/bin/sh
# Runs the tests, or a shell on the console, in the guest with systemd. Then it powers the guest off
# at once: there is nothing to save.
export HOME=/root TERM=linux
cd /root
for module in /tests/modules/"$(uname -r)"/*.ko; do insmod "$module"; done
if [ -e /tests/interactive ]; then
    echo
    echo "Linux $(uname -r), systemd. \`tracer\` and \`tracer-tests\` are in PATH; \`exit\` powers off."
    PATH=$PATH:/tests TRACER=/tests/tracer TRACER_TESTS_CORPUS=/tests/corpus \
        TRACER_TESTS_REPLICA=/tests/replica sh
else
    /tests/answer
fi
sync
systemctl poweroff --force --force
