//! Writes the tags of an address as a JSON object.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use super::to_line;
use crate::view::TaggedAddress;

/// Writes an address with all its tags as a line, the most specific tag first.
pub fn tags_json(tagged: &TaggedAddress<'_>) -> String {
    let tags = tagged.matches.iter().map(|found| TagRow {
        name: found.name,
        prefix: found.prefix,
        region: found.region,
        system_service: found.system_service,
        cloud: found.cloud,
    });
    to_line(&AddressRow {
        address: tagged.address,
        port: tagged.port,
        tag: tagged.matches.first().map(|best| best.name),
        tags: tags.collect(),
        note: tagged.note,
    })
}

/// The keys of an address.
#[derive(Serialize)]
struct AddressRow<'a> {
    address: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    tags: Vec<TagRow<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// The keys of a tag.
#[derive(Serialize)]
struct TagRow<'a> {
    name: &'a str,
    prefix: IpNet,
    region: &'a str,
    system_service: &'a str,
    cloud: &'a str,
}
