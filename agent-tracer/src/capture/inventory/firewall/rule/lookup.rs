//! Renders lookups in sets, and changes of sets.

use super::{
    super::{
        attributes::{Attributes, list},
        set::Set,
        statement::Expression,
        value::{Kind, duration, render},
    },
    Reader,
    register::{Held, register},
};

impl Reader<'_> {
    /// Renders the fields of a key of that length.
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
                    self.drop_implied(&field);
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

    pub(super) fn set_text(&self, name: &str) -> String {
        // A set that is gone by now has only its name.
        self.set(name)
            .map_or_else(|| format!("@{name}"), Set::inline)
    }

    pub(super) fn lookup(&mut self, data: &Attributes<'_>) -> Option<String> {
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

    pub(super) fn dynamic(&mut self, data: &Attributes<'_>) -> Option<String> {
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
            element.push_str(&format!(" timeout {}", duration(timeout)));
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
}
