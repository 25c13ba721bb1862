//! Writes a CiliumNetworkPolicy: hosts by name, other destinations by address.

use std::net::IpAddr;

use super::Destinations;

/// The schema allows as many ports in one list.
const PORTS: usize = 40;

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
    let ports: Vec<u16> = ports.collect();
    let mut text = "      toPorts:\n".to_owned();
    for some in ports.chunks(PORTS) {
        text.push_str("        - ports:\n");
        for port in some {
            text.push_str(&format!(
                "            - port: \"{port}\"\n              protocol: {protocol}\n"
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{PORTS, ports};

    #[test]
    fn no_list_of_ports_is_too_long() {
        let text = ports(1..=81, "tcp");
        assert_eq!(text.matches("- port: ").count(), 81);
        let lists: Vec<&str> = text.split("- ports:").skip(1).collect();
        assert_eq!(lists.len(), 3);
        for list in lists {
            assert!(list.matches("- port: ").count() <= PORTS, "{list}");
        }
    }
}
