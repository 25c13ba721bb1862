//! Concludes typed rows from the model: destinations, changes with their authors, attention,
//! totals. `select` filters them; `view` has the words.

mod changes;
mod destination;
mod forest;
mod groups;
mod lookups;
mod picture;
mod reached;
mod running;
mod totals;
mod trees;

pub use changes::{
    Action, AttentionItem, Change, Downloaded, Facts, FirstOf, Kind, OfKind, Reason, ShownChanges,
    Unit, Within, by_kind, changes, shown_changes,
};
pub use destination::{Destination, Host};
pub use forest::{Forest, Grove};
pub use groups::{By, ConnectionGroup, distinct, groups};
pub use lookups::failed_lookups;
pub use picture::Picture;
pub use reached::{Reached, reached};
pub use running::{RunningDoubt, running_doubt, still_running};
pub use totals::{Totals, has_failed, totals};
pub use trees::{Tree, trees};
