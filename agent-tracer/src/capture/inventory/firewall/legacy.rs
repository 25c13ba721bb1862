//! Lists iptables' older kind of rules, table by table (`ip_tables`, `ip6_tables`), in the words of
//! iptables-save(8). Settings of unknown extensions become a digest.

mod entry;
mod extension;
mod table;

use std::{collections::BTreeMap, path::Path};

use rustix::net::{AddressFamily, SocketType, ipproto, socket};

use super::attributes::text;
use crate::capture::inventory::snapshot::read;
use table::Table;

/// One of the two protocols, with the layout of its entries (`struct ipt_entry`, `struct
/// ip6t_entry`).
pub(super) struct Family {
    name: &'static str,
    /// The file of the tables in use, one a line.
    tables: &'static str,
    level: i32,
    address: usize,
    /// Offset of the protocol; flags and inversions are near.
    protocol: usize,
    flags: usize,
    offsets: usize,
    entry: usize,
}

pub(super) const FAMILIES: [Family; 2] = [
    Family {
        name: "iptables",
        tables: "/proc/thread-self/net/ip_tables_names",
        level: libc::SOL_IP,
        address: 4,
        protocol: 80,
        flags: 82,
        offsets: 88,
        entry: 112,
    },
    Family {
        name: "ip6tables",
        tables: "/proc/thread-self/net/ip6_tables_names",
        level: libc::SOL_IPV6,
        address: 16,
        protocol: 128,
        flags: 131,
        offsets: 140,
        entry: 168,
    },
];

const HOOKS: [&str; 5] = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];

impl Family {
    /// Lists rules, each after its table and chain; `None` if no table is in use.
    ///
    /// # Errors
    ///
    /// The kernel does not list a table that is in use.
    pub(super) fn rules(&self) -> Result<Option<Vec<Vec<u8>>>, String> {
        const NAMES: u64 = 4096;
        let failed = |error: String| format!("cannot list rules of older {}: {error}", self.name);
        let names = match read(Path::new(self.tables), NAMES).map_err(failed)? {
            Some(names) if !names.is_empty() => names,
            Some(_) | None => return Ok(None),
        };
        let family = match self.address {
            4 => AddressFamily::INET,
            _ => AddressFamily::INET6,
        };
        let socket = socket(family, SocketType::DGRAM, Some(ipproto::UDP))
            .map_err(|error| failed(error.to_string()))?;
        let mut rules = Vec::new();
        for name in names
            .split(|byte| *byte == b'\n')
            .filter(|name| !name.is_empty())
        {
            let table = Table::read(&socket, self.level, name)
                .map_err(|error| failed(error.to_string()))?;
            let name = String::from_utf8_lossy(name).into_owned();
            rules.extend(
                self.rendered(&name, &table)
                    .into_iter()
                    .map(String::into_bytes),
            );
        }
        Ok(Some(rules))
    }

    fn rendered(&self, table: &str, found: &Table) -> Vec<String> {
        let entries = self.entries(&found.bytes);
        let chains = self.chains(found, &entries);
        let mut lines = Vec::new();
        let mut chain = "";
        for (position, (offset, entry)) in entries.iter().enumerate() {
            if let Some(name) = chains.get(offset) {
                chain = name;
            }
            let place = format!("{} {table} {chain}", self.name);
            let target = self.target(entry);
            if target.name == "ERROR" {
                continue;
            }
            let policy = found
                .underflows
                .iter()
                .enumerate()
                .any(|(hook, underflow)| found.hooks & (1 << hook) != 0 && underflow == offset);
            if policy {
                lines.push(format!("{place}: policy {}", target.verdict(&chains)));
                continue;
            }
            let mut parts = self.header(entry);
            parts.extend(self.matches(entry));
            let jump = if self.is_goto(entry) { "-g" } else { "-j" };
            parts.extend(target.rendered(&chains, jump, offset + entry.len()));
            let ends_chain = entries
                .get(position + 1)
                .is_some_and(|(_, next)| self.target(next).name == "ERROR");
            if ends_chain && parts == ["-j RETURN"] {
                // The kernel itself ends a user's chain like that.
                continue;
            }
            lines.push(format!("{place}: {}", parts.join(" ")));
        }
        lines
    }

    /// Splits entries by their own lengths, up to the first that does not fit.
    fn entries<'a>(&self, bytes: &'a [u8]) -> Vec<(usize, &'a [u8])> {
        let mut entries = Vec::new();
        let mut offset = 0;
        while let Some(rest) = bytes.get(offset..).filter(|rest| rest.len() >= self.entry) {
            let length = usize::from(u16_at(rest, self.offsets + 2).unwrap_or(0));
            let Some(entry) = rest.get(..length).filter(|_| length >= self.entry) else {
                break;
            };
            entries.push((offset, entry));
            offset += length;
        }
        entries
    }

    /// Names chains by the offset of their first rule.
    fn chains(&self, found: &Table, entries: &[(usize, &[u8])]) -> BTreeMap<usize, String> {
        let mut chains = BTreeMap::new();
        for (hook, name) in HOOKS.iter().enumerate() {
            if found.hooks & (1 << hook) != 0
                && let Some(offset) = found.entries_of_hooks.get(hook)
            {
                chains.insert(*offset, (*name).to_owned());
            }
        }
        for (offset, entry) in entries {
            let target = self.target(entry);
            if target.name == "ERROR" {
                chains.insert(offset + entry.len(), text(target.data));
            }
        }
        chains
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FAMILIES, Table};

    proptest! {
        #[test]
        fn any_bytes(
            bytes in prop::collection::vec(any::<u8>(), 0..600),
            lengths in prop::collection::vec(0_u16..250, 0..4),
            hooks in any::<u32>(),
            offset in 0_usize..300,
        ) {
            for family in &FAMILIES {
                let mut bytes = bytes.clone();
                // Well-formed entries first, so that the parser reaches the others.
                let mut at = 0;
                for length in &lengths {
                    for (place, value) in [(0, length / 2), (2, *length)] {
                        let place = at + family.offsets + place;
                        if let Some(room) = bytes.get_mut(place..place + 2) {
                            room.copy_from_slice(&value.to_ne_bytes());
                        }
                    }
                    at += usize::from(*length);
                }
                let found = Table {
                    hooks,
                    entries_of_hooks: [offset; 5],
                    underflows: [0; 5],
                    bytes,
                };
                family.rendered("filter", &found);
            }
        }
    }
}
