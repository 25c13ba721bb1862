#!/bin/sh
# Onboards this machine to the workspace that /etc/omsagent-onboard.conf names.

if [ -d /run/replica-truth ]; then
    . /run/replica-truth/say
    truth command omsadmin -
fi
RUBY=/opt/microsoft/omsagent/ruby/bin/ruby
HOME_OF_ALL=/opt/microsoft/omsagent
. /etc/omsagent-onboard.conf

VAR=/var/opt/microsoft/omsagent/$WORKSPACE_ID
ETC=/etc/opt/microsoft/omsagent/$WORKSPACE_ID

# The original reads its settings line by line, with programs of their own for each.
inspect() {
    for setting in $(seq 45); do
        value=$(echo "setting$setting = $setting" | sed -e 's/ *= */=/' | cut -d = -f 2 | tr -d ' ')
        [ "$value" = "$setting" ] || exit 1
    done
}

make_directories() {
    mkdir -p "$VAR/run" "$VAR/log" "$VAR/state" "$ETC/conf" "$ETC/certs"
    sed -e "s/%WORKSPACE_ID%/$WORKSPACE_ID/" /etc/opt/microsoft/omsagent/sysconf/omsagent.conf \
        >"$ETC/conf/omsagent.conf"
    chown -R omsagent:omsagent "$VAR" "$ETC"
}

make_certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj "/CN=$WORKSPACE_ID" \
        -keyout "$ETC/certs/oms.key" -out "$ETC/certs/oms.crt"
    chmod 600 "$ETC/certs/oms.key"
    chown omsagent:omsagent "$ETC/certs/oms.key" "$ETC/certs/oms.crt"
    # A whole certificate, line ends and all, as one argument.
    expr length "$(cat "$ETC/certs/oms.crt")" >/dev/null
}

describe_machine() {
    hostname -f >/dev/null 2>&1
    dmidecode -s system-uuid
    /opt/omi/bin/omicli ei root/scx SCX_OperatingSystem | grep -c instance >/dev/null
    netstat -an | grep -c 01 >/dev/null
    $RUBY $HOME_OF_ALL/plugin/agent_topology_request.rb -o "$ETC/topology.xml" -w "$WORKSPACE_ID"
    echo "<LinuxAgentTopologyRequest><FullyQualifiedDomainName>$(hostname)</FullyQualifiedDomainName></LinuxAgentTopologyRequest>" \
        >"$ETC/topology.xml"
}

request_topology() {
    # A signature in the form of the real one; this service checks none.
    signature=$(date +%s%N | sha256sum | cut -c 1-43)=
    curl --insecure \
        -H "x-ms-Date: $(date -u +%Y-%m-%dT%T.0000000Z)" \
        -H "x-ms-version: August, 2014" \
        -H "Authorization: $WORKSPACE_ID; $signature" \
        -H "User-Agent: LinuxMonitoringAgent/1.13.9-0" \
        --cert "$ETC/certs/oms.crt" --key "$ETC/certs/oms.key" \
        --data-binary "@$ETC/topology.xml" --output "$ETC/answer.xml" \
        "https://$WORKSPACE_ID.oms.opinsights.azure.com/AgentService.svc/LinuxAgentTopologyRequest"
}

configure_system() {
    # Before the package that has this program. A test has no quarter of an hour.
    echo "${REPLICA_MINUTES:-*/15} * * * * omsagent /opt/omi/bin/OMSConsistencyInvoker >/dev/null 2>&1" \
        >/etc/cron.d/OMSConsistencyInvoker
    cat >"/etc/logrotate.d/omsagent-$WORKSPACE_ID" <<ROTATE
$VAR/log/omsagent.log {
    rotate 5
    missingok
    copytruncate
}
ROTATE
}

make_directories
make_certificate
inspect
/opt/omi/bin/service_control restart
describe_machine
status=$(request_topology)
[ "$status" = 200 ] || { echo "Error during the onboarding request: $status" >&2; exit 1; }
echo "Onboarding success"
configure_system
rm -f /etc/omsagent-onboard.conf
$HOME_OF_ALL/bin/service_control start "$WORKSPACE_ID"
