//! Lists iptables' older kind of rules, table by table (`ip_tables`, `ip6_tables`), in the words of iptables-save(8).
//! Settings of an extension that is not known here are a digest.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, Ipv6Addr},
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
};

use rustix::net::{AddressFamily, SocketType, ipproto, socket};

use super::{
    attributes::{digest, text},
    set::prefix_length,
    value::PROTOCOLS,
};
use crate::capture::inventory::look::read;

/// One of the two protocols: how its entries are laid out (`struct ipt_entry`, `struct ip6t_entry`).
pub(super) struct Family {
    name: &'static str,
    /// The tables that are in use, one a line.
    tables: &'static str,
    level: i32,
    address: usize,
    /// Where protocol, flags and inversions are.
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

const GET_INFO: i32 = 64;
const GET_ENTRIES: i32 = 65;
const INFO: usize = 84;
const NAME: usize = 32;
/// Name and size, then entries at a multiple of eight.
const ENTRIES: usize = 40;
const LIMIT: usize = 16 << 20;
const HOOKS: [&str; 5] = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"];

/// A table as the kernel gives it.
struct Table {
    hooks: u32,
    entries_of_hooks: [usize; 5],
    underflows: [usize; 5],
    bytes: Vec<u8>,
}

impl Family {
    /// Lists rules, each after its table and chain; nothing where no table is in use.
    ///
    /// # Errors
    ///
    /// Tables are in use, and the kernel does not list them.
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
        let socket = socket(family, SocketType::RAW, Some(ipproto::RAW))
            .map_err(|error| failed(error.to_string()))?;
        let mut rules = Vec::new();
        for name in names
            .split(|byte| *byte == b'\n')
            .filter(|name| !name.is_empty())
        {
            let table = self
                .table(&socket, name)
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

    fn table(&self, socket: &OwnedFd, name: &[u8]) -> io::Result<Table> {
        const TRIES: usize = 5;
        for _ in 0..TRIES {
            let mut info = vec![0; INFO];
            let room = info.get_mut(..NAME.min(name.len())).unwrap_or_default();
            room.copy_from_slice(name.get(..room.len()).unwrap_or_default());
            get_option(socket, self.level, GET_INFO, &mut info)?;
            let number = |index: usize| u32_at(&info, NAME + index * 4).unwrap_or(0);
            let size = number(12) as usize;
            if size > LIMIT {
                return Err(io::Error::other(format!(
                    "a table has more than {LIMIT} bytes"
                )));
            }
            let mut bytes = info.get(..NAME).unwrap_or_default().to_vec();
            bytes.extend(number(12).to_ne_bytes());
            bytes.resize(ENTRIES + size, 0);
            match get_option(socket, self.level, GET_ENTRIES, &mut bytes) {
                Ok(()) => {}
                // It was replaced meanwhile and has another size.
                Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => continue,
                Err(error) => return Err(error),
            }
            bytes.drain(..ENTRIES);
            let five = |first: usize| std::array::from_fn(|index| number(first + index) as usize);
            return Ok(Table {
                hooks: number(0),
                entries_of_hooks: five(1),
                underflows: five(6),
                bytes,
            });
        }
        Err(io::Error::other("its rules change all the time"))
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
                // The kernel's own end of a user's chain.
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

    fn target<'a>(&self, entry: &'a [u8]) -> Extension<'a> {
        let offset = usize::from(u16_at(entry, self.offsets).unwrap_or(0));
        Extension::of(entry.get(offset..).unwrap_or_default())
    }

    fn is_goto(&self, entry: &[u8]) -> bool {
        let bit = if self.address == 4 { 0x02 } else { 0x04 };
        entry.get(self.flags).copied().unwrap_or(0) & bit != 0
    }

    /// Renders addresses, interfaces and protocol.
    fn header(&self, entry: &[u8]) -> Vec<String> {
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

    fn matches(&self, entry: &[u8]) -> Vec<String> {
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

/// A match or a target (`struct xt_entry_match`, `struct xt_entry_target`).
struct Extension<'a> {
    size: usize,
    name: String,
    revision: u8,
    data: &'a [u8],
}

impl<'a> Extension<'a> {
    const HEADER: usize = 32;

    fn of(bytes: &'a [u8]) -> Extension<'a> {
        let size = usize::from(u16_at(bytes, 0).unwrap_or(0));
        Extension {
            size,
            name: text(bytes.get(2..31).unwrap_or_default()),
            revision: bytes.get(31).copied().unwrap_or(0),
            data: bytes.get(Self::HEADER..size).unwrap_or_default(),
        }
    }

    fn as_match(&self) -> String {
        let ports = |option: &str, at: usize, inverted: bool| {
            let first = u16_at(self.data, at)?;
            let last = u16_at(self.data, at + 2)?;
            let not = if inverted { " !" } else { "" };
            match (first, last) {
                (0, u16::MAX) if !inverted => Some(String::new()),
                (first, last) if first == last => Some(format!("{not} {option} {first}")),
                (first, last) => Some(format!("{not} {option} {first}:{last}")),
            }
        };
        let byte = |at: usize| self.data.get(at).copied().unwrap_or(0);
        let known = match (self.name.as_str(), self.revision) {
            // No option of TCP, no flags of TCP.
            ("tcp", 0) if [8, 9, 10].iter().all(|at| byte(*at) == 0) => Some(byte(11)),
            ("udp", 0) => Some(byte(8)),
            _ => None,
        };
        if let Some(inverted) = known
            && let Some(source) = ports("--sport", 0, inverted & 1 != 0)
            && let Some(destination) = ports("--dport", 4, inverted & 2 != 0)
        {
            return format!("-m {}{source}{destination}", self.name);
        }
        if self.name == "comment" {
            return format!("-m comment --comment \"{}\"", text(self.data));
        }
        self.unknown("-m")
    }

    fn unknown(&self, option: &str) -> String {
        format!(
            "{option} {} revision {} {}",
            self.name,
            self.revision,
            digest(self.data)
        )
    }

    /// Renders the verdict of a standard target (`struct xt_standard_target`).
    fn verdict(&self, chains: &BTreeMap<usize, String>) -> String {
        let verdict = u32_at(self.data, 0).map(u32::cast_signed);
        match verdict {
            Some(-1) => "DROP".to_owned(),
            Some(-2) => "ACCEPT".to_owned(),
            Some(-4) => "QUEUE".to_owned(),
            Some(-5) => "RETURN".to_owned(),
            Some(offset) => {
                let offset = usize::try_from(offset).ok();
                let chain = offset.and_then(|offset| chains.get(&offset));
                chain.cloned().unwrap_or_else(|| "?".to_owned())
            }
            None => "?".to_owned(),
        }
    }

    /// Renders what a rule does; nothing where it leads to the rule behind it.
    fn rendered(
        &self,
        chains: &BTreeMap<usize, String>,
        jump: &str,
        behind: usize,
    ) -> Option<String> {
        if !self.name.is_empty() {
            return Some(self.unknown("-j"));
        }
        let verdict = u32_at(self.data, 0).and_then(|it| usize::try_from(it.cast_signed()).ok());
        if verdict == Some(behind) {
            return None;
        }
        Some(format!("{jump} {}", self.verdict(chains)))
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

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

/// Reads an option of a socket into as many bytes as there are.
fn get_option(socket: &OwnedFd, level: i32, option: i32, bytes: &mut [u8]) -> io::Result<()> {
    let mut length = libc::socklen_t::try_from(bytes.len()).map_err(io::Error::other)?;
    // SAFETY: the kernel writes at most `length` bytes, which is the length of `bytes`.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            option,
            bytes.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
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
                // Entries that begin well, so that what is behind is reached.
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
