//! Concludes typed rows from the model: destinations, changes with their authors, attention,
//! totals. `select` filters them; `view` has the words.

mod activity;
mod changes;
mod contacts;
mod destination;
mod flows;
mod folds;
mod forest;
mod groups;
mod lookups;
mod picture;
mod reached;
mod requests;
mod running;
mod socket;
mod totals;
mod trees;

pub use activity::Activity;
pub use changes::{
    Action, AttentionItem, AttentionLine, Change, Downloaded, Facts, FirstOf, Kind, Link, OfKind,
    Reason, ShownChanges, Unit, Within, all_changes, attention_list, by_kind, changes,
    shown_changes,
};
pub use contacts::{Contact, contacts};
pub use destination::{Destination, Host};
pub use flows::{End, Flow, Flows, Source, Weight, flows};
pub use folds::{Folds, Siblings};
pub use forest::{Forest, Grove};
pub use groups::{By, ConnectionGroup, distinct, groups};
pub use lookups::failed_lookups;
pub use picture::{Picture, ShownConnections};
pub use reached::{Reached, reached};
pub use requests::BadRequest;
pub use running::{RunningDoubt, running_doubt, still_running, survivors};
pub use socket::socket_kind;
pub use totals::{Bystanders, Totals, has_failed, totals};
pub use trees::{Tree, trees};
