//! BTF written by hand, one type after the other, read back.

use super::{Table, kind};

/// Types and strings to be made BTF of.
struct Written {
    types: Vec<u8>,
    strings: Vec<u8>,
}

impl Written {
    fn new() -> Written {
        Written {
            types: Vec::new(),
            strings: vec![0],
        }
    }

    fn text(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let place = self.strings.len();
        self.strings.extend(text.bytes());
        self.strings.push(0);
        place as u32
    }

    fn add(&mut self, name: &str, info: u32, size_or_type: u32, more: &[u32]) {
        let name = self.text(name);
        for word in [name, info, size_or_type].iter().chain(more) {
            self.types.extend(word.to_ne_bytes());
        }
    }

    /// Members as name, type, and the bit they begin at.
    fn composite(&mut self, kind: u32, name: &str, members: &[(&str, u32, u32)]) {
        let words: Vec<u32> = members
            .iter()
            .flat_map(|(name, of, bits)| [self.text(name), *of, *bits])
            .collect();
        let flag = members.iter().any(|(_, _, bits)| bits >> 24 > 0);
        let info = u32::from(flag) << 31 | kind << 24 | members.len() as u32;
        self.add(name, info, 64, &words);
    }

    fn bytes(&self) -> Vec<u8> {
        let lengths = [
            24,
            0,
            self.types.len() as u32,
            self.types.len() as u32,
            self.strings.len() as u32,
        ];
        let mut bytes = 0xEB9F_u16.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        bytes.extend(lengths.iter().flat_map(|word| word.to_ne_bytes()));
        bytes.extend(&self.types);
        bytes.extend(&self.strings);
        bytes
    }
}

fn example() -> Vec<u8> {
    let mut written = Written::new();
    written.add("int", kind::INT << 24, 4, &[32]); // 1
    written.composite(kind::STRUCT, "inner", &[("a", 1, 0), ("b", 1, 32)]); // 2
    written.add("inner_t", kind::TYPEDEF << 24, 2, &[]); // 3
    written.add("", kind::CONST << 24, 3, &[]); // 4
    written.composite(kind::UNION, "", &[("u", 1, 0), ("v", 4, 0)]); // 5
    written.composite(kind::STRUCT, "", &[("first", 1, 0), ("", 5, 64)]); // 6
    written.add("", kind::ARRAY << 24, 0, &[1, 1, 8]); // 7
    written.add("", kind::ENUM << 24 | 1, 4, &[0, 7]); // 8
    written.add("", kind::PROTOTYPE << 24 | 1, 1, &[0, 1]); // 9
    written.add("connect_it", kind::FUNCTION << 24 | 1, 9, &[]); // 10
    written.composite(
        kind::STRUCT,
        "outer",
        &[
            ("plain", 1, 0),
            ("", 6, 64),
            ("flag", 1, 1 << 24 | 256),
            ("last", 4, 512),
        ],
    ); // 11
    written.composite(kind::STRUCT, "outer", &[("plain", 1, 800)]); // 12
    written.bytes()
}

#[test]
fn members_are_found_where_they_are() {
    let bytes = example();
    let table = Table::of(&bytes).expect("BTF");
    for (path, offset) in [
        ("plain", Some(0)),
        ("first", Some(8)),
        ("u", Some(16)),
        ("v", Some(16)),
        // Through a constant of a name of a struct in an anonymous union of an anonymous struct.
        ("v.b", Some(20)),
        ("last", Some(64)),
        ("last.b", Some(68)),
        // A bit field, and what is not there.
        ("flag", None),
        ("missing", None),
        ("plain.a", None),
        ("last.a.a", None),
        ("", None),
    ] {
        assert_eq!(table.offset("outer", path), offset, "{path}");
    }
    assert_eq!(table.offset("inner_t", "a"), None, "no struct");
    assert_eq!(table.size("inner"), Some(64));
    assert_eq!(table.size("nothing"), None);
    assert_eq!(table.function("connect_it"), Some(10));
    assert_eq!(table.function("outer"), None);
}

#[test]
fn what_is_cut_is_an_error_or_has_less() {
    let bytes = example();
    for length in 0..bytes.len() {
        if let Ok(table) = Table::of(&bytes[..length]) {
            assert_eq!(table.offset("outer", "last"), None);
        }
    }
}

#[test]
fn any_byte_may_be_wrong() {
    let bytes = example();
    for place in 0..bytes.len() {
        for value in [0, 1, 4, 5, 8, 0x7F, 0x84, 0xFF] {
            let mut bytes = bytes.clone();
            bytes[place] = value;
            if let Ok(table) = Table::of(&bytes) {
                // Whatever they say: they say it, and end.
                let _ = table.offset("outer", "v.b");
                let _ = table.function("connect_it");
            }
        }
    }
}

#[test]
fn a_type_within_itself_ends() {
    let mut written = Written::new();
    written.composite(kind::STRUCT, "circle", &[("", 1, 32)]);
    written.add("round", kind::TYPEDEF << 24, 2, &[]);
    written.composite(kind::STRUCT, "names", &[("a", 2, 0)]);
    let bytes = written.bytes();
    let table = Table::of(&bytes).expect("BTF");
    assert_eq!(table.offset("circle", "missing"), None);
    assert_eq!(table.offset("names", "a.b"), None);
}

#[test]
fn what_is_no_btf_is_refused() {
    for (bytes, reason) in [
        (&b""[..], "too early"),
        (b"\x7FELF", "does not start"),
        (b"\x9F\xEB\x01\x00\x18", "too early"),
    ] {
        let error = Table::of(bytes).err().expect("an error");
        assert!(error.contains(reason), "{error}");
    }
    let mut written = Written::new();
    written.add("new", 29 << 24, 0, &[]);
    let error = Table::of(&written.bytes()).err().expect("an error");
    assert!(error.contains("29"), "{error}");
}
