//! Renders comparisons, and leaves out those that others imply.

use super::{
    super::{
        attributes::{Attributes, big_endian},
        field::{self, Field},
        set::{prefix_length, range},
        value::{Kind, flags, host_order, render},
    },
    AtLeast, Reader,
    register::{Held, register},
};

impl Reader<'_> {
    pub(super) fn compare(
        &mut self,
        data: &Attributes<'_>,
        at_least: Option<AtLeast>,
    ) -> Option<String> {
        let number = register(data.number(1));
        let value = data.nest(3).get(1)?;
        let (operator, sign) = match data.number_or_0(2) {
            operator @ 0 => (operator, ""),
            operator @ 1 => (operator, "!= "),
            operator @ 2 => (operator, "< "),
            operator @ 3 => (operator, "<= "),
            operator @ 4 => (operator, "> "),
            operator @ 5 => (operator, ">= "),
            _ => return None,
        };
        let (field, length, is_big, mask, place) = match self.registers.get(&number)?.clone() {
            Held::Field {
                field,
                length,
                is_big,
                mask,
                place,
            } => (field, length, is_big, mask, place),
            Held::Text(text, kind) => {
                let sign = if sign.is_empty() { "== " } else { sign };
                return Some(format!("{text} {sign}{}", render(kind, value, false)));
            }
            Held::Data(_) => return None,
        };
        if let Some(mask) = mask {
            self.drop_implied(&field);
            return Some(masked(&field, &mask, operator, sign, value, is_big));
        }
        if operator == 0
            && field.kind == Kind::Unknown
            && let Some((base, offset)) = place
            && let Some(fields) = field::split(self.headers, base, offset, length)
        {
            return self.several(&fields, value);
        }
        if let (3, Some(at_least)) = (operator, &at_least)
            && at_least.register == number
        {
            // Together with the part before, a range.
            let range = range(field.kind, &at_least.value, value, is_big);
            let both = format!("{} {range}", field.text);
            self.parts.pop();
            return Some(both);
        }
        if operator == 5 {
            self.at_least = Some(AtLeast {
                register: number,
                value: value.to_vec(),
            });
        }
        self.drop_implied(&field);
        let is_prefix =
            value.len() < field.length && matches!(field.kind, Kind::Address4 | Kind::Address6);
        let text = if is_prefix {
            let mut whole = value.to_vec();
            whole.resize(field.length, 0);
            format!("{}/{}", render(field.kind, &whole, true), value.len() * 8)
        } else {
            render(field.kind, value, is_big)
        };
        if operator == 0 {
            self.establish(&field, value, is_big);
        }
        Some(format!("{} {sign}{text}", field.text))
    }

    /// Renders matches of neighbours that were joined to one.
    fn several(&mut self, fields: &[Field], value: &[u8]) -> Option<String> {
        let mut rest = value;
        let mut parts = Vec::new();
        for field in fields {
            let (own, behind) = rest.split_at_checked(field.length)?;
            rest = behind;
            self.drop_implied(field);
            parts.push(format!("{} {}", field.text, render(field.kind, own, true)));
        }
        Some(parts.join(" "))
    }

    /// Notes the next header.
    fn establish(&mut self, field: &Field, value: &[u8], is_big: bool) {
        let number = match is_big {
            true => big_endian(value),
            false => host_order(value),
        };
        let position = self.parts.len();
        match field.text.as_str() {
            "meta l4proto" => {
                self.headers.transport = number;
                self.transport_part = Some(position);
            }
            "iiftype" => self.link_part = Some(position),
            "ip protocol" | "ip6 nexthdr" => self.headers.transport = number,
            "meta nfproto" => {
                self.headers.network = match number {
                    Some(2) => Some(0x0800),
                    Some(10) => Some(0x86dd),
                    _ => None,
                };
                self.network_part = Some(position);
            }
            "ether type" | "meta protocol" => {
                // Its bytes are always in network order.
                self.headers.network = big_endian(value);
                self.network_part = Some(position);
            }
            _ => {}
        }
    }

    /// Leaves out a part that only names the next header, if this field implies it.
    pub(super) fn drop_implied(&mut self, field: &Field) {
        let word = field.text.split(' ').next().unwrap_or_default();
        let is_network = matches!(word, "ip" | "ip6" | "arp");
        let is_transport = matches!(
            word,
            "tcp" | "udp" | "sctp" | "dccp" | "udplite" | "icmp" | "icmpv6"
        );
        let mut implied = None;
        if word == "ether" {
            implied = self.link_part.take();
        } else if is_network {
            implied = self.network_part.take();
        } else if is_transport {
            implied = self.transport_part.take();
            if word.starts_with("icmp") {
                // Either protocol has its own family.
                self.leave_out(implied.take());
                implied = self.network_part.take();
            }
        }
        self.leave_out(implied);
    }

    pub(super) fn leave_out(&mut self, position: Option<usize>) {
        if let Some(part) = position.and_then(|position| self.parts.get_mut(position)) {
            part.clear();
        }
    }
}

/// Renders a comparison of some bits.
fn masked(
    field: &Field,
    mask: &[u8],
    operator: u64,
    sign: &str,
    value: &[u8],
    is_big: bool,
) -> String {
    let is_none = value.iter().all(|byte| *byte == 0);
    if let Some(words) = field.kind.flags() {
        let number = |bytes: &[u8]| match is_big {
            true => big_endian(bytes),
            false => host_order(bytes),
        };
        let bits = flags(words, number(mask), mask);
        return match (operator, is_none) {
            (1, true) => format!("{} {bits}", field.text),
            (0, true) => format!("{} ! {bits}", field.text),
            _ => {
                let wanted = flags(words, number(value), value);
                format!("{} {sign}{wanted} / {bits}", field.text)
            }
        };
    }
    let is_address = matches!(field.kind, Kind::Address4 | Kind::Address6);
    if let (true, true, Some(length)) = (is_address, operator <= 1, prefix_length(mask)) {
        return format!(
            "{} {sign}{}/{length}",
            field.text,
            render(field.kind, value, true)
        );
    }
    let sign = if sign.is_empty() { "== " } else { sign };
    let shown = |bytes| render(field.kind, bytes, is_big);
    format!("{} & {} {sign}{}", field.text, shown(mask), shown(value))
}
