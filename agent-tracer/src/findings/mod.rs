//! Concludes typed rows from the model: destinations, changes with their authors, attention,
//! totals. It makes no words: `view` does, and `select` says what of it is wanted.

mod changes;
mod destination;
mod groups;
mod running;

pub use changes::{
    Action, Change, Downloaded, Facts, FirstOf, Kind, Reason, ShownChanges, ToLookAt, Unit, Within,
    changes, shown_changes,
};
pub use destination::{Destination, Place};
pub use groups::{By, Group, distinct, groups};
pub use running::{RunningDoubt, running_doubt, still_running};
