//! Remembers the command lines in which secrets were masked, without the values.

use std::collections::{BTreeMap, BTreeSet};

use crate::{event::ProcessId, redact::MaskedAt, view::MaskedSecret};

/// The first place of each secret. The redactor numbers 4,097 at most.
#[derive(Debug, Default)]
pub(super) struct Masked {
    places: BTreeMap<u32, MaskedSecret>,
}

impl Masked {
    /// Notes the places in a command line: the process, and the masked path of its program.
    pub(super) fn note(&mut self, process: ProcessId, path: &[u8], found: BTreeSet<MaskedAt>) {
        let mut last = None;
        // Sorted by secret, so that each counts once a line.
        for at in found {
            let is_further = last.replace(at.secret) == Some(at.secret);
            match self.places.get_mut(&at.secret) {
                Some(_) if is_further => {}
                Some(known) => known.further += 1,
                None => {
                    let place = MaskedSecret {
                        number: at.secret,
                        pid: process.pid,
                        program: base_name(path),
                        argument: at.index,
                        further: 0,
                    };
                    self.places.insert(at.secret, place);
                }
            }
        }
    }

    /// Returns the places by the numbers of their secrets.
    pub(super) fn into_places(self) -> Vec<MaskedSecret> {
        self.places.into_values().collect()
    }
}

fn base_name(path: &[u8]) -> Vec<u8> {
    let base = path.rsplit(|byte| *byte == b'/').next();
    base.unwrap_or_default().to_owned()
}
