//! Reads modules of the kernel, and the mounts of this process, without their options.

use super::snapshot::{Snapshot, lines, of_file};
use crate::capture::proc::mounts;

const LIMIT: u64 = 64 << 20;

/// Lists modules by name; `None` for a kernel without modules.
pub(super) fn modules() -> Option<Snapshot> {
    of_file("/proc/modules", LIMIT, |text| {
        let names = lines(text).filter_map(|line| line.split(|byte| *byte == b' ').next());
        let named = names.filter(|name| !name.is_empty());
        Snapshot::of(named.map(|name| (name.to_vec(), Vec::new())))
    })
}

/// Lists mounts: mount point; type and source. A mount over another one has a number.
pub(super) fn mounts() -> Option<Snapshot> {
    of_file(mounts::OWN, LIMIT, parse_mounts)
}

fn parse_mounts(text: &[u8]) -> Snapshot {
    Snapshot::of(mounts::mounts(text).map(|mount| {
        let value = [mount.kind, &mount.source].join(&b' ');
        (mount.point, value)
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::snapshot::texts, parse_mounts};

    #[test]
    fn mounts_as_of_proc() {
        let snapshot = parse_mounts(
            b"27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
              28 27 0:25 / /mnt/a\\040b rw shared:1 master:2 - tmpfs my\\011disk rw\n\
              29 27 0:26 / /mnt/a\\040b rw - nfs server:/x rw\n\
              30 27 0:27 / /mnt/\xff\\9\\04 rw - tmpfs\n\
              31 27 nonsense\n\n32 27 0:27 / /x rw,relatime\n",
        );
        assert_eq!(
            texts(&snapshot),
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
