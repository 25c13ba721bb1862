#!/bin/sh
# The command of `arm64.trace`. It was recorded as root in the guest of `cargo xtask vm --arch arm64
# --kernel 6.1 --shell`, in network, PID, mount and UTS namespaces with the name corpus.example, and
# with a boot id of zeros as in record.sh. `arm64.py` lay at /mnt/scene.py, and this at
# /mnt/scene.sh.
echo words | cat | sed -e s/w/W/
/bin/true 'two
lines' "$(printf '\033[31mred')" "$(printf 'caf\351')" ''
/bin/missing --password 0123 2>/dev/null
setsid sh -c 'sleep 0.3; /bin/true late; exec sleep 0.7' >/dev/null 2>&1 &
su nobody -s /bin/sh -c 'exit 3'
/bin/true -s MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMw==
python3 /mnt/scene.py
echo '* * * * * root /bin/true' >/etc/cron.d/scene
sh -c 'kill -KILL $$'
exit 7
