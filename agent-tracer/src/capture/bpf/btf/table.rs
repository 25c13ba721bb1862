//! Looks types up in the kernel's BTF. One pass over the bytes finds the start of each type; a
//! lookup decodes only the types that it needs. It copies nothing, and trusts no length or
//! reference.
//!
//! Libraries decode all 130,000 types of a kernel for a lookup of sixty members. That would be two
//! thirds of the recorder's start-up time, and 50 MiB in small pieces. The format:
//! `Documentation/bpf/btf.rst`.

use std::collections::HashMap;

/// Magic number of BTF, in the byte order of this machine.
const MAGIC: u16 = 0xEB9F;

/// Kinds of types, `BTF_KIND_*` in `include/uapi/linux/btf.h`.
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const POINTER: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const FORWARD: u32 = 7;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNCTION: u32 = 12;
    pub(super) const PROTOTYPE: u32 = 13;
    pub(super) const VARIABLE: u32 = 14;
    pub(super) const SECTION: u32 = 15;
    pub(super) const FLOAT: u32 = 16;
    pub(super) const DECLARATION_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// Limit of a chain of modifiers and anonymous members; a longer one counts as a circle. The
/// kernel's own limit for modifiers is 32.
const DEPTH: u32 = 32;

/// `struct btf_type`: name, info, and a size or another type.
const TYPE_BYTES: usize = 12;
/// `struct btf_member`: name, type, offset.
const MEMBER_BYTES: usize = 12;

/// BTF with an index of its types.
pub(super) struct Table<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// The start of each type in `types`, but for the first: void has no bytes.
    starts: Vec<u32>,
    structs: HashMap<&'a [u8], u32>,
}

/// The head of one type.
#[derive(Clone, Copy)]
struct Type {
    start: usize,
    name: u32,
    info: u32,
    size_or_type: u32,
}

impl Type {
    fn kind(self) -> u32 {
        self.info >> 24 & 0x1F
    }

    /// Returns the number of members, parameters or values.
    fn count(self) -> usize {
        (self.info & 0xFFFF) as usize
    }

    /// Returns true if the offsets of members also hold widths of bit fields.
    fn has_bit_fields(self) -> bool {
        self.info >> 31 == 1
    }

    fn is_composite(self) -> bool {
        matches!(self.kind(), kind::STRUCT | kind::UNION)
    }

    /// Returns the length of the type; `None` for an unknown kind, after which no type can be
    /// found.
    fn bytes(self) -> Option<usize> {
        let more = match self.kind() {
            kind::POINTER
            | kind::FORWARD
            | kind::TYPEDEF
            | kind::VOLATILE
            | kind::CONST
            | kind::RESTRICT
            | kind::FUNCTION
            | kind::FLOAT
            | kind::TYPE_TAG => 0,
            kind::INT | kind::VARIABLE | kind::DECLARATION_TAG => 4,
            kind::ARRAY => 12,
            kind::STRUCT | kind::UNION => MEMBER_BYTES * self.count(),
            kind::ENUM | kind::PROTOTYPE => 8 * self.count(),
            kind::SECTION | kind::ENUM64 => 12 * self.count(),
            _ => return None,
        };
        Some(TYPE_BYTES + more)
    }
}

impl<'a> Table<'a> {
    /// Indexes the types.
    pub(super) fn of(bytes: &'a [u8]) -> Result<Table<'a>, String> {
        const SHORT: &str = "it ends too early";
        let magic = bytes.get(..2).ok_or(SHORT)?;
        if magic != MAGIC.to_ne_bytes() {
            return Err("it does not start like BTF".to_owned());
        }
        // Magic, version, flags; then five words.
        let field = |index: usize| word(bytes, 4 + 4 * index).map(|value| value as usize);
        let part = |offset: usize, length: usize| {
            let start = field(0)?.checked_add(field(offset)?)?;
            bytes.get(start..start.checked_add(field(length)?)?)
        };
        let types = part(1, 2).ok_or(SHORT)?;
        let strings = part(3, 4).ok_or(SHORT)?;
        let mut table = Table {
            types,
            strings,
            // A type of a kernel takes 30 bytes on average.
            starts: Vec::with_capacity(types.len() / 24),
            structs: HashMap::new(),
        };
        let mut start = 0;
        while start < types.len() {
            let found = table.type_at(start).ok_or(SHORT)?;
            let length = found
                .bytes()
                .ok_or_else(|| format!("it has types of an unknown kind ({})", found.kind()))?;
            table
                .starts
                .push(u32::try_from(start).map_err(|_| "it is too long")?);
            if found.kind() == kind::STRUCT {
                let number = table.last();
                // The first one, as in the kernel's own lookup.
                table
                    .structs
                    .entry(table.text(found.name))
                    .or_insert(number);
            }
            start += length;
        }
        Ok(table)
    }

    /// Returns the number of the last type.
    fn last(&self) -> u32 {
        u32::try_from(self.starts.len()).unwrap_or(u32::MAX)
    }

    fn type_at(&self, start: usize) -> Option<Type> {
        Some(Type {
            start,
            name: word(self.types, start)?,
            info: word(self.types, start + 4)?,
            size_or_type: word(self.types, start + 8)?,
        })
    }

    /// Returns a type by its number.
    fn get(&self, number: u32) -> Option<Type> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.type_at(*self.starts.get(index)? as usize)
    }

    /// Returns a string, without the zero at its end.
    fn text(&self, offset: u32) -> &'a [u8] {
        let rest = self.strings.get(offset as usize..).unwrap_or_default();
        let end = memchr::memchr(0, rest).unwrap_or(rest.len());
        &rest[..end]
    }

    /// Resolves names and qualifiers of a type.
    fn resolve(&self, number: u32) -> Option<Type> {
        let mut found = self.get(number)?;
        for _ in 0..DEPTH {
            match found.kind() {
                kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                    found = self.get(found.size_or_type)?
                }
                _ => return Some(found),
            }
        }
        None
    }

    fn structure(&self, name: &str) -> Option<Type> {
        self.get(*self.structs.get(name.as_bytes())?)
    }

    /// Returns the size of a struct in bytes.
    pub(super) fn size(&self, structure: &str) -> Option<u32> {
        Some(self.structure(structure)?.size_or_type)
    }

    /// Returns the offset of a member in bytes; `None` for a bit field.
    ///
    /// Dots separate members of members. Anonymous members are searched, too.
    pub(super) fn offset(&self, structure: &str, path: &str) -> Option<u32> {
        let mut names = path.split('.').map(str::as_bytes);
        let mut found = self.member(self.structure(structure)?, names.next()?, DEPTH)?;
        for name in names {
            let inner = self.member(self.resolve(found.of)?, name, DEPTH)?;
            found = inner.within(found.bits)?;
        }
        (found.bits % 8 == 0).then_some(found.bits / 8)
    }

    fn member(&self, of: Type, name: &[u8], depth: u32) -> Option<Member> {
        if !of.is_composite() {
            return None;
        }
        for index in 0..of.count() {
            let at = of.start + TYPE_BYTES + MEMBER_BYTES * index;
            let own = self.text(word(self.types, at)?);
            let place = word(self.types, at + 8)?;
            let (width, bits) = match of.has_bit_fields() {
                true => (place >> 24, place & 0xFF_FFFF),
                false => (0, place),
            };
            let member = Member {
                of: word(self.types, at + 4)?,
                bits,
            };
            if !own.is_empty() {
                if own == name {
                    return (width == 0).then_some(member);
                }
            } else if let Some(depth) = depth.checked_sub(1)
                && let Some(anonymous) = self.resolve(member.of)
                && let Some(inner) = self.member(anonymous, name, depth)
            {
                return inner.within(bits);
            }
        }
        None
    }

    /// Returns the number of a function.
    pub(super) fn function(&self, name: &str) -> Option<u32> {
        (1..=self.last()).find(|number| {
            self.get(*number).is_some_and(|found| {
                found.kind() == kind::FUNCTION && self.text(found.name) == name.as_bytes()
            })
        })
    }
}

/// A member of a struct or union: its type and its first bit.
struct Member {
    of: u32,
    bits: u32,
}

impl Member {
    /// Shifts the member by the first bit of its parent.
    fn within(self, bits: u32) -> Option<Member> {
        Some(Member {
            bits: self.bits.checked_add(bits)?,
            ..self
        })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests;
