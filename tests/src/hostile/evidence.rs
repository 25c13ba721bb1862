//! Attacks the trace file and the recorder: removal, replacement, limits, kills.

use crate::harness::Test;

pub(crate) fn tests() -> Vec<Test> {
    Vec::new()
}
