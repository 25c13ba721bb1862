//! Records the tags of an address from the recorder's lists, so that a reader needs no list.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A connection's address is in published prefixes. Comes ahead of the first event with that
/// address.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AddressTagged {
    /// 4 or 16 bytes; IPv4 within IPv6 counts as IPv4.
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
    /// The list's region; empty if not given.
    #[prost(string, tag = "3")]
    pub region: String,
    /// The list's service; empty if not given.
    #[prost(string, tag = "4")]
    pub system_service: String,
    /// The cloud that owns the prefix.
    #[prost(string, tag = "5")]
    pub cloud: String,
}
