//! Concludes typed rows from the model: destinations, changes with their authors, attention,
//! totals. It makes no words: `view` does, and `select` says what of it is wanted.

mod changes;
mod destination;
mod groups;
mod picture;
mod running;
mod totals;
mod trees;

pub use changes::{
    Action, Change, Downloaded, Facts, FirstOf, Kind, Reason, ShownChanges, ToLookAt, Unit, Within,
    changes, shown_changes,
};
pub use destination::{Destination, Place};
pub use groups::{By, Group, distinct, groups};
pub use picture::Picture;
pub use running::{RunningDoubt, running_doubt, still_running};
pub use totals::{Totals, has_failed, totals};
pub use trees::{Tree, trees};
