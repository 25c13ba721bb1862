#!/bin/sh
# What the guest with systemd is for: the tests, or a shell on the console. When that is over, so is the
# guest, at once: there is nothing to be saved.
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
