//! Recorded commands that work against their recorder: each finds what it should not be able to do.

mod evidence;
mod helper;
mod identity;
mod reader;
mod secrets;

use crate::harness::Test;

pub(crate) fn tests() -> Vec<Test> {
    [
        evidence::tests(),
        helper::tests(),
        identity::tests(),
        reader::tests(),
        secrets::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
