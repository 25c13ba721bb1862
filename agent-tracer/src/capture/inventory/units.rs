//! Lists units and unit files, as systemd reports them. If systemd is not PID 1, it lists the unit
//! files of its directories.

use super::{Snapshots, snapshot::Snapshot, unit_files};
use crate::{
    capture::systemd::{Lists, lists},
    event::Subject,
};

/// Takes the snapshots that are available.
pub(super) fn snapshots() -> Snapshots {
    match lists() {
        None => unit_files::snapshot()
            .map(|snapshot| (Subject::UnitFiles, snapshot))
            .into_iter()
            .collect(),
        Some(Ok(lists)) => of(lists),
        Some(Err(error)) => {
            let problem = format!("cannot ask systemd: {error}");
            let mut files = unit_files::snapshot().unwrap_or_default();
            files.add_problem(format!("{problem}; the files are those of its directories"));
            vec![
                (Subject::UnitFiles, files),
                (Subject::Units, Snapshot::failed(problem)),
            ]
        }
    }
}

fn of(lists: Lists) -> Snapshots {
    // A transient file appears among the units, as long as it exists.
    let files = lists
        .files
        .into_iter()
        .filter(|(_, state)| state != "transient");
    let files = files.map(|(path, state)| {
        let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
        (name.into_bytes(), state.into_bytes())
    });
    let units = lists
        .units
        .into_iter()
        .filter(|unit| is_shown(&unit.name, &unit.active));
    let units = units.map(|unit| {
        // One of these runs while the unit that it starts does, which has an entry of its own.
        let state = match kind(&unit.name) {
            "timer" | "socket" | "path" | "automount" => unit.active,
            _ => format!("{} {}", unit.active, unit.sub),
        };
        (unit.name.into_bytes(), state.into_bytes())
    });
    vec![
        (Subject::UnitFiles, Snapshot::of(sorted(files))),
        (Subject::Units, Snapshot::of(sorted(units))),
    ]
}

/// Returns true for units that `systemctl` shows without `--all`, except devices and mounts.
///
/// Units that only others refer to are loaded and unloaded at any time. A disk has dozens of
/// devices. Mounts are a subject of their own.
fn is_shown(name: &str, active: &str) -> bool {
    active != "inactive" && !matches!(kind(name), "device" | "mount")
}

fn kind(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or_default()
}

/// Sorts entries, and removes repeated ones: an instance's file may have two names.
fn sorted(entries: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable();
    entries.dedup();
    entries
}

#[cfg(test)]
mod tests {
    use super::{super::snapshot::texts, of};
    use crate::capture::systemd::{ListedUnit, Lists};

    #[test]
    fn what_systemctl_shows() {
        let unit = |(name, active, sub): (&str, &str, &str)| ListedUnit {
            name: name.to_owned(),
            active: active.to_owned(),
            sub: sub.to_owned(),
        };
        let file = |(path, state): (&str, &str)| (path.to_owned(), state.to_owned());
        let snapshots = of(Lists {
            files: [
                ("/usr/lib/systemd/system/omid.service", "enabled"),
                ("/run/systemd/transient/run-1.service", "transient"),
                ("odd", ""),
            ]
            .map(file)
            .to_vec(),
            units: [
                ("omid.service", "active", "running"),
                ("x.timer", "active", "running"),
                ("dead.service", "inactive", "dead"),
                ("bad.service", "failed", "failed"),
                ("dev-sda.device", "active", "plugged"),
                ("-.mount", "active", "mounted"),
                ("", "active", ""),
            ]
            .map(unit)
            .into_iter()
            .collect(),
        });
        let rendered: Vec<Vec<String>> = snapshots
            .iter()
            .map(|(_, snapshot)| texts(snapshot))
            .collect();
        assert_eq!(
            rendered,
            [
                vec!["odd = ", "omid.service = enabled"],
                vec![
                    " = active ",
                    "bad.service = failed failed",
                    "omid.service = active running",
                    "x.timer = active",
                ],
            ]
        );
    }
}
