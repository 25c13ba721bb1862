//! Renders a rule of nf_tables: follows what its expressions load into registers and compare.

mod comparison;
mod lookup;
mod register;
mod translation;

use std::collections::BTreeMap;

use super::{
    attributes::{Attributes, list},
    field::{self, Headers},
    set::{Set, comment, range},
    statement::{Expression, object},
    value::Kind,
    verdict,
};
use register::{Held, VERDICT, register};

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
    /// The positions of parts that only name the next header: the next part may imply it.
    link_part: Option<usize>,
    network_part: Option<usize>,
    transport_part: Option<usize>,
    /// The last part, if it says "at least".
    at_least: Option<AtLeast>,
}

/// A part that says "at least".
struct AtLeast {
    register: usize,
    value: Vec<u8>,
}

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
        link_part: None,
        network_part: None,
        transport_part: None,
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

    /// Renders an expression. Returns an empty text if it only loads a register, `None` if it is
    /// unknown.
    fn known(&mut self, expression: &Expression<'_>, at_least: Option<AtLeast>) -> Option<String> {
        let data = &expression.data;
        if let Some(text) = expression.alone(self.family) {
            const OF_ONE_FAMILY: u64 = 0;
            if expression.name == "reject" && data.number_or_0(1) == OF_ONE_FAMILY {
                let implied = self.network_part.take();
                self.leave_out(implied);
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
                self.drop_implied(&field);
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
}
