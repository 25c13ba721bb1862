#!/bin/sh
# Records traces of this directory in a sandbox; as root, with TRACER and TESTS naming the two
# programs. Only for new traces: existing ones stay as they are.
set -eu

if [ "${1-}" != inside ]; then
    cd "$(dirname "$0")"
    export TRACER TESTS
    exec "$TESTS" act within named corpus.example net pids -- sh record.sh inside
fi

here=$PWD
mount -t tmpfs none /mnt
cp "$TRACER" /mnt/tracer
cp "$TESTS" /mnt/tests
# The only line of a header that identifies a machine.
echo 00000000-0000-4000-8000-000000000000 >/mnt/boot_id
mount --bind /mnt/boot_id /proc/sys/kernel/random/boot_id
cat >/mnt/scene.sh <<'SCENE'
echo words | cat | sed -e s/w/W/
/bin/true 'two
lines' "$(printf '\033[31mred')" "$(printf 'caf\351')" ''
sleep 0.15
setsid sh -c 'sleep 0.2; /bin/true late; exec sleep 0.5' >/dev/null 2>&1 &
/mnt/tests act as-user 65534 65534 /bin/sh -c 'exit 3'
/mnt/tests act rename 'a name' 'of a thread'
/mnt/tests act exec-in-thread /bin/true
/bin/true -s MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMw==
sleep 0.15
/mnt/tests act serve 127.0.0.1:8080 2 &
sleep 0.05
/mnt/tests act dial exchange 127.0.0.1:8080 mapped 127.0.0.1:8080
/mnt/tests act dial plain 127.0.0.1:1 plain '[::1]:1' impatient 192.0.2.7:443
sh -c 'kill -KILL $$'
exit 7
SCENE
cd /
export PATH=/usr/bin:/bin
/mnt/tracer record -q -o /mnt/scene.trace --linger 300ms -- sh /mnt/scene.sh >/dev/null || [ $? -eq 7 ]
/mnt/tracer record -q -o /mnt/cut.trace -- /mnt/tests act long-argument 200000
/mnt/tracer record -q -o /mnt/killed.trace -- sh -c '/bin/true; sleep 2' &
recorder=$!
while [ ! -s /mnt/killed.trace ]; do sleep 0.05; done
sleep 0.5
kill -KILL $recorder
wait $recorder 2>/dev/null || true
size=$(stat -c %s /mnt/scene.trace)
head -c $((size - 100)) /mnt/scene.trace >/mnt/torn.trace
cp /mnt/scene.trace /mnt/damaged.trace
printf '\377' | dd of=/mnt/damaged.trace bs=1 seek=$((size * 3 / 4)) conv=notrunc 2>/dev/null
cp /mnt/scene.trace /mnt/newer.trace
printf '\002' | dd of=/mnt/newer.trace bs=1 seek=8 conv=notrunc 2>/dev/null
for name in scene cut killed torn damaged newer; do
    [ -e "$here/$name.trace" ] || cat "/mnt/$name.trace" >"$here/$name.trace"
done
