//! Renders expressions of a rule that need no register: counters, limits, logging, rejection. An
//! unknown expression becomes a name and a digest, so that a difference in it shows.

use super::{
    attributes::{Attributes, digest, list, text},
    value::{amount, flags},
};

/// Lists the known attributes of an expression. Any other makes the expression unknown.
fn rendered(name: &str) -> Option<&'static [u16]> {
    Some(match name {
        "bitwise" => &[1, 2, 3, 4, 5, 6],
        "byteorder" => &[1, 2, 3, 4, 5],
        "cmp" => &[1, 2, 3],
        "connlimit" => &[1, 2],
        "counter" => &[1, 2, 3],
        "ct" => &[1, 2, 3, 4],
        "dup" | "fwd" => &[1, 2, 3],
        "dynset" => &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        "fib" => &[1, 2, 3],
        "flow_offload" => &[1],
        "immediate" => &[1, 2],
        "last" => &[1, 2, 3],
        "limit" => &[1, 2, 3, 4, 5, 6],
        "log" => &[1, 2, 3, 4, 5, 6],
        "lookup" => &[1, 2, 3, 4, 5],
        "masq" | "redir" => &[1, 2, 3],
        "match" | "target" => &[1, 2, 3],
        "meta" => &[1, 2, 3],
        "nat" => &[1, 2, 3, 4, 5, 6, 7],
        "notrack" => &[],
        "objref" => &[1, 2, 3, 4, 5],
        "payload" => &[1, 2, 3, 4, 5, 6, 7, 8],
        "queue" => &[1, 2, 3],
        "quota" => &[1, 2, 3, 4],
        "range" => &[1, 2, 3, 4],
        "reject" => &[1, 2],
        "tproxy" => &[1, 2, 3],
        _ => return None,
    })
}

/// An expression: its name, and its attributes, raw and decoded.
pub(super) struct Expression<'a> {
    pub(super) name: String,
    bytes: &'a [u8],
    pub(super) data: Attributes<'a>,
}

impl<'a> Expression<'a> {
    /// Reads one (`enum nft_expr_attributes`).
    pub(super) fn of(bytes: &'a [u8]) -> Expression<'a> {
        let all = Attributes::of(bytes);
        let bytes = all.get(2).unwrap_or_default();
        Expression {
            name: all.text(1).unwrap_or_default(),
            bytes,
            data: Attributes::of(bytes),
        }
    }

    /// Returns true if all of its attributes are known.
    pub(super) fn is_known(&self) -> bool {
        rendered(&self.name).is_some_and(|known| self.data.only(known))
    }

    /// Renders it as an unknown expression.
    pub(super) fn unknown(&self) -> String {
        format!("expression {} {}", self.name, digest(self.bytes))
    }

    /// Renders it, if it needs no register.
    pub(super) fn alone(&self, family: u8) -> Option<String> {
        let data = &self.data;
        Some(match self.name.as_str() {
            // The counts change by themselves.
            "counter" => "counter".to_owned(),
            "last" => "last".to_owned(),
            "notrack" => "notrack".to_owned(),
            "limit" => limit(data),
            "quota" => quota(data),
            "connlimit" => {
                let over = if data.number_or_0(2) & 1 != 0 {
                    "over "
                } else {
                    ""
                };
                format!("ct count {over}{}", data.number_or_0(1))
            }
            "log" => log(data),
            "reject" => reject(data, family),
            "queue" => queue(data),
            "flow_offload" => format!("flow add @{}", data.text(1).unwrap_or_default()),
            "match" | "target" => extension(&self.name, data),
            "objref" if data.has(2) => {
                let kind = object(data.number_or_0(1));
                format!("{kind} name \"{}\"", data.text(2).unwrap_or_default())
            }
            _ => return None,
        })
    }
}

/// Renders the statements of a set's element: `counter`, `limit rate 10/second`.
pub(super) fn of_element(element: &Attributes<'_>) -> Vec<String> {
    let one = element.get(7).into_iter();
    let many = element.get(11).into_iter().flat_map(list);
    one.chain(many)
        .map(|bytes| {
            let expression = Expression::of(bytes);
            let known = expression.is_known().then(|| expression.alone(0)).flatten();
            known.unwrap_or_else(|| expression.unknown())
        })
        .collect()
}

/// Names a kind of object (`NFT_OBJECT_…`).
pub(super) fn object(kind: u64) -> String {
    match kind {
        1 => "counter".to_owned(),
        2 => "quota".to_owned(),
        3 => "ct helper".to_owned(),
        4 => "limit".to_owned(),
        5 => "connlimit".to_owned(),
        6 => "tunnel".to_owned(),
        7 => "ct timeout".to_owned(),
        8 => "secmark".to_owned(),
        9 => "ct expectation".to_owned(),
        10 => "synproxy".to_owned(),
        other => format!("object of kind {other}"),
    }
}

/// Renders `limit rate over 10/second burst 20 packets`.
pub(super) fn limit(data: &Attributes<'_>) -> String {
    let unit = match data.number_or_0(2) {
        1 => "second".to_owned(),
        60 => "minute".to_owned(),
        3600 => "hour".to_owned(),
        86_400 => "day".to_owned(),
        604_800 => "week".to_owned(),
        seconds => format!("{seconds} s"),
    };
    let over = if data.number_or_0(5) & 1 != 0 {
        "over "
    } else {
        ""
    };
    let (rate, burst) = (data.number_or_0(1), data.number_or_0(3));
    let is_bytes = data.number_or_0(4) == 1;
    let rate = match is_bytes {
        true => amount(rate),
        false => rate.to_string(),
    };
    let burst = match (is_bytes, burst) {
        (true, 0) => String::new(),
        (true, burst) => format!(" burst {}", amount(burst)),
        // nft's default, which it leaves out.
        (false, 5) => String::new(),
        (false, burst) => format!(" burst {burst} packets"),
    };
    format!("limit rate {over}{rate}/{unit}{burst}")
}

/// Renders `quota over 10 mbytes`, without its use, which changes by itself.
pub(super) fn quota(data: &Attributes<'_>) -> String {
    let over = if data.number_or_0(2) & 1 != 0 {
        "over "
    } else {
        ""
    };
    format!("quota {over}{}", amount(data.number_or_0(1)))
}

fn log(data: &Attributes<'_>) -> String {
    let mut parts = vec!["log".to_owned()];
    if let Some(prefix) = data.text(2).filter(|prefix| !prefix.is_empty()) {
        parts.push(format!("prefix \"{prefix}\""));
    }
    for (kind, word) in [(1, "group"), (3, "snaplen"), (4, "queue-threshold")] {
        if let Some(number) = data.number(kind).filter(|number| *number != 0 || kind == 1) {
            parts.push(format!("{word} {number}"));
        }
    }
    const LEVELS: [&str; 9] = [
        "emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit",
    ];
    const WARN: u64 = 4;
    if let Some(level) = data.number(5).filter(|level| *level != WARN) {
        let index = usize::try_from(level).unwrap_or(usize::MAX);
        let level = LEVELS
            .get(index)
            .map_or_else(|| level.to_string(), |it| (*it).to_owned());
        parts.push(format!("level {level}"));
    }
    const FLAGS: [(u64, &str); 5] = [
        (1, "tcp sequence"),
        (2, "tcp options"),
        (4, "ip options"),
        (8, "skuid"),
        (32, "ether"),
    ];
    match data.number_or_0(6) {
        0 => {}
        0x2f => parts.push("flags all".to_owned()),
        bits => parts.push(format!("flags {}", flags(&FLAGS, Some(bits), &[]))),
    }
    parts.join(" ")
}

fn reject(data: &Attributes<'_>, family: u8) -> String {
    const IPV4: u8 = 2;
    const IPV6: u8 = 10;
    let code = data.number_or_0(2);
    let (kind, words): (&str, &[&str]) = match (data.number_or_0(1), family) {
        (1, _) => return "reject with tcp reset".to_owned(),
        (0, IPV6) => (
            "icmpv6",
            &[
                "no-route",
                "admin-prohibited",
                "",
                "addr-unreachable",
                "port-unreachable",
                "policy-fail",
                "reject-route",
            ],
        ),
        (0, _) => (
            "icmp",
            &[
                "net-unreachable",
                "host-unreachable",
                "prot-unreachable",
                "port-unreachable",
                "",
                "",
                "",
                "",
                "",
                "net-prohibited",
                "host-prohibited",
                "",
                "",
                "admin-prohibited",
            ],
        ),
        _ => (
            "icmpx",
            &[
                "no-route",
                "port-unreachable",
                "host-unreachable",
                "admin-prohibited",
            ],
        ),
    };
    let index = usize::try_from(code).unwrap_or(usize::MAX);
    let word = words.get(index).filter(|word| !word.is_empty());
    match (kind, word) {
        // nft's default, which it leaves out.
        ("icmp", Some(&"port-unreachable")) if family == IPV4 => "reject".to_owned(),
        ("icmpv6" | "icmpx", Some(&"port-unreachable")) => "reject".to_owned(),
        (kind, Some(word)) => format!("reject with {kind} {word}"),
        (kind, None) => format!("reject with {kind} {code}"),
    }
}

fn queue(data: &Attributes<'_>) -> String {
    let first = data.number_or_0(1);
    let last = first + data.number_or_0(2).max(1) - 1;
    const FLAGS: [(u64, &str); 2] = [(1, "bypass"), (2, "fanout")];
    let flags = match data.number_or_0(3) {
        0 => String::new(),
        bits => format!(" flags {}", flags(&FLAGS, Some(bits), &[])),
    };
    match first == last {
        true => format!("queue{flags} to {first}"),
        false => format!("queue{flags} to {first}-{last}"),
    }
}

/// Renders an extension of iptables: its name, and a digest of its settings.
fn extension(kind: &str, data: &Attributes<'_>) -> String {
    let name = data.text(1).unwrap_or_default();
    let info = data.get(3).unwrap_or_default();
    if name == "comment" {
        return format!("comment \"{}\"", text(info));
    }
    let revision = data.number_or_0(2);
    format!("xt {kind} \"{name}\" revision {revision} {}", digest(info))
}
