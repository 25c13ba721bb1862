//! What the model has of a change besides the words that a row is made of, and who had a part in it. Words are made elsewhere.

use crate::{
    event::{Difference, FileDifference},
    model::{Download, Listener},
};

use super::services::Unit;
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
