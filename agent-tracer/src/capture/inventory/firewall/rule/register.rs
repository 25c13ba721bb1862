//! Follows what expressions load into registers, compute there, and read from them.

use super::{
    super::{
        attributes::Attributes,
        field::{self, Field},
        value::{Kind, render},
    },
    Reader,
};

/// Content of a register.
#[derive(Clone)]
pub(super) enum Held {
    Field {
        field: Field,
        /// Count of the loaded bytes.
        length: usize,
        is_big: bool,
        mask: Option<Vec<u8>>,
        /// Base and offset in the packet.
        place: Option<(u64, u64)>,
    },
    Data(Vec<u8>),
    /// A computed text, and its kind.
    Text(String, Kind),
}

/// Returns the position of a register in bytes. Registers of 16 bytes come first, then the same in
/// steps of 4 (`enum nft_registers`).
pub(super) fn register(number: Option<u64>) -> usize {
    let number = usize::try_from(number.unwrap_or(0)).unwrap_or(0).min(64);
    match number {
        0 => VERDICT,
        1..=4 => (number - 1) * 16,
        _ => number.saturating_sub(8) * 4,
    }
}

/// The register of the verdict.
pub(super) const VERDICT: usize = usize::MAX;

impl Reader<'_> {
    pub(super) fn hold(&mut self, register: usize, held: Held) -> String {
        self.registers.insert(register, held);
        String::new()
    }

    pub(super) fn payload(&mut self, data: &Attributes<'_>) -> Option<String> {
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
    pub(super) fn access(
        &mut self,
        field: Field,
        to: Option<u64>,
        from: Option<u64>,
    ) -> Option<String> {
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

    pub(super) fn fib(&mut self, data: &Attributes<'_>) -> Option<String> {
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

    pub(super) fn bitwise(&mut self, data: &Attributes<'_>) -> Option<String> {
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

    pub(super) fn byteorder(&mut self, data: &Attributes<'_>) -> Option<String> {
        let mut held = self.registers.get(&register(data.number(1)))?.clone();
        if let Held::Field { is_big, .. } = &mut held {
            *is_big = !*is_big;
        }
        Some(self.hold(register(data.number(2)), held))
    }

    /// Finds a field that is loaded whole and unchanged.
    pub(super) fn whole_field(&self, number: Option<u64>) -> Option<(Field, bool)> {
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

    /// Renders the content of a register as the value of another field.
    pub(super) fn operand(&self, number: u64, kind: Kind) -> Option<String> {
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
}

/// Renders bits that are kept and flipped: `meta mark & 0x000000ff ^ 0x00000001`.
fn computed(field: &Field, and: &[u8], xor: &[u8], is_big: bool) -> String {
    let shown = |bytes| render(field.kind, bytes, is_big);
    let mut text = field.text.clone();
    // nft's `|` is a mask without the set bits, then a flip of them.
    let is_or = and.iter().zip(xor).all(|(and, xor)| *and == !*xor);
    if is_or {
        return format!("{text} | {}", shown(xor));
    }
    if and.iter().any(|byte| *byte != 0xff) {
        text = format!("{text} & {}", shown(and));
    }
    format!("{text} ^ {}", shown(xor))
}
