//! Modules of the kernel, and mounts as this process sees them. Options of mounts are not looked at.

use super::look::{Look, lines, of_file};

const LIMIT: u64 = 64 << 20;

/// Modules, by name. A kernel without modules has no such list.
pub(super) fn modules() -> Option<Look> {
    of_file("/proc/modules", LIMIT, |text| {
        let names = lines(text).filter_map(|line| line.split(|byte| *byte == b' ').next());
        let named = names.filter(|name| !name.is_empty());
        Look::of(named.map(|name| (name.to_vec(), Vec::new())))
    })
}

/// Mounts: mount point; type and source. What is mounted over another has a number.
pub(super) fn mounts() -> Option<Look> {
    of_file("/proc/self/mountinfo", LIMIT, parse_mounts)
}

fn parse_mounts(text: &[u8]) -> Look {
    Look::of(lines(text).filter_map(|line| {
        let mut fields = line.split(|byte| *byte == b' ');
        let point = fields.nth(4)?;
        // Options end with a dash: there is any number of them.
        fields.find(|field| *field == b"-")?;
        let (kind, source) = (fields.next()?, fields.next().unwrap_or_default());
        let value = [kind, &unescaped(source)].join(&b' ');
        Some((unescaped(point), value))
    }))
}

/// Bytes that would end a field or a line are there as `\040`.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if let (
            b'\\',
            [
                high @ b'0'..=b'3',
                middle @ b'0'..=b'7',
                low @ b'0'..=b'7',
                ..,
            ],
        ) = (first, tail)
        {
            bytes.push((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'));
            rest = &tail[3..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::look::told, parse_mounts};

    #[test]
    fn mounts_as_of_proc() {
        let look = parse_mounts(
            b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
              28 27 0:25 / /mnt/a\\040b rw shared:1 master:2 - tmpfs my\\011disk rw\n\
              29 27 0:26 / /mnt/a\\040b rw - nfs server:/x rw\n\
              30 27 0:27 / /mnt/\xff\\9\\04 rw - tmpfs\n\
              31 27 nonsense\n\n32 27 0:27 / /x rw,relatime\n",
        );
        assert_eq!(
            told(&look),
            [
                "/ = ext4 /dev/vda",
                "/mnt/a b = tmpfs my\tdisk",
                "/mnt/a b (2) = nfs server:/x",
                "/mnt/\u{fffd}\\9\\04 = tmpfs ",
            ]
        );
    }

    proptest! {
        #[test]
        fn any_bytes(text in prop::collection::vec(any::<u8>(), 0..400)) {
            parse_mounts(&text);
        }
    }
}
