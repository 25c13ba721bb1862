//! Records the tags of an address from the recorder's lists, so that a reader needs no list.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address that a connection goes to is in published prefixes. It comes ahead of the first event with that
/// address.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AddressTagged {
    /// 4 or 16 bytes; an IPv4 address in an IPv6 one is the IPv4 address.
    #[prost(bytes = "vec", tag = "1")]
    pub address: Vec<u8>,
    /// The tags, most specific first; at least one.
    #[prost(message, repeated, tag = "2")]
    pub tags: Vec<AddressTag>,
}

impl AddressTagged {
    /// Returns the address, or `None` where the bytes are invalid.
    pub fn ip(&self) -> Option<IpAddr> {
        if let Ok(bytes) = <[u8; 4]>::try_from(self.address.as_slice()) {
            return Some(Ipv4Addr::from(bytes).into());
        }
        let bytes = <[u8; 16]>::try_from(self.address.as_slice()).ok()?;
        Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical())
    }
}

/// One tag of an address.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AddressTag {
    /// The tag, such as `AzureMonitor.JapanEast`.
    #[prost(string, tag = "1")]
    pub name: String,
    /// The prefix that contains the address, such as `40.79.194.104/29`.
    #[prost(string, tag = "2")]
    pub prefix: String,
    /// As the list has it; empty where the tag is of no region.
    #[prost(string, tag = "3")]
    pub region: String,
    /// As the list has it; empty where the tag is of no service.
    #[prost(string, tag = "4")]
    pub system_service: String,
    /// The cloud that owns the prefix.
    #[prost(string, tag = "5")]
    pub cloud: String,
}
