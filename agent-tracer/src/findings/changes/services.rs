//! Lists systemd units that are new, changed or gone: by files, enabling links and requests.

mod off;

use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use crate::{
    event::{Difference, FileDifference, Subject},
    model::{Model, Origin, ProcessIndex, Request},
};

use super::{Action, Change, Kind, Reason, facts::Facts};

/// Types of units that start something.
const TYPES: [&[u8]; 6] = [
    b".service",
    b".timer",
    b".socket",
    b".path",
    b".target",
    b".mount",
];

/// Facts about a unit.
#[derive(Clone, Debug, Default)]
pub struct Unit<'a> {
    pub(super) file: Option<FileOf>,
    /// The last change of the links that start it.
    pub enabled: Option<Link>,
    /// States of its file, as systemd reports them.
    pub state: Option<&'a Difference>,
    /// States of the unit, as systemd reports them.
    pub active: Option<&'a Difference>,
    /// The last request for it.
    pub request: Option<&'a Request>,
    /// Number of its running processes.
    pub running: usize,
    /// True if it ran and does not run now.
    pub has_ended: bool,
    began: bool,
}

impl Unit<'_> {
    /// Returns the path of its file, if that differs.
    pub fn path(&self) -> Option<&[u8]> {
        self.file.as_ref().map(|file| file.path.as_slice())
    }

    /// Returns every process with a known part in the change.
    pub(super) fn parties(&self) -> impl Iterator<Item = ProcessIndex> {
        let file = self.file.as_ref().and_then(|file| file.author);
        let enabled = self.enabled.and_then(|link| link.author);
        let seen = [file, enabled].into_iter().flatten().map(|(by, _)| by);
        seen.chain(self.request.map(|request| request.by))
    }

    fn is_masked(&self) -> bool {
        self.state.is_some_and(|state| is_masked(&state.after))
    }
}

/// A change of the links that start a unit.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// True if they start it now.
    pub enables: bool,
    /// The author, if known; true if inferred.
    pub author: Option<(ProcessIndex, bool)>,
}

#[derive(Clone, Debug)]
pub(super) struct FileOf {
    pub(super) path: Vec<u8>,
    action: Action,
    author: Option<(ProcessIndex, bool)>,
}

/// Returns true for the file of a unit, and for a link that enables one.
pub(super) fn is_unit_file(path: &[u8]) -> bool {
    unit_of(path).is_some() || enabled_by(path).is_some()
}

/// The changes.
pub(super) fn collect(model: &Model) -> Vec<Change<'_>> {
    let mut units: BTreeMap<Vec<u8>, Unit<'_>> = BTreeMap::new();
    for difference in model.changed_files() {
        note_file(model, &mut units, difference);
    }
    for difference in model.differences(Subject::UnitFiles) {
        let unit = units.entry(difference.name.clone()).or_default();
        unit.state = Some(difference);
    }
    // By the place of a unit's name, which the processes of the unit share.
    let mut requested: HashMap<usize, bool, RandomState> = HashMap::default();
    for (_, process) in model.processes() {
        let Some(unit) = &process.unit else {
            continue;
        };
        let is_requested = requested.entry(unit.as_ptr().addr());
        let is_requested = *is_requested.or_insert_with(|| model.requester(unit).is_some());
        let began = process.origin != Origin::Snapshot && is_requested;
        if began || units.contains_key(&**unit) {
            let known = units.entry(unit.to_vec()).or_default();
            known.began |= began;
            known.running += usize::from(process.is_running());
        }
    }
    for (name, unit) in &mut units {
        unit.request = model.requester(name);
    }
    for difference in model.differences(Subject::Units) {
        if let Some(unit) = units.get_mut(&difference.name) {
            unit.active = Some(difference);
            continue;
        }
        let unit = Unit {
            active: Some(difference),
            request: model.requester(&difference.name),
            ..Unit::default()
        };
        // Units come and go by themselves.
        if off::of(model, &difference.name, &unit).is_some() {
            units.insert(difference.name.clone(), unit);
        }
    }
    let changes = units
        .into_iter()
        .filter(|(name, _)| TYPES.iter().any(|end| name.ends_with(end)));
    changes
        .map(|(name, unit)| change(model, name, unit))
        .collect()
}

fn note_file(model: &Model, units: &mut BTreeMap<Vec<u8>, Unit<'_>>, difference: &FileDifference) {
    let author = model.author_of(difference);
    let action = Action::of(difference.before.as_ref(), difference.after.as_ref());
    if let Some(unit) = unit_of(&difference.path) {
        // A link of its own name in /etc is another name, and says no more.
        let known = units.entry(unit.to_vec()).or_default();
        let is_link = difference
            .after
            .as_ref()
            .is_some_and(|state| state.kind() == "link");
        if known.file.is_none() || !is_link {
            known.file = Some(FileOf {
                path: difference.path.clone(),
                action,
                author,
            });
        }
    } else if let Some(unit) = enabled_by(&difference.path) {
        let known = units.entry(unit.to_vec()).or_default();
        known.enabled = Some(Link {
            enables: action != Action::Gone,
            author,
        });
    }
}

fn change<'a>(model: &'a Model, name: Vec<u8>, mut unit: Unit<'a>) -> Change<'a> {
    let off = off::of(model, &name, &unit);
    let mut author = None;
    let mut action = Action::Changed;
    if let Some(file) = &unit.file {
        author = file.author;
        // What masks a unit is a file, and the unit was there.
        if !(unit.is_masked() && unit.state.is_some_and(|state| state.before.is_some())) {
            action = file.action;
        }
    }
    author = author
        .or(unit.enabled.and_then(|link| link.author))
        .or_else(|| generated_by(model, &name, &unit))
        // Nothing of it was written, so it differs because it runs.
        .or(unit.request.map(|request| (request.by, true)));
    let was_stopped = off.as_ref().is_some_and(|off| off.was_stopped);
    unit.has_ended = unit.running == 0 && (unit.began || was_stopped);
    let author = match &off {
        Some(off) => Some((off.author, off.is_inferred)),
        None => author,
    };
    Change {
        author: author.map(|(author, _)| author),
        is_inferred: author.is_some_and(|(_, is_inferred)| is_inferred),
        attention: off.map(|off| off.reason()).or(attention(&name, &unit)),
        ..Change::new(Kind::Service, action, name, Facts::Unit(Box::new(unit)))
    }
}

/// Returns the author of the init script that a unit was generated from.
fn generated_by(model: &Model, name: &[u8], unit: &Unit<'_>) -> Option<(ProcessIndex, bool)> {
    let state = unit.state?.after.as_deref()?;
    let stem = name.strip_suffix(b".service")?;
    let script = [b"/etc/init.d/", stem].concat();
    let author = model.file_authors(&script).wrote?;
    state.starts_with(b"generated").then_some((author, true))
}

/// Returns the reason for attention of a service with a new file. A file that masks it starts
/// nothing.
fn attention(name: &[u8], unit: &Unit<'_>) -> Option<Reason> {
    let is_service = name.ends_with(b".service") && !unit.is_masked();
    let file = unit.file.as_ref().filter(|_| is_service)?;
    match file.action {
        Action::New => Some(Reason::NewService),
        Action::Changed => Some(Reason::ChangedService),
        Action::Gone | Action::Touched => None,
    }
}

fn is_masked(state: &Option<Vec<u8>>) -> bool {
    let state = state.as_deref();
    state.is_some_and(|state| state.starts_with(b"masked"))
}

/// Returns the unit of a file that is directly in a directory of unit files.
pub(in crate::findings) fn unit_of(path: &[u8]) -> Option<&[u8]> {
    let (directory, name) = split(path)?;
    let is_directory = directory.ends_with(b"/systemd/system");
    (is_directory && TYPES.iter().any(|end| name.ends_with(end))).then_some(name)
}

/// Returns the unit that a link enables.
fn enabled_by(path: &[u8]) -> Option<&[u8]> {
    let (directory, name) = split(path)?;
    let is_list = [&b".wants"[..], b".requires"]
        .iter()
        .any(|end| directory.ends_with(end));
    let is_unit = TYPES.iter().any(|end| name.ends_with(end));
    let is_system = memchr::memmem::find(directory, b"/systemd/system/").is_some();
    (is_list && is_unit && is_system).then_some(name)
}

fn split(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    Some((path.get(..slash)?, path.get(slash + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::{Action, Difference, FileOf, Reason, Unit, attention, enabled_by, unit_of};

    #[test]
    fn services_that_run_something_else() {
        let unit = |action| Unit {
            file: Some(FileOf {
                path: Vec::new(),
                action,
                author: None,
            }),
            ..Unit::default()
        };
        for (action, reason) in [
            (Action::New, Some(Reason::NewService)),
            (Action::Changed, Some(Reason::ChangedService)),
            (Action::Gone, None),
        ] {
            assert_eq!(attention(b"a.service", &unit(action)), reason);
        }
        assert_eq!(attention(b"a.timer", &unit(Action::Changed)), None);
        let masked = Difference {
            after: Some(b"masked".to_vec()),
            ..Difference::default()
        };
        let masked = Unit {
            state: Some(&masked),
            ..unit(Action::New)
        };
        assert_eq!(attention(b"a.service", &masked), None);
        // Enabled only.
        assert_eq!(attention(b"a.service", &Unit::default()), None);
    }

    #[test]
    fn unit_files_and_what_enables_them() {
        assert_eq!(
            unit_of(b"/lib/systemd/system/omid.service"),
            Some(&b"omid.service"[..])
        );
        assert_eq!(unit_of(b"/etc/systemd/system/a.service.d/x.conf"), None);
        let link = b"/etc/systemd/system/multi-user.target.wants/omid.service";
        assert_eq!(
            (unit_of(link), enabled_by(link)),
            (None, Some(&b"omid.service"[..]))
        );
        assert_eq!(enabled_by(b"/opt/x.wants/y.service"), None);
        // A unit that starts nothing is listed as a file.
        let slice = b"/etc/systemd/system/multi-user.target.wants/acme.slice";
        assert_eq!((unit_of(slice), enabled_by(slice)), (None, None));
    }
}
