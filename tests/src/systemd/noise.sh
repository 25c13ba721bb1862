#!/bin/sh
# An unrelated install at the same time: the service of a timer that existed before.
. /run/replica-truth/say
truth system noise noise.service
mkdir -p /opt/noise
dpkg-deb --extract /run/scene/acme-agent.deb /opt/noise
count=0
while [ $count -lt 100 ]; do
    sh /run/scene/job system noise noise.service
    count=$((count + 1))
done
