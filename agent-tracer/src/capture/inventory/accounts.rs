//! Reads users and groups from passwd(5) and group(5). It asks no network directory, and keeps no
//! password or placeholder of one.

use super::snapshot::{Snapshot, lines, of_file};

const LIMIT: u64 = 4 << 20;

/// Lists users: `uid:gid:home:shell`.
pub(super) fn users() -> Option<Snapshot> {
    of_file("/etc/passwd", LIMIT, |text| parse(text, &[2, 3, 5, 6]))
}

/// Lists groups: `gid:members`.
pub(super) fn groups() -> Option<Snapshot> {
    of_file("/etc/group", LIMIT, |text| parse(text, &[2, 3]))
}

/// Reads the wanted fields of each line. A second line of a name counts, too: it may be of user 0.
fn parse(text: &[u8], wanted: &[usize]) -> Snapshot {
    let entries = lines(text).filter_map(|line| {
        let fields: Vec<&[u8]> = line.splitn(8, |byte| *byte == b':').collect();
        let name = *fields.first()?;
        // A line without fields could be anything.
        if name.is_empty() || name.starts_with(b"#") || fields.len() < 4 {
            return None;
        }
        let values: Vec<&[u8]> = wanted
            .iter()
            .map(|field| fields.get(*field).copied().unwrap_or_default())
            .collect();
        Some((name.to_vec(), values.join(&b':')))
    });
    Snapshot::of(entries)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::snapshot::texts, parse};

    #[test]
    fn lines_as_the_c_library_reads_them() {
        let snapshot = parse(
            b"root:x:0:0:root:/root:/bin/bash\n\
              omi:$6$secret:996:995:a, b:/home/omi:/sbin/nologin\n\
              # no:x:1:1:::\n\nnonsense\nshort:x:7:7\n+::::::\nroot:x:0:0::/:/bin/sh\n\
              \xff\x1b:x:9:9:::/bin/\xfe",
            &[2, 3, 5, 6],
        );
        assert_eq!(
            texts(&snapshot),
            [
                "+ = :::",
                "omi = 996:995:/home/omi:/sbin/nologin",
                "root = 0:0:/root:/bin/bash",
                "root (2) = 0:0:/:/bin/sh",
                "short = 7:7::",
                "\u{fffd}\u{1b} = 9:9::/bin/\u{fffd}",
            ]
        );
        let groups = parse(b"adm:x:4:syslog,me\nomi:!:995:\n", &[2, 3]);
        assert_eq!(texts(&groups), ["adm = 4:syslog,me", "omi = 995:"]);
    }

    proptest! {
        #[test]
        fn any_bytes(text in prop::collection::vec(any::<u8>(), 0..400)) {
            parse(&text, &[2, 3, 5, 6]);
        }
    }
}
