//! Applies filters to the changes.

use super::{Change, Kind, changes};
use crate::{
    model::{Model, ProcessIndex},
    select::{Filter, Marks, Selection},
};

/// The changes that filters leave.
pub struct ShownChanges<'a> {
    /// The changes.
    pub shown: Vec<Change<'a>>,
    /// Number of the changes by the system itself, which are left out.
    pub of_system: usize,
    /// Number of the changes that filters leave out for want of an author.
    pub without_author: usize,
}

/// Collects the wanted changes, without those by the system itself. Changes that deserve attention
/// are shown for any author.
pub fn shown_changes<'a>(model: &'a Model, selection: &Selection, all: bool) -> ShownChanges<'a> {
    // A recording without a command is of the system itself.
    let asks_for_system = selection.asks_for_processes() || model.command().is_none();
    let connections = model.connections().iter();
    let connections = connections.filter(|connection| selection.shows_connection(connection));
    let mut wanted = ShownChanges {
        shown: Vec::new(),
        of_system: 0,
        without_author: 0,
    };
    for change in changes(model, all, connections) {
        let parties = change.parties();
        if parties.is_empty() && !selection.selects_nothing() {
            wanted.without_author += 1;
            continue;
        }
        if !is_wanted(selection, &change, &parties) {
            continue;
        }
        if asks_for_system || !change.is_of_system(model) || change.deserves_attention() {
            wanted.shown.push(change);
        } else {
            wanted.of_system += 1;
        }
    }
    wanted
}

/// Collects the changes that are shown without filters, every file by itself.
pub fn all_changes(model: &Model) -> Vec<Change<'_>> {
    let everything = Selection::new(Filter::default(), Marks::default(), model);
    shown_changes(model, &everything, true).shown
}

fn is_wanted(selection: &Selection, change: &Change<'_>, parties: &[ProcessIndex]) -> bool {
    if let Some(listener) = change.listener() {
        return selection.shows_listener(listener);
    }
    if let Some(download) = change.download() {
        return selection.shows_download(download);
    }
    match change.kind {
        // It consists of wanted connections.
        Kind::Destination => true,
        Kind::Service
        | Kind::Process
        | Kind::Program
        | Kind::Listener
        | Kind::Download
        | Kind::User
        | Kind::Group
        | Kind::Package
        | Kind::Cron
        | Kind::File
        | Kind::Module
        | Kind::Sysctl
        | Kind::Firewall
        | Kind::Mount => {
            let mut shown = parties.iter().map(|index| selection.shows_process(*index));
            match selection.selects_nothing() {
                // It is left out where all of its parties are.
                true => parties.is_empty() || shown.any(|is_shown| is_shown),
                false => shown.any(|is_shown| is_shown),
            }
        }
    }
}
