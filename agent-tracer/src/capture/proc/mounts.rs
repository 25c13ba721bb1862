//! Lines of mountinfo(5), whatever bytes they are. What is mounted where is judged elsewhere.

/// As the kernel tells a process what it sees.
pub(in crate::capture) const OWN: &str = "/proc/self/mountinfo";

/// One mount.
pub(in crate::capture) struct Mount<'a> {
    /// What of its file system it shows.
    pub(in crate::capture) root: &'a [u8],
    /// Where it is, as it is called.
    pub(in crate::capture) point: Vec<u8>,
    /// The type of its file system.
    pub(in crate::capture) kind: &'a [u8],
    pub(in crate::capture) source: Vec<u8>,
    /// Of the file system, with commas.
    options: &'a [u8],
}

impl Mount<'_> {
    /// Whether its file system has an option.
    pub(in crate::capture) fn has_option(&self, option: &[u8]) -> bool {
        self.options
            .split(|byte| *byte == b',')
            .any(|it| it == option)
    }
}

/// All that can be read of a text.
pub(in crate::capture) fn mounts(text: &[u8]) -> impl Iterator<Item = Mount<'_>> {
    text.split(|byte| *byte == b'\n').filter_map(mount)
}

fn mount(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = line.split(|byte| *byte == b' ');
    let (root, point) = (fields.nth(3)?, fields.next()?);
    // Options end with a dash: there is any number of them.
    fields.find(|field| *field == b"-")?;
    let (kind, source) = (fields.next()?, fields.next().unwrap_or_default());
    Some(Mount {
        root,
        point: unescaped(point),
        kind,
        source: unescaped(source),
        options: fields.next().unwrap_or_default(),
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
