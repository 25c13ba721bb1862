//! Finds the run of dpkg that changed a package. Several may run beside one another, and others
//! only ask for its state.

use crate::{
    event::Difference,
    model::{CommandLines, Model, ProcessIndex},
};

/// Options with which dpkg changes nothing.
const QUERIES: [&[u8]; 17] = [
    b"-s",
    b"--status",
    b"-l",
    b"--list",
    b"-L",
    b"--listfiles",
    b"-S",
    b"--search",
    b"-p",
    b"--print-avail",
    b"-V",
    b"--verify",
    b"-C",
    b"--audit",
    b"-I",
    b"--info",
    b"--compare-versions",
];

/// Finds the author of a change of a package; `true` if inferred.
///
/// dpkg writes and removes the list of a package's files. Where no process was seen to do so, it is
/// the last run that names the package; else the last that configures all.
pub(super) fn author(
    model: &Model,
    runs: &CommandLines<'_>,
    difference: &Difference,
) -> Option<(ProcessIndex, bool)> {
    // `name:architecture`
    let mut parts = difference.name.split(|byte| *byte == b':');
    let name = parts.next().unwrap_or_default();
    for owner in [&*difference.name, name] {
        let list = [b"/var/lib/dpkg/info/", owner, b".list"].concat();
        let authors = model.file_authors(&list);
        let seen = match difference.after {
            Some(_) => authors.wrote,
            None => authors.removed.or(authors.wrote),
        };
        if let Some(author) = seen {
            return Some((author, false));
        }
    }
    let inferred = runs
        .last_where(|argv| changes(argv) && argv.iter().skip(1).any(|word| is_of(word, name)))
        .or_else(|| {
            let is_configured = |argv: &[Vec<u8>]| {
                argv.iter().any(|word| word == b"--configure")
                    && argv
                        .iter()
                        .any(|word| word == b"-a" || word == b"--pending")
            };
            runs.last_where(is_configured)
        });
    inferred.map(|author| (author, true))
}

fn changes(argv: &[Vec<u8>]) -> bool {
    let is_query = argv
        .first()
        .is_some_and(|word| word.ends_with(b"dpkg-query"));
    !is_query && !argv.iter().any(|word| QUERIES.contains(&word.as_slice()))
}

/// Checks whether a word is a package: `NAME`, `NAME:ARCHITECTURE`, or a file `NAME.deb` or
/// `NAME_VERSION_ARCHITECTURE.deb`.
fn is_of(word: &[u8], name: &[u8]) -> bool {
    let base = word.rsplit(|byte| *byte == b'/').next();
    let rest = base.and_then(|base| base.strip_prefix(name));
    rest.is_some_and(|rest| {
        let is_file = rest == b".deb" || rest.starts_with(b"_");
        rest.is_empty() || rest.starts_with(b":") || is_file
    })
}

#[cfg(test)]
mod tests {
    use super::{changes, is_of};

    #[test]
    fn words_that_are_a_package() {
        for word in [
            "omi",
            "omi:amd64",
            "./omi.deb",
            "/var/cache/apt/archives/omi_1%3a2-3_amd64.deb",
        ] {
            assert!(is_of(word.as_bytes(), b"omi"), "{word}");
        }
        for word in ["omiserver", "/opt/omi/x", "omi-dev_1_all.deb", "--omi"] {
            assert!(!is_of(word.as_bytes(), b"omi"), "{word}");
        }
    }

    #[test]
    fn runs_that_only_ask() {
        let argv = |line: &str| -> Vec<Vec<u8>> {
            line.split(' ')
                .map(|word| word.as_bytes().to_vec())
                .collect()
        };
        for line in [
            "dpkg -s omi",
            "/usr/bin/dpkg-query -W omi",
            "dpkg --verify omi",
        ] {
            assert!(!changes(&argv(line)), "{line}");
        }
        assert!(changes(&argv("dpkg --install omi.deb")));
    }
}
