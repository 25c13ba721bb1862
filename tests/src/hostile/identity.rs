//! Poses as a daemon of a tree, or as the service manager.

use crate::harness::Test;

pub(crate) fn tests() -> Vec<Test> {
    Vec::new()
}
