//! Reads paths as the kernel programs emit them: names from the leaf up, and socket addresses.

/// Cuts the NULs behind a path. In the abstract namespace a NUL comes first, and all bytes count.
pub(super) fn unix_path(name: &[u8]) -> Vec<u8> {
    let end = match name {
        [0, ..] => name.len(),
        name => name
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(name.len()),
    };
    name.get(..end).unwrap_or_default().to_vec()
}

/// Joins names, which the kernel emits from the leaf up, each with a NUL.
pub(super) fn path(names: &[u8], cut: bool) -> Vec<u8> {
    let mut path = Vec::with_capacity(names.len() + 1);
    if cut {
        path.extend_from_slice(b"...");
    }
    let names = names.strip_suffix(b"\0").unwrap_or(names);
    if !names.is_empty() {
        for name in names.split(|byte| *byte == 0).rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
    } else if !cut {
        path.push(b'/');
    }
    path
}
