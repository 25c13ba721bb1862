//! Holds the facts of a change by its kind, and the processes with a part in it.

use crate::{
    event::{Difference, FileDifference},
    model::{Download, Listener, ProcessIndex},
};

use super::{Change, services::Unit};
use crate::findings::{ConnectionGroup, Destination};

/// The facts of a change, by its kind.
#[derive(Clone, Debug)]
pub enum Facts<'a> {
    /// A process that still runs: its author itself.
    Process,
    /// A socket that still listens.
    Listener(&'a Listener),
    /// A remote end.
    Destination(Box<ConnectionGroup>),
    /// A file that was downloaded, and executed or native code.
    Download(Box<Downloaded>),
    /// A systemd unit.
    Unit(Box<Unit<'a>>),
    /// An entry of a list that was compared.
    Entry {
        /// Its values before and after.
        difference: &'a Difference,
        /// Number of the kernel's other settings that follow from it.
        followed_by: usize,
    },
    /// A file that was compared.
    File(&'a FileDifference),
    /// Several files, with their bytes where they were compared.
    Files(Option<u64>),
    /// A file that was not compared.
    Touched,
}

/// A download, and where it came from.
#[derive(Clone, Debug)]
pub struct Downloaded {
    /// The file and its processes.
    pub download: Download,
    /// The remote ends that its writer had received from.
    pub from: Vec<Destination>,
}

impl Change<'_> {
    /// Returns the listener, for changes of that kind.
    pub fn listener(&self) -> Option<&Listener> {
        match &self.facts {
            Facts::Listener(listener) => Some(listener),
            Facts::Touched
            | Facts::Process
            | Facts::Destination(_)
            | Facts::Download(_)
            | Facts::Unit(_)
            | Facts::Entry { .. }
            | Facts::File(_)
            | Facts::Files(_) => None,
        }
    }

    /// Returns the download, for changes of that kind.
    pub fn download(&self) -> Option<&Download> {
        match &self.facts {
            Facts::Download(downloaded) => Some(&downloaded.download),
            Facts::Touched
            | Facts::Process
            | Facts::Listener(_)
            | Facts::Destination(_)
            | Facts::Unit(_)
            | Facts::Entry { .. }
            | Facts::File(_)
            | Facts::Files(_) => None,
        }
    }

    /// Returns every process with a known part in it: its author, and others that its row names.
    pub fn parties(&self) -> Vec<ProcessIndex> {
        let within = self.within.iter().filter_map(|within| within.author);
        let mut parties: Vec<ProcessIndex> = within.map(|(author, _)| author).collect();
        parties.extend(self.author);
        match &self.facts {
            Facts::Download(downloaded) => {
                parties.extend(downloaded.download.parties());
            }
            Facts::Unit(unit) => parties.extend(unit.parties()),
            Facts::Touched
            | Facts::Process
            | Facts::Listener(_)
            | Facts::Destination(_)
            | Facts::Entry { .. }
            | Facts::File(_)
            | Facts::Files(_) => {}
        }
        parties
    }
}
