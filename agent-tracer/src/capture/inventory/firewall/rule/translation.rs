//! Renders translations of addresses and ports.

use super::{
    super::{
        attributes::Attributes,
        value::{Kind, flags},
    },
    Reader,
};

impl Reader<'_> {
    pub(super) fn family_word(&self, family: Option<u64>) -> &'static str {
        const INET: u8 = 1;
        match family {
            Some(2) if self.family == INET => "ip ",
            Some(10) if self.family == INET => "ip6 ",
            Some(_) | None => "",
        }
    }

    pub(super) fn nat(&mut self, data: &Attributes<'_>) -> Option<String> {
        let verb = match data.number_or_0(1) {
            0 => "snat",
            1 => "dnat",
            _ => return None,
        };
        let to = self.destination(
            data.number(3),
            data.number(4),
            data.number(5),
            data.number(6),
        )?;
        let options = nat_options(data.number_or_0(7));
        let family = match data.has(3) {
            true => self.family_word(data.number(2)),
            false => "",
        };
        Some(format!("{verb} {family}to {to}{options}"))
    }

    pub(super) fn port_translation(
        &mut self,
        verb: &str,
        data: &Attributes<'_>,
        flags: u16,
        first: u16,
        last: u16,
    ) -> Option<String> {
        let options = nat_options(data.number_or_0(flags));
        if !data.has(first) {
            return Some(format!("{verb}{options}"));
        }
        let to = self.destination(None, None, data.number(first), data.number(last))?;
        Some(format!("{verb} to {to}{options}"))
    }

    /// Renders addresses and ports: `10.0.0.1-10.0.0.9:80-90`.
    pub(super) fn destination(
        &self,
        address: Option<u64>,
        last_address: Option<u64>,
        port: Option<u64>,
        last_port: Option<u64>,
    ) -> Option<String> {
        let span = |first: Option<u64>, last: Option<u64>, kind| {
            let Some(first) = first else {
                return Some(String::new());
            };
            let text = self.operand(first, kind)?;
            match last.filter(|last| *last != first) {
                Some(last) => Some(format!("{text}-{}", self.operand(last, kind)?)),
                None => Some(text),
            }
        };
        let addresses = span(address, last_address, Kind::Unknown)?;
        let ports = span(port, last_port, Kind::Port)?;
        Some(match (addresses.is_empty(), ports.is_empty()) {
            (_, true) => addresses,
            (false, false) if addresses.contains(':') && !addresses.contains(' ') => {
                format!("[{addresses}]:{ports}")
            }
            (_, false) => format!("{addresses}:{ports}"),
        })
    }
}

/// Renders flags of address translation, without those for given addresses and ports.
fn nat_options(bits: u64) -> String {
    const IMPLIED: u64 = 1 | 2;
    const OPTIONS: [(u64, &str); 5] = [
        (4, "random"),
        (16, "fully-random"),
        (8, "persistent"),
        (32, "port-offset"),
        (64, "netmap"),
    ];
    match bits & !IMPLIED {
        0 => String::new(),
        bits => format!(" {}", flags(&OPTIONS, Some(bits), &[])),
    }
}
