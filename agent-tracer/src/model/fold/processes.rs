//! Releases processes that have ended. One of those that a summary cannot tell apart stays, and
//! stands for the others.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use foldhash::fast::RandomState;

use crate::{
    event::ProcessId,
    model::{
        Model, Origin, Process, ProcessIndex, StandIns, command_lines,
        download::{BESIDE, NEIGHBOURS},
        processes::Processes,
        units::Units,
    },
};

/// Positions of processes.
type Set = HashSet<ProcessIndex, RandomState>;

/// The facts that a summary has of a process that ended. Those that are equal may count as one.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Likeness {
    tree: Arc<str>,
    unit: Option<Arc<[u8]>>,
    /// The unit that it was started for, which may get a tree later.
    started_for: Option<Arc<[u8]>>,
    /// A rule goes before that tree.
    is_ruled: bool,
    is_pre_existing: bool,
}

impl Likeness {
    pub(super) fn of(process: &Process, units: &Units) -> Likeness {
        let activation = units.activation_of(process);
        Likeness {
            tree: Arc::clone(&process.tree),
            unit: process.unit.clone(),
            started_for: activation.and_then(|it| it.unit.clone()),
            is_ruled: process.is_ruled(),
            is_pre_existing: process.origin == Origin::Snapshot,
        }
    }
}

impl Model {
    /// Releases the processes that ended so long ago, unless a part of the model, or one of
    /// `authors`, refers to them.
    pub(super) fn release_processes(
        &mut self,
        stays_ns: u64,
        authors: impl Iterator<Item = ProcessId>,
    ) {
        let before_ns = self.timeline.last_ns().saturating_sub(stays_ns);
        let authors: Vec<ProcessIndex> = authors.filter_map(|id| self.processes.find(id)).collect();
        // Each part must be considered, so none is left out.
        let Model {
            provenance: _,
            timeline,
            processes,
            attribution: _,
            units,
            schedule,
            connections,
            listeners,
            names,
            tags: _,
            changes,
            elsewhere,
            downloads,
            asks,
            unusual,
            failures,
            sockets,
            fold,
            containers: _,
            ledger,
        } = self;
        asks.release_before(before_ns, processes);
        listeners.release_ended(before_ns);
        units.release_before(before_ns, processes);
        names.release_answered();
        let mut kept: Set = authors.into_iter().collect();
        kept.extend(timeline.command());
        kept.extend(units.parties());
        kept.extend(schedule.parties());
        kept.extend(connections.parties(before_ns));
        kept.extend(listeners.parties());
        kept.extend(changes.parties());
        kept.extend(elsewhere.parties());
        kept.extend(downloads.parties());
        kept.extend(downloads.runners(processes));
        kept.extend(asks.parties());
        kept.extend(unusual.iter().map(|program| program.process));
        kept.extend(sockets.parties());
        kept.extend(ledger.unseen_forks());
        kept.extend(command_lines::last_of_each(processes));
        // A download's origin is searched among the last processes.
        kept.extend(processes.newest(NEIGHBOURS).map(|(index, _)| index));
        let last = processes.newest(BESIDE);
        let sources = last.filter(|(_, process)| process.has_connected);
        kept.extend(sources.map(|(index, _)| index));
        let is_over = |process: &Process| process.ended().is_some_and(|(ns, _)| ns < before_ns);
        let alive = processes.iter().filter(|(_, process)| !is_over(process));
        kept.extend(alive.map(|(index, _)| index));
        keep_ancestors(&mut kept, processes);
        let mut first: HashMap<Likeness, ProcessIndex, RandomState> = HashMap::default();
        let mut stand_ins = StandIns::default();
        for (index, process) in processes.iter() {
            // A process with a part of its own stands for no other.
            if !kept.contains(&index) {
                let stand_in = *first.entry(Likeness::of(process, units)).or_insert(index);
                if stand_in != index {
                    stand_ins.insert(index, stand_in);
                }
            }
        }
        connections.replace_owners(&stand_ins);
        names.replace_askers(&stand_ins);
        failures.release(&stand_ins);
        sockets.release(&stand_ins);
        processes.release(&stand_ins);
        fold.processes = processes.len();
    }
}

/// Generations of ancestors that stay with a process: more than any search for one goes up.
const GENERATIONS: usize = 16;

/// Adds the nearest ancestors of all. A daemon may fork without end, and each child exit.
fn keep_ancestors(kept: &mut Set, processes: &Processes) {
    let mut below: Vec<ProcessIndex> = kept.iter().copied().collect();
    for _ in 0..GENERATIONS {
        let above = below.iter().filter_map(|index| processes[*index].parent);
        let new: Vec<ProcessIndex> = above.filter(|index| kept.insert(*index)).collect();
        below = new;
    }
}
