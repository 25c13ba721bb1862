//! The names and addresses of the demo's own internet, shared by the side that
//! lays the wires and the actors that talk over them; it holds no behaviour.

use std::net::Ipv4Addr;

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

/// The made-up workspace the agent is onboarded to.
pub const WORKSPACE: &str = "6f1d2c3b-8a47-4e59-9b0c-5d2e7f1a4c86";
