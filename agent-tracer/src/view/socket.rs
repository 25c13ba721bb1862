//! Says which processes opened sockets whose traffic is not recorded.

use std::collections::BTreeMap;

use crate::{findings::socket_kind, model::Model};

/// Processes that are named at most.
const NAMED: usize = 10;

/// Says which recorded processes opened sockets whose traffic is not recorded; not escaped.
pub(super) fn unrecorded(model: &Model) -> Vec<String> {
    let mut by_process: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for socket in model.other_sockets() {
        if !model.is_background(&model.process(socket.process).tree) {
            let kinds = by_process.entry(socket.process).or_default();
            kinds.push(socket_kind(socket.family, socket.form, socket.protocol));
        }
    }
    let more = by_process.len().saturating_sub(NAMED);
    let named = by_process.iter().take(NAMED).map(|(index, kinds)| {
        let process = model.process(*index);
        format!(
            "{} [{}] opened sockets whose traffic is not recorded: {}",
            String::from_utf8_lossy(&process.comm),
            process.id.pid,
            kinds.join(", ")
        )
    });
    let rest = (more > 0).then(|| format!("{more} more processes opened such sockets"));
    named.chain(rest).collect()
}
