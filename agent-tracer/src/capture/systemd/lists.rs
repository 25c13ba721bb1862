//! Asks systemd once for its units and their files. It does not listen to later changes.

use tokio::{runtime, time::timeout};
use zbus::connection;

use super::{
    ListedUnit, Lists, UnitsError,
    bus::{Listed, MANAGER, MANAGER_PATH, PATIENCE, ask},
    is_asked,
};

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
    let answer = ask(&connection, MANAGER_PATH, MANAGER, "ListUnitFiles", &()).await?;
    let files: Vec<(String, String)> = answer.body().deserialize()?;
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
