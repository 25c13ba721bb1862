#!/bin/sh
# Ends the daemons, as they were started.
systemctl stop ssh.socket ssh rpcbind.socket rpcbind nginx snmpd tinyproxy redis-server memcached
export SYSTEMCTL_SKIP_REDIRECT=1
for name in mini-httpd lighttpd dnsmasq; do
    /etc/init.d/$name stop
done
