//! Renders an entry of a table: addresses, interfaces, protocol and matches.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    super::{attributes::text, set::prefix_length, value::PROTOCOLS},
    Family,
    extension::Extension,
    u16_at,
};

impl Family {
    pub(super) fn target<'a>(&self, entry: &'a [u8]) -> Extension<'a> {
        let offset = usize::from(u16_at(entry, self.offsets).unwrap_or(0));
        Extension::of(entry.get(offset..).unwrap_or_default())
    }

    pub(super) fn is_goto(&self, entry: &[u8]) -> bool {
        let bit = if self.address == 4 { 0x02 } else { 0x04 };
        entry.get(self.flags).copied().unwrap_or(0) & bit != 0
    }

    /// Renders addresses, interfaces and protocol.
    pub(super) fn header(&self, entry: &[u8]) -> Vec<String> {
        const SOURCE: u8 = 0x08;
        const DESTINATION: u8 = 0x10;
        const IN: u8 = 0x01;
        const OUT: u8 = 0x02;
        const FRAGMENT: u8 = 0x20;
        const PROTOCOL: u8 = 0x40;
        let inverted = entry.get(self.flags + 1).copied().unwrap_or(0);
        let flags = entry.get(self.flags).copied().unwrap_or(0);
        let mut parts = Vec::new();
        let mut add = |bit: u8, option: &str, value: String| {
            let not = if inverted & bit != 0 { "! " } else { "" };
            parts.push(format!("{not}{option} {value}"));
        };
        let at = |index: usize| {
            let start = index * self.address;
            entry.get(start..start + self.address).unwrap_or_default()
        };
        for (bit, option, index) in [(SOURCE, "-s", 0), (DESTINATION, "-d", 1)] {
            let (address, mask) = (at(index), at(index + 2));
            if inverted & bit != 0 || mask.iter().any(|byte| *byte != 0) {
                let mask = match prefix_length(mask) {
                    Some(length) => length.to_string(),
                    None => render_address(mask),
                };
                add(bit, option, format!("{}/{mask}", render_address(address)));
            }
        }
        let interfaces = self.address * 4;
        for (bit, option, index) in [(IN, "-i", 0), (OUT, "-o", 1)] {
            let start = interfaces + index * 16;
            let name = entry.get(start..start + 16).unwrap_or_default();
            let mask = entry.get(start + 32..start + 48).unwrap_or_default();
            let compared = mask.iter().filter(|byte| **byte != 0).count();
            if compared > 0 {
                let name = text(name);
                let rest = if compared == name.len() { "+" } else { "" };
                add(bit, option, format!("{name}{rest}"));
            }
        }
        let protocol = u16_at(entry, self.protocol).unwrap_or(0);
        if protocol != 0 {
            let known = PROTOCOLS.iter().find(|(it, _)| *it == u64::from(protocol));
            let name = known.map_or_else(|| protocol.to_string(), |(_, name)| (*name).to_owned());
            add(PROTOCOL, "-p", name);
        }
        if self.address == 4 && flags & 1 != 0 {
            parts.push(
                if inverted & FRAGMENT != 0 {
                    "! -f"
                } else {
                    "-f"
                }
                .to_owned(),
            );
        }
        parts
    }

    pub(super) fn matches(&self, entry: &[u8]) -> Vec<String> {
        let end = usize::from(u16_at(entry, self.offsets).unwrap_or(0));
        let mut rest = entry.get(self.entry..end).unwrap_or_default();
        let mut parts = Vec::new();
        while rest.len() >= Extension::HEADER {
            let extension = Extension::of(rest);
            parts.push(extension.as_match());
            let size = extension.size.max(Extension::HEADER);
            rest = rest.get(size..).unwrap_or_default();
        }
        parts
    }
}

fn render_address(bytes: &[u8]) -> String {
    if let Ok(octets) = <[u8; 4]>::try_from(bytes) {
        return Ipv4Addr::from(octets).to_string();
    }
    match <[u8; 16]>::try_from(bytes) {
        Ok(octets) => Ipv6Addr::from(octets).to_string(),
        Err(_) => "?".to_owned(),
    }
}
