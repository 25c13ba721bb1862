#!/bin/sh
# The recorded scene: the install, and then every other means to make systemd or cron start a
# program, each once and under its own name. Arguments are the workspace and its key.
. /run/replica-truth/say
truth command scene -
UNITS=/etc/systemd/system

sh /root/onboard_agent.sh -w "$1" -s "$2" || exit 1

# Requests units: the units, and the command that requests them.
ask() {
    sh -c '. /run/replica-truth/say; units=$1; shift; truth_asks "$units" "$@"' sh "$@"
}

# A service that logs itself and ends. The shell itself writes the file.
service() {
    name=$1
    shift
    {
        echo "[Unit]"
        echo "Description=$name"
        for line in "$@"; do
            case $line in Wants=*|Requires=*|After=*) echo "$line" ;; esac
        done
        echo "[Service]"
        echo "Type=oneshot"
        echo "ExecStart=/bin/sh /run/scene/job %n service %n"
        for line in "$@"; do
            case $line in Exec*) echo "$line" ;; esac
        done
        echo "[Install]"
        echo "WantedBy=multi-user.target"
        for line in "$@"; do
            case $line in Alias=*) echo "$line" ;; esac
        done
    } >"$UNITS/$name"
}

# Starts a service of the same name by a timer, a socket or a path.
trigger() {
    {
        echo "[Unit]"
        echo "Description=$1"
        echo "[$2]"
        echo "$3"
        [ -z "$4" ] || echo "$4"
    } >"$UNITS/$1"
}

# An agent that no rule knows.
dpkg --install --force-unsafe-io /run/scene/acme-agent.deb || exit 1

# A job of cron, which sees the changed directory at the next minute.
echo '* * * * * root /bin/sh /run/scene/job command cron -' >/etc/cron.d/scene

for name in service invoke deb unblocked a b c d e wanted required timed path; do
    service ship-$name.service
done
service ship-real.service Alias=ship-alias.service
service ship@.service
service ship-top.service Wants=ship-wanted.service Requires=ship-required.service
# Accepts the connection that started it, or systemd would start it again.
service ship-socket.service \
    "ExecStart=/usr/bin/perl -e 'open(S, \"+<&=3\"); accept(C, S)'"
trigger ship-timed.timer Timer OnActiveSec=1s AccuracySec=100ms
trigger ship-socket.socket Socket ListenStream=/run/ship.socket
trigger ship-path.path Path PathModified=/run/ship.flag
: >/run/ship.flag
systemctl daemon-reload
systemctl enable ship-real ship-deb ship-invoke

ask ship-service.service service ship-service start
ask ship-invoke.service invoke-rc.d ship-invoke start
ask ship-deb.service deb-systemd-invoke start ship-deb.service
ask ship-real.service systemctl start ship-alias
ask ship@1.service systemctl start ship@1
ask ship-unblocked.service systemctl --no-block start ship-unblocked
ask "ship-a.service ship-b.service ship-c.service" systemctl start ship-a ship-b ship-c
ask ship-d.service systemctl start ship-d &
ask ship-e.service systemctl start ship-e &
wait
ask "ship-top.service ship-wanted.service ship-required.service" systemctl start ship-top

ask "ship-timed.timer ship-socket.socket ship-path.path" \
    systemctl start ship-timed.timer ship-socket.socket ship-path.path
echo changed >/run/ship.flag
perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); connect(S, sockaddr_un("/run/ship.socket")); <S>'
exit 0
