//! Asks systemd once for its units and their files. It does not listen to later changes.

use std::sync::{Mutex, PoisonError};

use tokio::{runtime, time::timeout};
use zbus::{Connection, connection, zvariant::OwnedValue};

use super::{
    ListedUnit, Lists, UnitsError,
    bus::{Listed, MANAGER, MANAGER_PATH, PATIENCE, ask},
    is_asked,
    stamp::Stamp,
};

/// Paths of unit files, with their states.
type Files = Vec<(String, String)>;

/// systemd's last answer, and the fingerprint of its directories before.
static KNOWN: Mutex<Option<(Stamp, Files)>> = Mutex::new(None);

/// Asks systemd, and blocks until it answers; so it must not run within a runtime. Returns `None`
/// where systemd is not PID 1.
pub(in crate::capture) fn lists() -> Option<Result<Lists, UnitsError>> {
    if !is_asked() {
        return None;
    }
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| UnitsError::Refused(error.into()));
    Some(runtime.and_then(|runtime| {
        runtime
            .block_on(async { timeout(PATIENCE, fetch()).await })
            .map_err(|_| UnitsError::Silent)?
            .map_err(UnitsError::Refused)
    }))
}

async fn fetch() -> Result<Lists, zbus::Error> {
    let connection = connection::Builder::system()?.build().await?;
    let files = files(&connection).await?;
    let answer = ask(&connection, MANAGER_PATH, MANAGER, "ListUnits", &()).await?;
    let units: Vec<Listed> = answer.body().deserialize()?;
    let units = units.into_iter().map(|unit| ListedUnit {
        name: unit.0,
        active: unit.3,
        sub: unit.4,
    });
    Ok(Lists {
        files,
        units: units.collect(),
    })
}

/// Returns the unit files. Does not ask again while their directories are unchanged.
async fn files(connection: &Connection) -> Result<Files, zbus::Error> {
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let path = unit_path(connection).await?;
    // Before the question: a change between the two makes the next stamp another one.
    let stamp = Stamp::of(path.iter().map(String::as_str));
    if let (Some(stamp), Some((before, files))) = (stamp, &*known())
        && stamp == *before
    {
        return Ok(files.clone());
    }
    let answer = ask(connection, MANAGER_PATH, MANAGER, "ListUnitFiles", &()).await?;
    let files: Files = answer.body().deserialize()?;
    *known() = stamp.map(|stamp| (stamp, files.clone()));
    Ok(files)
}

/// Returns the directories of unit files (`UnitPath` of org.freedesktop.systemd1(5)).
async fn unit_path(connection: &Connection) -> Result<Vec<String>, zbus::Error> {
    const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
    let name = (MANAGER, "UnitPath");
    let answer = ask(connection, MANAGER_PATH, PROPERTIES, "Get", &name).await?;
    let value: OwnedValue = answer.body().deserialize()?;
    Ok(value.try_into()?)
}
