//! Renders a rule of nf_tables: follows what its expressions load into registers, and says what is compared with what.

use std::collections::BTreeMap;

use super::{
    attributes::{Attributes, list},
    field::{self, Field, Headers},
    set::{Set, comment, prefix_length, range},
    statement::{Expression, object},
    value::{Kind, flags, host_order, render},
    verdict,
};

/// What a register holds.
#[derive(Clone)]
enum Held {
    Field {
        field: Field,
        /// How many bytes were loaded.
        length: usize,
        is_big: bool,
        mask: Option<Vec<u8>>,
        /// Base and offset in the packet.
        place: Option<(u64, u64)>,
    },
    Data(Vec<u8>),
    /// What was computed, and what kind it is.
    Text(String, Kind),
}

/// Sets by family, table and name.
pub(super) type Sets = BTreeMap<(u8, String, String), Set>;

/// A rule that is being read.
pub(super) struct Reader<'a> {
    sets: &'a Sets,
    family: u8,
    table: String,
    headers: Headers,
    registers: BTreeMap<usize, Held>,
    parts: Vec<String>,
    /// The parts that only say which header comes, in case the next part says it anyway.
    says_link: Option<usize>,
    says_network: Option<usize>,
    says_transport: Option<usize>,
    /// The last part, if it says "at least": the register, what it is of, and the value.
    at_least: Option<(usize, Field, Vec<u8>, bool)>,
}

/// Registers of 16 bytes come first, then the same in steps of 4 (`enum nft_registers`).
fn register(number: Option<u64>) -> usize {
    let number = usize::try_from(number.unwrap_or(0)).unwrap_or(0).min(64);
    match number {
        0 => VERDICT,
        1..=4 => (number - 1) * 16,
        _ => number.saturating_sub(8) * 4,
    }
}

const VERDICT: usize = usize::MAX;

/// Renders the expressions of a rule, and its comment.
pub(super) fn render_rule(rule: &Attributes<'_>, family: u8, table: &str, sets: &Sets) -> String {
    let network = match family {
        2 => Some(0x0800),
        10 => Some(0x86dd),
        3 => Some(0x0806),
        _ => None,
    };
    let mut reader = Reader {
        sets,
        family,
        table: table.to_owned(),
        headers: Headers {
            network,
            transport: None,
        },
        registers: BTreeMap::new(),
        parts: Vec::new(),
        says_link: None,
        says_network: None,
        says_transport: None,
        at_least: None,
    };
    for bytes in rule.get(4).into_iter().flat_map(list) {
        reader.take(&Expression::of(bytes));
    }
    if let Some(comment) = rule.get(7).and_then(comment) {
        reader.parts.push(format!("comment \"{comment}\""));
    }
    reader.parts.retain(|part| !part.is_empty());
    reader.parts.join(" ")
}

impl Reader<'_> {
    fn take(&mut self, expression: &Expression<'_>) {
        let at_least = self.at_least.take();
        let text = match expression.is_known() {
            true => self.known(expression, at_least),
            false => None,
        };
        match text {
            Some(text) => self.parts.push(text),
            None => self.parts.push(expression.unknown()),
        }
    }

    /// Renders it; empty where it only loads a register, nothing where it is not understood.
    fn known(
        &mut self,
        expression: &Expression<'_>,
        at_least: Option<(usize, Field, Vec<u8>, bool)>,
    ) -> Option<String> {
        let data = &expression.data;
        if let Some(text) = expression.alone(self.family) {
            const OF_ONE_FAMILY: u64 = 0;
            if expression.name == "reject" && data.number_or_0(1) == OF_ONE_FAMILY {
                let said = self.says_network.take();
                self.leave_out(said);
            }
            return Some(text);
        }
        Some(match expression.name.as_str() {
            "immediate" => match register(data.number(1)) {
                VERDICT => verdict::render(&data.nest(2).nest(2)),
                register => self.hold(register, Held::Data(data.nest(2).get(1)?.to_vec())),
            },
            "payload" => self.payload(data)?,
            "meta" => self.access(
                field::of_meta(data.number(2)?)?,
                data.number(1),
                data.number(3),
            )?,
            "ct" => {
                let mut field = field::of_connection(data.number(2)?, data.number(3))?;
                if field.kind == Kind::Unknown && self.headers.network == Some(0x0800) {
                    field.kind = Kind::Address4;
                }
                self.access(field, data.number(1), data.number(4))?
            }
            "fib" => self.fib(data)?,
            "bitwise" => self.bitwise(data)?,
            "byteorder" => self.byteorder(data)?,
            "cmp" => self.compare(data, at_least)?,
            "range" => {
                let (field, is_big) = self.whole_field(data.number(1))?;
                let (from, to) = (data.nest(3).get(1)?, data.nest(4).get(1)?);
                let not = if data.number(2) == Some(1) { "!= " } else { "" };
                self.drop_said(&field);
                format!(
                    "{} {not}{}",
                    field.text,
                    range(field.kind, from, to, is_big)
                )
            }
            "lookup" => self.lookup(data)?,
            "dynset" => self.dynamic(data)?,
            "nat" => self.nat(data)?,
            "masq" => self.port_translation("masquerade", data, 1, 2, 3)?,
            "redir" => self.port_translation("redirect", data, 3, 1, 2)?,
            "tproxy" => {
                let to = self.destination(data.number(2), None, data.number(3), None)?;
                format!("tproxy {}to {to}", self.family_word(data.number(1)))
            }
            "dup" | "fwd" if !data.has(3) => {
                let (first, second) = match expression.name.as_str() {
                    "dup" => (data.number(1), data.number(2)),
                    _ => (None, data.number(1)),
                };
                let device = match second {
                    Some(number) => format!(" device {}", self.operand(number, Kind::Interface)?),
                    None => String::new(),
                };
                match first {
                    Some(number) => {
                        let to = self.operand(number, Kind::Unknown)?;
                        format!("{} to {to}{device}", expression.name)
                    }
                    None => format!(
                        "{} to{}",
                        expression.name,
                        device.replacen(" device", "", 1)
                    ),
                }
            }
            "objref" => {
                let keys = self.operand(data.number(3)?, Kind::Unknown)?;
                let set = self.set_text(&data.text(4)?);
                format!("{} name {keys} map {set}", object(data.number_or_0(1)))
            }
            _ => return None,
        })
    }

    fn hold(&mut self, register: usize, held: Held) -> String {
        self.registers.insert(register, held);
        String::new()
    }

    fn payload(&mut self, data: &Attributes<'_>) -> Option<String> {
        let length = usize::try_from(data.number(4)?).ok()?;
        let (base, offset) = (data.number(2)?, data.number(3)?);
        let field = field::of_payload(self.headers, base, offset, length);
        if let Some(source) = data.number(5) {
            let value = self.operand(source, field.kind)?;
            return Some(format!("{} set {value}", field.text));
        }
        let held = Held::Field {
            field,
            length,
            is_big: true,
            mask: None,
            place: Some((base, offset)),
        };
        Some(self.hold(register(data.number(1)), held))
    }

    /// Loads a field, or sets it.
    fn access(&mut self, field: Field, to: Option<u64>, from: Option<u64>) -> Option<String> {
        if let Some(from) = from {
            let value = self.operand(from, field.kind)?;
            return Some(format!("{} set {value}", field.text));
        }
        let held = Held::Field {
            length: field.length,
            field,
            is_big: false,
            mask: None,
            place: None,
        };
        Some(self.hold(register(to), held))
    }

    fn fib(&mut self, data: &Attributes<'_>) -> Option<String> {
        const KEYS: [(u64, &str); 5] = [
            (1, "saddr"),
            (2, "daddr"),
            (4, "mark"),
            (8, "iif"),
            (16, "oif"),
        ];
        let bits = data.number_or_0(3);
        let keys: Vec<&str> = KEYS
            .iter()
            .filter(|(bit, _)| bits & bit != 0)
            .map(|(_, word)| *word)
            .collect();
        let is_present = bits & 32 != 0;
        let (result, kind) = match data.number(2)? {
            _ if is_present => ("oif", Kind::Presence),
            1 => ("oif", Kind::Interface),
            2 => ("oifname", Kind::InterfaceName),
            3 => ("type", Kind::AddressType),
            _ => return None,
        };
        let field = Field {
            text: format!("fib {} {result}", keys.join(" . ")),
            kind,
            length: 4,
        };
        self.access(field, data.number(1), None)
    }

    fn bitwise(&mut self, data: &Attributes<'_>) -> Option<String> {
        const MASK_AND_XOR: u64 = 0;
        if data.number_or_0(6) != MASK_AND_XOR {
            return None;
        }
        let (and, xor) = (data.nest(4).get(1)?, data.nest(5).get(1)?);
        let (from, to) = (register(data.number(1)), register(data.number(2)));
        let held = self.registers.get(&from)?.clone();
        let held = match held {
            Held::Field {
                field,
                length,
                is_big,
                mask: None,
                place,
            } if xor.iter().all(|byte| *byte == 0) => Held::Field {
                field,
                length,
                is_big,
                mask: Some(and.to_vec()),
                place,
            },
            Held::Field {
                field,
                is_big,
                mask: None,
                ..
            } => Held::Text(computed(&field, and, xor, is_big), field.kind),
            Held::Field { .. } | Held::Data(_) | Held::Text(..) => return None,
        };
        Some(self.hold(to, held))
    }

    fn byteorder(&mut self, data: &Attributes<'_>) -> Option<String> {
        let mut held = self.registers.get(&register(data.number(1)))?.clone();
        if let Held::Field { is_big, .. } = &mut held {
            *is_big = !*is_big;
        }
        Some(self.hold(register(data.number(2)), held))
    }

    /// Finds a field that is loaded whole and as it is.
    fn whole_field(&self, number: Option<u64>) -> Option<(Field, bool)> {
        match self.registers.get(&register(number))? {
            Held::Field {
                field,
                is_big,
                mask: None,
                ..
            } => Some((field.clone(), *is_big)),
            Held::Field { .. } | Held::Data(_) | Held::Text(..) => None,
        }
    }

    fn compare(
        &mut self,
        data: &Attributes<'_>,
        at_least: Option<(usize, Field, Vec<u8>, bool)>,
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
            self.drop_said(&field);
            return Some(masked(&field, &mask, operator, sign, value, is_big));
        }
        if operator == 0
            && field.kind == Kind::Unknown
            && let Some((base, offset)) = place
            && let Some(fields) = field::split(self.headers, base, offset, length)
        {
            return self.several(&fields, value);
        }
        if let (3, Some((register, _, from, _))) = (operator, &at_least)
            && *register == number
        {
            // The part before says "at least": both together say a range.
            let both = format!("{} {}", field.text, range(field.kind, from, value, is_big));
            self.parts.pop();
            return Some(both);
        }
        if operator == 5 {
            self.at_least = Some((number, field.clone(), value.to_vec(), is_big));
        }
        self.drop_said(&field);
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
            self.drop_said(field);
            parts.push(format!("{} {}", field.text, render(field.kind, own, true)));
        }
        Some(parts.join(" "))
    }

    /// Notes which header comes next.
    fn establish(&mut self, field: &Field, value: &[u8], is_big: bool) {
        let number = match is_big {
            true => super::attributes::big_endian(value),
            false => host_order(value),
        };
        let position = self.parts.len();
        match field.text.as_str() {
            "meta l4proto" => {
                self.headers.transport = number;
                self.says_transport = Some(position);
            }
            "iiftype" => self.says_link = Some(position),
            "ip protocol" | "ip6 nexthdr" => self.headers.transport = number,
            "meta nfproto" => {
                self.headers.network = match number {
                    Some(2) => Some(0x0800),
                    Some(10) => Some(0x86dd),
                    _ => None,
                };
                self.says_network = Some(position);
            }
            "ether type" | "meta protocol" => {
                // Its bytes are in the order of the network wherever they come from.
                self.headers.network = super::attributes::big_endian(value);
                self.says_network = Some(position);
            }
            _ => {}
        }
    }

    /// Leaves out a part that only says which header comes, where this field says it.
    fn drop_said(&mut self, field: &Field) {
        let word = field.text.split(' ').next().unwrap_or_default();
        let is_network = matches!(word, "ip" | "ip6" | "arp");
        let is_transport = matches!(
            word,
            "tcp" | "udp" | "sctp" | "dccp" | "udplite" | "icmp" | "icmpv6"
        );
        let mut said = None;
        if word == "ether" {
            said = self.says_link.take();
        } else if is_network {
            said = self.says_network.take();
        } else if is_transport {
            said = self.says_transport.take();
            if word.starts_with("icmp") {
                // Either protocol has its own family.
                self.leave_out(said.take());
                said = self.says_network.take();
            }
        }
        self.leave_out(said);
    }

    fn leave_out(&mut self, position: Option<usize>) {
        if let Some(part) = position.and_then(|position| self.parts.get_mut(position)) {
            part.clear();
        }
    }

    /// Renders the fields that a key of that length is made of.
    fn keys(&mut self, first: u64, length: usize) -> Option<String> {
        let first = register(Some(first));
        let range = first..first.checked_add(length.max(1))?;
        let held: Vec<Held> = self
            .registers
            .range(range)
            .map(|(_, held)| held.clone())
            .collect();
        let mut texts = Vec::new();
        for held in held {
            texts.push(match held {
                Held::Field {
                    field,
                    is_big,
                    mask,
                    ..
                } => {
                    self.drop_said(&field);
                    match mask {
                        Some(mask) => {
                            format!("{} & {}", field.text, render(field.kind, &mask, is_big))
                        }
                        None => field.text,
                    }
                }
                Held::Text(text, _) => text,
                Held::Data(_) => return None,
            });
        }
        (!texts.is_empty()).then(|| texts.join(" . "))
    }

    fn set(&self, name: &str) -> Option<&Set> {
        let key = (self.family, self.table.clone(), name.to_owned());
        self.sets.get(&key)
    }

    fn set_text(&self, name: &str) -> String {
        // A set that is gone since has its name only.
        self.set(name)
            .map_or_else(|| format!("@{name}"), Set::inline)
    }

    fn lookup(&mut self, data: &Attributes<'_>) -> Option<String> {
        let name = data.text(1)?;
        let length = self.set(&name).map_or(4, Set::key_length);
        let gives = self.set(&name).map_or(Kind::Unknown, Set::gives);
        let keys = self.keys(data.number(2)?, length)?;
        let set = self.set_text(&name);
        let not = if data.number_or_0(5) & 1 != 0 {
            "!= "
        } else {
            ""
        };
        Some(match data.number(3) {
            None => format!("{keys} {not}{set}"),
            Some(0) => format!("{keys} vmap {set}"),
            Some(to) => {
                let held = Held::Text(format!("{keys} map {set}"), gives);
                self.hold(register(Some(to)), held)
            }
        })
    }

    fn dynamic(&mut self, data: &Attributes<'_>) -> Option<String> {
        let name = data.text(1)?;
        let length = self.set(&name).map_or(4, Set::key_length);
        let verb = match data.number_or_0(3) {
            0 => "add",
            1 => "update",
            2 => "delete",
            _ => return None,
        };
        let mut element = self.keys(data.number(4)?, length)?;
        if let Some(timeout) = data.number(6).filter(|timeout| *timeout != 0) {
            element.push_str(&format!(" timeout {}", super::value::duration(timeout)));
        }
        let one = data.get(7).into_iter();
        let many = data.get(10).into_iter().flat_map(list);
        for bytes in one.chain(many) {
            let statement = Expression::of(bytes);
            let known = statement
                .is_known()
                .then(|| statement.alone(self.family))
                .flatten();
            element.push(' ');
            element.push_str(&known.unwrap_or_else(|| statement.unknown()));
        }
        if let Some(source) = data.number(5) {
            let value = self.operand(source, Kind::Unknown)?;
            element.push_str(&format!(" : {value}"));
        }
        Some(format!("{verb} @{name} {{ {element} }}"))
    }

    /// Renders what a register gives to another field.
    fn operand(&self, number: u64, kind: Kind) -> Option<String> {
        Some(match self.registers.get(&register(Some(number)))? {
            Held::Data(bytes) => match (kind, bytes.len()) {
                (Kind::Unknown, 4) => render(Kind::Address4, bytes, true),
                (Kind::Unknown, 16) => render(Kind::Address6, bytes, true),
                _ => render(kind, bytes, false),
            },
            Held::Field {
                field, mask: None, ..
            } => field.text.clone(),
            Held::Field { .. } => return None,
            Held::Text(text, _) => text.clone(),
        })
    }

    fn family_word(&self, family: Option<u64>) -> &'static str {
        const INET: u8 = 1;
        match family {
            Some(2) if self.family == INET => "ip ",
            Some(10) if self.family == INET => "ip6 ",
            Some(_) | None => "",
        }
    }

    fn nat(&mut self, data: &Attributes<'_>) -> Option<String> {
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

    fn port_translation(
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
    fn destination(
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

/// Renders flags of address translation. Those of whether addresses and ports are given go without saying.
fn nat_options(bits: u64) -> String {
    const GOES_WITHOUT_SAYING: u64 = 1 | 2;
    const OPTIONS: [(u64, &str); 5] = [
        (4, "random"),
        (16, "fully-random"),
        (8, "persistent"),
        (32, "port-offset"),
        (64, "netmap"),
    ];
    match bits & !GOES_WITHOUT_SAYING {
        0 => String::new(),
        bits => format!(" {}", flags(&OPTIONS, Some(bits), &[])),
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
            true => super::attributes::big_endian(bytes),
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

/// Renders bits that are kept and turned: `meta mark & 0x000000ff ^ 0x00000001`.
fn computed(field: &Field, and: &[u8], xor: &[u8], is_big: bool) -> String {
    let shown = |bytes| render(field.kind, bytes, is_big);
    let mut text = field.text.clone();
    // What is set is kept neither: nft's `|` is a mask without those bits, and a turn of them.
    let is_or = and.iter().zip(xor).all(|(and, xor)| *and == !*xor);
    if is_or {
        return format!("{text} | {}", shown(xor));
    }
    if and.iter().any(|byte| *byte != 0xff) {
        text = format!("{text} & {}", shown(and));
    }
    format!("{text} ^ {}", shown(xor))
}
