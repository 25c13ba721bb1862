//! Folds the files that a package manager unpacked. Its own lists say which package each is of, but
//! no trace has the content of a file.

use std::collections::BTreeMap;

use super::dpkg;
use crate::{
    event::Subject,
    model::{Model, ProcessIndex, Programs},
};

/// The packages of a recording that differ.
pub(super) struct Packages<'a> {
    model: &'a Model,
    /// Count of all.
    count: usize,
    /// Names, without the architecture, by the process that changed them.
    names: BTreeMap<ProcessIndex, Vec<&'a [u8]>>,
}

impl<'a> Packages<'a> {
    pub(super) fn of(model: &'a Model) -> Packages<'a> {
        let subjects = [Subject::DebianPackages, Subject::RpmPackages];
        let differences = subjects.map(|subject| model.differences(subject).len());
        let runs = model.command_lines(Programs::Debian);
        let mut names: BTreeMap<ProcessIndex, Vec<&'a [u8]>> = BTreeMap::new();
        for difference in model.differences(Subject::DebianPackages) {
            let name = difference.name.split(|byte| *byte == b':').next();
            if let Some((author, _)) = dpkg::author(model, &runs, difference) {
                names
                    .entry(author)
                    .or_default()
                    .push(name.unwrap_or_default());
            }
        }
        Packages {
            model,
            count: differences.iter().sum(),
            names,
        }
    }

    /// Checks whether a process is a package manager that changed packages. One that is not root's
    /// folds nothing.
    pub(super) fn are_by(&self, author: ProcessIndex) -> bool {
        let process = self.model.process(author);
        let mut managers = [Programs::Debian, Programs::Rpm].into_iter();
        self.count > 0 && managers.any(|it| process.is_system_program(it.names()))
    }

    /// Names the row of all files by a package manager.
    pub(super) fn name(&self, manager: ProcessIndex) -> Vec<u8> {
        let names = self.names.get(&manager).map(Vec::as_slice);
        match (names.unwrap_or_default(), self.count) {
            ([name], _) => [&b"files of package "[..], *name].concat(),
            ([], 1) => b"files of 1 package".to_vec(),
            ([], _) => b"files of packages".to_vec(),
            (names, _) => format!("files of {} packages", names.len()).into_bytes(),
        }
    }
}

/// Checks for a file such as `/etc/name.conf` or `/etc/name/name.conf`. It is never folded.
pub(super) fn is_main_configuration(path: &[u8]) -> bool {
    const ENDS: [&[u8]; 5] = [b".conf", b".cnf", b".cfg", b".ini", b".yml"];
    let Some(rest) = path.strip_prefix(b"/etc/") else {
        return false;
    };
    let mut parts = rest.split(|byte| *byte == b'/');
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    let stem = |name: &'_ [u8]| {
        let end = ENDS.iter().find(|end| name.ends_with(end))?;
        Some(name.len() - end.len())
    };
    match (first, second, third) {
        (Some(name), None, _) => stem(name).is_some(),
        (Some(directory), Some(name), None) => stem(name)
            .and_then(|length| name.get(..length))
            .is_some_and(|stem| stem.starts_with(directory) || directory.starts_with(stem)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_main_configuration;

    #[test]
    fn the_main_configuration_of_a_program() {
        for (path, is_it) in [
            ("/etc/redis/redis.conf", true),
            ("/etc/nginx/nginx.conf", true),
            ("/etc/ntpsec.conf", true),
            ("/etc/fonts/conf.d/10-hinting.conf", false),
            ("/etc/apache2/ports.conf", false),
            ("/etc/default/redis", false),
            ("/usr/lib/redis/redis.conf", false),
        ] {
            assert_eq!(is_main_configuration(path.as_bytes()), is_it, "{path}");
        }
    }
}
