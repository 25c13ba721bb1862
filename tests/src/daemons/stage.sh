#!/bin/sh
# Installs the packages of a directory, and gives the machine a network with a peer. It is for a
# sandbox that is thrown away. No daemon starts before the recording.
set -e
packages=$1
export DEBIAN_FRONTEND=noninteractive
# `invoke-rc.d` asks it.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d
# Indexes of manuals are not needed.
dpkg --install --no-triggers --force-unsafe-io --force-confnew "$packages"/*.deb
rm /usr/sbin/policy-rc.d

ip netns add peer
for inside in "" "ip netns exec peer"; do
    $inside sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'
done
ip link add local0 type veth peer name remote0 netns peer
ip link set local0 up
ip addr add 192.0.2.1/24 dev local0
ip addr add 2001:db8:1::1/64 dev local0
ip -n peer link set lo up
ip -n peer link set remote0 up
ip -n peer addr add 192.0.2.2/24 dev remote0
ip -n peer addr add 2001:db8:1::2/64 dev remote0

sed -i 's/^-l .*/-l 0.0.0.0\n-l ::\n-U 11211/' /etc/memcached.conf
# It asks its master every second.
sed -i 's/^bind .*/bind 0.0.0.0 ::/; s/^protected-mode .*/protected-mode no/
    $areplicaof 192.0.2.2 6379' /etc/redis/redis.conf
printf '%s\n' no-resolv no-hosts server=192.0.2.2 bind-dynamic >/etc/dnsmasq.d/peer.conf
sed -i 's/^server.port .*/server.port = 8080/' /etc/lighttpd/lighttpd.conf
printf '%s\n' 'server.max-worker = 2' 'server.max-keep-alive-idle = 600' \
    >/etc/lighttpd/conf-enabled/99-peer.conf
sed -i 's/^host=.*/host=0.0.0.0/; s/^port=.*/port=8081/' /etc/mini-httpd.conf
echo START=1 >>/etc/default/mini-httpd
sed -i 's/^Port .*/Port 8888/; /^Allow/d' /etc/tinyproxy/tinyproxy.conf
printf '%s\n' 'agentaddress udp:161,udp6:161' 'rocommunity public' 'rocommunity6 public' \
    'trap2sink 192.0.2.2 public' >/etc/snmp/snmpd.conf
rm -f /etc/nginx/sites-enabled/*
printf '%s\n' 'server { listen 8082; listen [::]:8082; keepalive_timeout 600;' \
    'location / { root /var/www/html; } location /up { proxy_pass http://192.0.2.2/; } }' \
    >/etc/nginx/conf.d/peer.conf
systemctl daemon-reload
