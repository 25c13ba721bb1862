//! Finds the program that got an argument, for changes without another explanation.

use std::{cell::OnceCell, collections::HashSet};

use indexmap::IndexMap;

use super::{Process, ProcessIndex, process::base_name, processes::Processes};

/// Programs that change a list of the machine, by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Programs {
    /// Packages of dpkg(1).
    Debian,
    /// Packages of rpm.
    Rpm,
    /// Kernel modules.
    Modules,
    /// Kernel parameters.
    Sysctl,
    /// Rules of the firewall.
    Firewall,
    /// Mounts.
    Mounts,
    /// Units of systemd.
    Units,
}

impl Programs {
    const ALL: [Programs; 7] = [
        Programs::Debian,
        Programs::Rpm,
        Programs::Modules,
        Programs::Sysctl,
        Programs::Firewall,
        Programs::Mounts,
        Programs::Units,
    ];

    /// Returns the names.
    pub fn names(self) -> &'static [&'static [u8]] {
        match self {
            Programs::Debian => &[b"dpkg"],
            Programs::Rpm => &[b"rpm", b"dnf", b"yum", b"zypper"],
            Programs::Modules => &[b"modprobe", b"insmod", b"rmmod", b"kmod"],
            Programs::Sysctl => &[b"sysctl"],
            Programs::Firewall => &[
                b"nft",
                b"iptables",
                b"ip6tables",
                b"iptables-restore",
                b"ufw",
                b"firewall-cmd",
            ],
            Programs::Mounts => &[b"mount", b"umount"],
            Programs::Units => &[b"systemctl"],
        }
    }

    /// True for a process that ran one of them with arguments.
    fn ran_as(self, process: &Process) -> bool {
        let names = self.names();
        process.execs > 0
            && process.names.iter().any(|name| names.contains(&&**name))
            && process.argv.len() > 1
    }
}

/// Lists the last process with each command line of these programs.
pub(super) fn last_of_each(processes: &Processes) -> Vec<ProcessIndex> {
    let mut seen = HashSet::new();
    let mut last = Vec::new();
    for (index, process) in processes.iter().rev() {
        for programs in Programs::ALL {
            let is_systems = process.is_system_program(programs.names());
            // One that ran before may still stop a unit.
            let is_one = programs.ran_as(process) || is_systems && programs == Programs::Units;
            if is_one && seen.insert((programs, is_systems, &process.argv)) {
                last.push(index);
            }
        }
    }
    last
}

/// Command lines of the programs with some names, each with the last process that had it.
pub struct CommandLines<'a> {
    processes: &'a Processes,
    programs: Programs,
    /// Collected once they are asked for: most recordings change no such list.
    last_first: OnceCell<IndexMap<&'a [Vec<u8>], ProcessIndex>>,
}

impl<'a> CommandLines<'a> {
    pub(super) fn of(programs: Programs, processes: &'a Processes) -> CommandLines<'a> {
        CommandLines {
            processes,
            programs,
            last_first: OnceCell::new(),
        }
    }

    fn collected(&self) -> IndexMap<&'a [Vec<u8>], ProcessIndex> {
        let mut last_first = IndexMap::new();
        for (index, process) in self.processes.iter().rev() {
            if self.programs.ran_as(process) {
                last_first.entry(&*process.argv).or_insert(index);
            }
        }
        last_first
    }

    /// Finds the last process with this text in an argument, or the process that made it run.
    ///
    /// The names of a process include those of a fork, until that executes another program.
    pub fn last_with(&self, text: &[u8]) -> Option<ProcessIndex> {
        let finder = memchr::memmem::Finder::new(text);
        let has_text = |argv: &[Vec<u8>]| {
            let mut words = argv.iter().skip(1);
            words.any(|word| finder.find(word).is_some())
        };
        self.last_where(has_text)
    }

    /// Finds the last process with such a command line, or the process that made it run.
    pub fn last_where(&self, is_it: impl Fn(&[Vec<u8>]) -> bool) -> Option<ProcessIndex> {
        let mut all = self.last_first.get_or_init(|| self.collected()).iter();
        let names = self.programs.names();
        let (_, last) = all.find(|(argv, _)| is_it(argv))?;
        let is_called = |index: &ProcessIndex| {
            let process = &self.processes[*index];
            let first = process.argv.first().map_or(&[][..], Vec::as_slice);
            let now = [
                &process.comm,
                base_name(&process.filename),
                base_name(first),
            ];
            now.iter().any(|name| names.contains(name))
        };
        std::iter::once(*last)
            .chain(self.processes.ancestors(*last))
            .find(is_called)
            .or(Some(*last))
    }
}
