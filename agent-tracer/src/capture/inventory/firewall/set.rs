//! Renders sets and maps of nf_tables: types, flags and elements, except elements that packets add.

use super::{
    attributes::{Attributes, list, text},
    statement,
    value::{Kind, duration, render},
    verdict,
};

const ANONYMOUS: u64 = 1;
const INTERVAL: u64 = 4;
const TIMEOUT: u64 = 0x10;
const DYNAMIC: u64 = 0x20;

/// A set or a map.
pub(super) struct Set {
    name: String,
    flags: u64,
    keys: Vec<(Kind, &'static str, Option<usize>)>,
    /// The type of a map's values.
    data: Option<(Kind, String)>,
    /// The properties of the set itself.
    header: Vec<String>,
    elements: Vec<String>,
}

struct Element {
    key: Vec<u8>,
    key_end: Option<Vec<u8>>,
    is_end: bool,
    rest: String,
    is_catch_all: bool,
}

impl Set {
    /// Reads a set without its elements (`enum nft_set_attributes`).
    pub(super) fn of(attributes: &Attributes<'_>) -> Set {
        let flags = attributes.number_or_0(3);
        let keys = Kind::of_set(attributes.number_or_0(4));
        let names: Vec<&str> = keys.iter().map(|(_, name, _)| *name).collect();
        let data = attributes.number(6).map(|kind| match kind {
            0xffff_ff00 => (Kind::Verdict, "verdict".to_owned()),
            kind => {
                let kinds = Kind::of_set(kind);
                let names: Vec<&str> = kinds.iter().map(|(_, name, _)| *name).collect();
                let kind = match kinds.as_slice() {
                    [(kind, _, _)] => *kind,
                    _ => Kind::Unknown,
                };
                (kind, names.join(" . "))
            }
        });
        let mut kind = format!("type {}", names.join(" . "));
        if let Some((_, name)) = &data {
            kind = format!("{kind} : {name}");
        } else if attributes.has(15) {
            kind.push_str(match attributes.number_or_0(15) {
                1 => " : counter",
                2 => " : quota",
                4 => " : limit",
                _ => " : object",
            });
        }
        let mut header = vec![kind];
        let size = attributes.nest(9).number_or_0(1);
        if size != 0 && flags & ANONYMOUS == 0 {
            header.push(format!("size {size}"));
        }
        let words = [
            (2, "constant"),
            (INTERVAL, "interval"),
            (DYNAMIC, "dynamic"),
            (TIMEOUT, "timeout"),
        ];
        let words: Vec<&str> = words
            .into_iter()
            .filter(|(bit, _)| flags & bit != 0)
            .map(|(_, word)| word)
            .collect();
        if !words.is_empty() {
            header.push(format!("flags {}", words.join(",")));
        }
        if let Some(timeout) = attributes.number(11) {
            header.push(format!("timeout {}", duration(timeout)));
        }
        if let Some(interval) = attributes.number(12).filter(|it| *it != 0) {
            header.push(format!(
                "gc-interval {}",
                duration(interval.saturating_mul(1000))
            ));
        }
        if attributes.number(8) == Some(1) {
            header.push("policy memory".to_owned());
        }
        Set {
            name: attributes.text(2).unwrap_or_default(),
            flags,
            keys,
            data,
            header,
            elements: Vec::new(),
        }
    }

    /// Returns true if packets add elements, or elements expire.
    pub(super) fn is_moving(&self) -> bool {
        self.flags & (DYNAMIC | TIMEOUT) != 0
    }

    pub(super) fn is_anonymous(&self) -> bool {
        self.flags & ANONYMOUS != 0
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn key_length(&self) -> usize {
        let sizes = self
            .keys
            .iter()
            .map(|(_, _, size)| size.unwrap_or(16).next_multiple_of(4));
        sizes.sum()
    }

    /// Returns the kind of a map's values.
    pub(super) fn gives(&self) -> Kind {
        self.data.as_ref().map_or(Kind::Unknown, |(kind, _)| *kind)
    }

    /// Takes the elements of all answers (`enum nft_set_elem_list_attributes`).
    pub(super) fn fill<'a>(&mut self, nests: impl Iterator<Item = &'a [u8]>) {
        let all = nests
            .flat_map(list)
            .map(|bytes| self.element(&Attributes::of(bytes)));
        let mut all: Vec<Element> = all.collect();
        let is_ranges = self.flags & INTERVAL != 0 && self.keys.len() == 1;
        // The kernel's order is arbitrary. An interval ends before the next one begins.
        all.sort_by(|one, other| {
            (&one.key, !one.is_end, &one.rest).cmp(&(&other.key, !other.is_end, &other.rest))
        });
        let mut rendered = Vec::new();
        for (position, element) in all.iter().enumerate() {
            if element.is_end {
                continue;
            }
            let key = if element.is_catch_all {
                "*".to_owned()
            } else if let Some(end) = &element.key_end {
                self.concatenation(&element.key, Some(end))
            } else if is_ranges {
                // Without an end, the interval reaches to the next one, or is open.
                let end = match all.get(position + 1) {
                    Some(next) => before(&next.key),
                    None => vec![0xff; element.key.len()],
                };
                let kind = self
                    .keys
                    .first()
                    .map_or(Kind::Unknown, |(kind, _, _)| *kind);
                range(kind, &element.key, &end, true)
            } else {
                self.concatenation(&element.key, None)
            };
            rendered.push(key + &element.rest);
        }
        self.elements = rendered;
    }

    fn element(&self, attributes: &Attributes<'_>) -> Element {
        let value = |kind| attributes.nest(kind).get(1).map(<[u8]>::to_vec);
        let flags = attributes.number_or_0(3);
        let mut rest = String::new();
        for statement in statement::of_element(attributes) {
            rest.push(' ');
            rest.push_str(&statement);
        }
        if let Some(timeout) = attributes.number(4) {
            rest.push_str(&format!(" timeout {}", duration(timeout)));
        }
        if let Some(comment) = attributes.get(6).and_then(comment) {
            rest.push_str(&format!(" comment \"{comment}\""));
        }
        if let Some(object) = attributes.text(9) {
            rest.push_str(&format!(" : \"{object}\""));
        }
        if attributes.has(2) {
            let data = attributes.nest(2);
            let value = match (data.get(2), data.get(1)) {
                (Some(code), _) => verdict::render(&Attributes::of(code)),
                (None, Some(value)) => render(self.gives(), value, false),
                (None, None) => String::new(),
            };
            rest.push_str(&format!(" : {value}"));
        }
        Element {
            key: value(1).unwrap_or_default(),
            key_end: value(10),
            is_end: flags & 1 != 0,
            rest,
            is_catch_all: flags & 2 != 0,
        }
    }

    /// Renders a key of one field or of several, each at a multiple of four bytes.
    fn concatenation(&self, key: &[u8], end: Option<&[u8]>) -> String {
        let is_big = self.flags & INTERVAL != 0;
        let mut offset = 0;
        let mut parts = Vec::new();
        for (kind, _, size) in &self.keys {
            let left = key.len().saturating_sub(offset);
            let size = match self.keys.len() {
                1 => left,
                _ => size.unwrap_or(left),
            };
            let field = |bytes: &[u8]| {
                let field = bytes.get(offset..offset.saturating_add(size));
                field.unwrap_or_default().to_vec()
            };
            let from = field(key);
            parts.push(match end {
                Some(end) => range(*kind, &from, &field(end), is_big),
                None => render(*kind, &from, is_big),
            });
            offset = offset.saturating_add(size.next_multiple_of(4));
        }
        parts.join(" . ")
    }

    /// Renders it within a rule.
    pub(super) fn inline(&self) -> String {
        match self.is_anonymous() {
            true => format!("{{ {} }}", self.elements.join(", ")),
            false => format!("@{}", self.name),
        }
    }

    /// Renders it on lines of its own, unless a rule renders it.
    pub(super) fn lines(&self) -> Vec<String> {
        if self.is_anonymous() {
            return Vec::new();
        }
        let kind = match self.flags & 8 != 0 || self.flags & 0x40 != 0 {
            true => "map",
            false => "set",
        };
        let all = self.header.iter().chain(&self.elements);
        all.map(|line| format!("{kind} {}: {line}", self.name))
            .collect()
    }
}

/// Renders a range of values, if possible as a prefix of an address.
pub(super) fn range(kind: Kind, from: &[u8], to: &[u8], is_big: bool) -> String {
    if from == to {
        return render(kind, from, is_big);
    }
    if matches!(kind, Kind::Address4 | Kind::Address6)
        && let Some(length) = prefix_of(from, to)
    {
        return format!("{}/{length}", render(kind, from, is_big));
    }
    format!(
        "{}-{}",
        render(kind, from, is_big),
        render(kind, to, is_big)
    )
}

fn prefix_of(from: &[u8], to: &[u8]) -> Option<u32> {
    let mask: Vec<u8> = from
        .iter()
        .zip(to)
        .map(|(one, other)| !(one ^ other))
        .collect();
    let length = prefix_length(&mask)?;
    let is_whole = from.iter().zip(&mask).all(|(byte, mask)| byte & !mask == 0);
    (from.len() == to.len() && is_whole).then_some(length)
}

/// Counts the leading ones of a mask without later ones.
pub(super) fn prefix_length(mask: &[u8]) -> Option<u32> {
    let ones: u32 = mask.iter().map(|byte| byte.count_ones()).sum();
    let mut leading = 0;
    for byte in mask {
        leading += byte.leading_ones();
        if *byte != 0xff {
            break;
        }
    }
    (ones == leading).then_some(leading)
}

/// Subtracts one from a number of any length.
fn before(key: &[u8]) -> Vec<u8> {
    let mut key = key.to_vec();
    for byte in key.iter_mut().rev() {
        let (less, borrows) = byte.overflowing_sub(1);
        *byte = less;
        if !borrows {
            break;
        }
    }
    key
}

/// Finds the comment that nft(8) keeps with a rule or an element.
pub(super) fn comment(bytes: &[u8]) -> Option<String> {
    const COMMENT: u8 = 0;
    let mut rest = bytes;
    while let [kind, length, behind @ ..] = rest {
        let value = behind.get(..usize::from(*length))?;
        if *kind == COMMENT {
            return Some(text(value));
        }
        rest = &behind[value.len()..];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{super::value::Kind, before, comment, prefix_length, range};

    #[test]
    fn ranges_and_prefixes() {
        let address = |from: [u8; 4], to: [u8; 4]| range(Kind::Address4, &from, &to, true);
        assert_eq!(address([10, 0, 0, 0], [10, 255, 255, 255]), "10.0.0.0/8");
        assert_eq!(address([10, 0, 0, 5], [10, 0, 0, 9]), "10.0.0.5-10.0.0.9");
        assert_eq!(address([10, 0, 0, 5], [10, 0, 0, 5]), "10.0.0.5");
        assert_eq!(address([10, 0, 0, 1], [10, 0, 0, 2]), "10.0.0.1-10.0.0.2");
        assert_eq!(range(Kind::Port, &[0, 1], &[1, 0], true), "1-256");
        assert_eq!(before(&[1, 0, 0]), [0, 255, 255]);
        assert_eq!(prefix_length(&[255, 128, 0]), Some(9));
        assert_eq!(prefix_length(&[255, 1]), None);
        assert_eq!(
            comment(&[1, 1, 7, 0, 3, b'a', b'b', 0]).as_deref(),
            Some("ab")
        );
        assert_eq!(comment(&[0, 9, b'a']), None);
    }
}
