//! Commands that attack their recorder: each tests that an attack fails or is reported.

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
