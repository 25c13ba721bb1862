#!/bin/sh
# Starts the daemons, and waits until all of them listen: three by their init scripts, five by their
# units, and two by sockets.
export SYSTEMCTL_SKIP_REDIRECT=1
for name in dnsmasq lighttpd mini-httpd; do
    /etc/init.d/$name start || exit 1
done
systemctl start memcached redis-server tinyproxy snmpd nginx rpcbind.socket ssh.socket || exit 1
for port in 22 53 111 6379 8080 8081 8082 8888 11211; do
    until ss -Hltn "sport = :$port" | grep -q .; do sleep 0.1; done
done
until ss -Hlun 'sport = :161' | grep -q .; do sleep 0.1; done
echo "all daemons listen" >&2
