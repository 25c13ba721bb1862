//! What the model has of a change besides the words that a row is made of, and who had a part in it. Words are made elsewhere.

use crate::{
    event::{Difference, FileDifference},
    model::{Download, Listener, ProcessIndex},
};

use super::{Change, services::Unit};
use crate::view::groups::Group;

/// By what it is a change of.
#[derive(Clone, Debug)]
pub(super) enum Facts<'a> {
    /// There is nothing but words.
    None,
    /// Its author is the process itself.
    Process,
    Listener(&'a Listener),
    Destination(Box<Group>),
    Download(Download),
    Unit(Box<Unit<'a>>),
    /// Of a list that was looked at twice.
    Entry(&'a Difference),
    File(&'a FileDifference),
    /// Several files, with the bytes that they have, where that is known.
    Files(Option<u64>),
}

impl Change<'_> {
    /// The listener that it is about, of that kind.
    pub fn listener(&self) -> Option<&Listener> {
        match &self.facts {
            Facts::Listener(listener) => Some(listener),
            Facts::None
            | Facts::Process
            | Facts::Destination(_)
            | Facts::Download(_)
            | Facts::Unit(_)
            | Facts::Entry(_)
            | Facts::File(_)
            | Facts::Files(_) => None,
        }
    }

    /// The download that it is about, of that kind.
    pub fn download(&self) -> Option<&Download> {
        match &self.facts {
            Facts::Download(download) => Some(download),
            Facts::None
            | Facts::Process
            | Facts::Listener(_)
            | Facts::Destination(_)
            | Facts::Unit(_)
            | Facts::Entry(_)
            | Facts::File(_)
            | Facts::Files(_) => None,
        }
    }

    /// Everybody who is known to have had a part in it: its author, and whoever else its row names.
    pub fn parties(&self) -> Vec<ProcessIndex> {
        let within = self.within.iter().filter_map(|within| within.author);
        let mut parties: Vec<ProcessIndex> = within.map(|(author, _)| author).collect();
        parties.extend(self.author);
        match &self.facts {
            Facts::Download(download) => {
                parties.extend([download.writer, download.runner]);
                parties.extend(download.carrier);
            }
            Facts::Unit(unit) => parties.extend(unit.parties()),
            Facts::None
            | Facts::Process
            | Facts::Listener(_)
            | Facts::Destination(_)
            | Facts::Entry(_)
            | Facts::File(_)
            | Facts::Files(_) => {}
        }
        parties
    }
}
