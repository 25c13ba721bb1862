//! Lines of mountinfo(5), whatever bytes they are. What is mounted where is judged elsewhere.

/// As the kernel tells a process what it sees.
pub(super) const OWN: &str = "/proc/self/mountinfo";

/// One mount.
pub(super) struct Mount<'a> {
    /// Where it is, as it is called.
    pub(super) point: Vec<u8>,
    /// The type of its file system.
    pub(super) kind: &'a [u8],
    pub(super) source: Vec<u8>,
}

/// All that can be read of a text.
pub(super) fn mounts(text: &[u8]) -> impl Iterator<Item = Mount<'_>> {
    text.split(|byte| *byte == b'\n').filter_map(mount)
}

fn mount(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = line.split(|byte| *byte == b' ');
    let point = fields.nth(4)?;
    // Options end with a dash: there is any number of them.
    fields.find(|field| *field == b"-")?;
    let (kind, source) = (fields.next()?, fields.next().unwrap_or_default());
    Some(Mount {
        point: unescaped(point),
        kind,
        source: unescaped(source),
    })
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
