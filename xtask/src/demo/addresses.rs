//! The names and addresses of the demo's own internet, shared by the side that
//! lays the wires and the actors that talk over them; it holds no behaviour.

use std::net::Ipv4Addr;

/// The "VM" on which the installer runs, and the router it sees.
pub const VIRTUAL_MACHINE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);
/// The other end of the VM's only wire: its default route.
pub const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// The prefix the two above share.
pub const SUBNET_BITS: u8 = 24;

/// The agent's service; lies in the tag `AzureMonitor.JapanEast`.
pub const SERVICE: Ipv4Addr = Ipv4Addr::new(40, 79, 194, 105);
/// Azure's instance metadata.
pub const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// Azure's platform address: DNS and WireServer.
pub const PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);
/// github.com, which redirects a download.
pub const DOWNLOAD: Ipv4Addr = Ipv4Addr::new(140, 82, 112, 3);
/// The CDN to which github.com redirects.
pub const CONTENT: Ipv4Addr = Ipv4Addr::new(185, 199, 108, 133);
/// The archive that the unrelated package upgrade asks.
pub const ARCHIVE: Ipv4Addr = Ipv4Addr::new(151, 101, 2, 132);

/// Every address the far side answers on.
pub const FAR_SIDE: [Ipv4Addr; 6] = [SERVICE, METADATA, PLATFORM, DOWNLOAD, CONTENT, ARCHIVE];

/// Host names (or, after a leading dot, every name below) and their address.
pub const ZONE: [(&str, Ipv4Addr); 4] = [
    (".oms.opinsights.azure.com", SERVICE),
    ("github.com", DOWNLOAD),
    ("objects.githubusercontent.com", CONTENT),
    ("deb.debian.org", ARCHIVE),
];

/// A port of the platform on which nobody listens here, so that it refuses.
pub const REFUSING_PORT: u16 = 32526;

/// The made-up workspace the agent is onboarded to.
pub const WORKSPACE: &str = "6f1d2c3b-8a47-4e59-9b0c-5d2e7f1a4c86";

/// The file github.com offers.
pub const BUNDLE: &str = "omsagent-1.13.9-0.universal.x64.sh";
