//! Renders matches and targets of iptables' older rules.

use std::collections::BTreeMap;

use super::{
    super::attributes::{digest, text},
    u16_at, u32_at,
};

/// A match or a target (`struct xt_entry_match`, `struct xt_entry_target`).
pub(super) struct Extension<'a> {
    pub(super) size: usize,
    pub(super) name: String,
    revision: u8,
    pub(super) data: &'a [u8],
}

impl<'a> Extension<'a> {
    pub(super) const HEADER: usize = 32;

    pub(super) fn of(bytes: &'a [u8]) -> Extension<'a> {
        let size = usize::from(u16_at(bytes, 0).unwrap_or(0));
        Extension {
            size,
            name: text(bytes.get(2..31).unwrap_or_default()),
            revision: bytes.get(31).copied().unwrap_or(0),
            data: bytes.get(Self::HEADER..size).unwrap_or_default(),
        }
    }

    pub(super) fn as_match(&self) -> String {
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
            // Without options and flags of TCP.
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
    pub(super) fn verdict(&self, chains: &BTreeMap<usize, String>) -> String {
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

    /// Renders the action of a rule; `None` if it leads to the next rule.
    pub(super) fn rendered(
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
