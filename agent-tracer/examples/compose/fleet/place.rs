//! Chooses remote ends: where the agents report to, archives, and what does not answer.

use std::net::Ipv4Addr;

use agent_tracer::event::{AddressTag, AddressTagged};

use super::host::REGIONS;

/// A remote end.
#[derive(Clone)]
pub(super) struct Place {
    /// Its name; empty if only the address is known.
    pub(super) name: String,
    pub(super) address: Ipv4Addr,
    pub(super) port: u16,
    /// The service of its tag.
    service: Option<(&'static str, usize)>,
}

/// Numbers of ingestion endpoints in a region.
pub(super) const ENDPOINTS: usize = 12;

/// Returns an endpoint that agents of a region report to.
pub(super) fn ingestion(region: usize, which: usize) -> Place {
    let which = which % ENDPOINTS;
    let tag = REGIONS.get(region).map(|name| name.to_lowercase());
    let service = if which < 8 { "AzureMonitor" } else { "Storage" };
    let name = format!("ods-{which}.{}.agents.example", tag.unwrap_or_default());
    Place {
        name,
        address: Ipv4Addr::new(203, 0, 113, (region * ENDPOINTS + which + 1) as u8),
        port: 443,
        service: Some((service, region)),
    }
}

/// Returns the archive that packages come from.
pub(super) fn archive(is_rpm: bool) -> Place {
    let (name, last) = match is_rpm {
        true => ("rpm.archive.example", 20),
        false => ("deb.archive.example", 10),
    };
    Place {
        name: name.to_owned(),
        address: Ipv4Addr::new(198, 51, 100, last),
        port: 443,
        service: None,
    }
}

/// Returns the server of installers.
pub(super) fn releases() -> Place {
    Place {
        name: "releases.agents.example".to_owned(),
        address: Ipv4Addr::new(198, 51, 100, 44),
        port: 443,
        service: None,
    }
}

/// Returns what a new version of the agent talks to, besides.
pub(super) fn telemetry(minor: u32) -> Place {
    Place {
        name: format!("telemetry-v{minor}.agents.example"),
        address: Ipv4Addr::new(192, 0, 2, (100 + minor % 100) as u8),
        port: 443,
        service: None,
    }
}

/// Returns a service inside of the network, which has no name in any message.
pub(super) fn inside(which: u8) -> Place {
    Place {
        name: String::new(),
        address: Ipv4Addr::new(10, 20, 0, which),
        port: [5432, 6379, 8086, 9092][usize::from(which % 4)],
        service: None,
    }
}

impl Place {
    /// Returns the tags of the address.
    pub(super) fn tagged(&self) -> Option<AddressTagged> {
        let (service, region) = self.service?;
        let region = REGIONS.get(region).copied().unwrap_or_default();
        let tag = |name: String, prefix: &str| AddressTag {
            name,
            prefix: prefix.to_owned(),
            region: region.to_lowercase(),
            system_service: service.to_owned(),
            cloud: "Azure".to_owned(),
        };
        Some(AddressTagged {
            address: self.address.octets().to_vec(),
            tags: vec![
                tag(format!("{service}.{region}"), "203.0.113.0/25"),
                tag(service.to_owned(), "203.0.113.0/24"),
            ],
        })
    }
}
