//! Writes a CiliumNetworkPolicy: hosts by name, other destinations by address.

use std::net::IpAddr;

use super::Destinations;

pub(super) fn write(destinations: &Destinations) -> String {
    let mut text = String::new();
    for note in destinations.notes() {
        text.push_str(&format!("# {note}\n"));
    }
    text.push_str(
        "apiVersion: cilium.io/v2\n\
         kind: CiliumNetworkPolicy\n\
         metadata:\n  name: tracer-destinations\n\
         spec:\n  endpointSelector: {} # narrow it to the agent's pods\n  egress:\n\
         \x20   # Rules by name need the answers of the DNS proxy.\n\
         \x20   - toEndpoints:\n\
         \x20       - matchLabels:\n\
         \x20           \"k8s:io.kubernetes.pod.namespace\": kube-system\n\
         \x20           \"k8s:k8s-app\": kube-dns\n\
         \x20     toPorts:\n\
         \x20       - ports:\n\
         \x20           - port: \"53\"\n\
         \x20             protocol: ANY\n\
         \x20         rules:\n\
         \x20           dns:\n\
         \x20             - matchPattern: \"*\"\n",
    );
    for ((host, protocol), named) in &destinations.named {
        text.push_str(&format!(
            "    - toFQDNs:\n        - matchName: \"{host}\"\n"
        ));
        text.push_str(&ports(named.ports.iter().copied(), protocol.name()));
    }
    for (address, port, protocol) in &destinations.addresses {
        let bits = match address {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        text.push_str(&format!("    - toCIDR:\n        - \"{address}/{bits}\"\n"));
        text.push_str(&ports([*port].into_iter(), protocol));
    }
    text
}

fn ports(ports: impl Iterator<Item = u16>, protocol: &str) -> String {
    let protocol = protocol.to_uppercase();
    let ports = ports.map(|port| {
        format!("            - port: \"{port}\"\n              protocol: {protocol}\n")
    });
    let ports: String = ports.collect();
    format!("      toPorts:\n        - ports:\n{ports}")
}
