//! Translates systemd's signals to events: the meaning of each change of state, and the description
//! of each unit, by a question.

use std::collections::{BTreeSet, HashMap, HashSet};

use tokio::sync::mpsc;
use zbus::{
    Connection,
    zvariant::{OwnedObjectPath, OwnedValue},
};

use super::bus::{JOB, PROPERTIES, SERVICE, Signal, UNIT, ask, object_path};
use crate::event::{Event, EventKind, Unit, UnitAction};

/// Translates signals to events, in their order.
pub(super) struct SignalTranslator {
    pub(super) connection: Connection,
    pub(super) sender: mpsc::UnboundedSender<Event>,
    /// The last `ActiveState` and `SubState` of each unit.
    pub(super) states: HashMap<String, (String, String)>,
    /// Units that ran, before or since.
    pub(super) ran: HashSet<String>,
}

impl SignalTranslator {
    pub(super) async fn run(mut self, mut signals: mpsc::UnboundedReceiver<(u64, Signal)>) {
        while let Some((boot_ns, signal)) = signals.recv().await {
            match signal {
                Signal::JobNew { job, unit } => {
                    self.send(boot_ns, &unit, UnitAction::Queued);
                    let described = self.describe(&unit, &job).await;
                    self.emit(boot_ns, described);
                }
                Signal::State { unit, active, sub } => {
                    let now = (active, sub);
                    let before = self.states.insert(unit.clone(), now.clone());
                    let before = before.unwrap_or_else(|| ("inactive".to_owned(), String::new()));
                    for action in self.actions(&unit, &before, &now).await {
                        self.send(boot_ns, &unit, action);
                    }
                }
            }
        }
    }

    /// Derives actions from a change of state.
    async fn actions(
        &mut self,
        unit: &str,
        (before, sub_before): &(String, String),
        (now, sub): &(String, String),
    ) -> Vec<UnitAction> {
        let runs = |state: &str| matches!(state, "active" | "reloading");
        // Between two runs: the end of the first one is reported by then.
        let waits = |sub: &str| sub.starts_with("auto-restart");
        match now.as_str() {
            "active" if !runs(before) => vec![self.begins(unit)],
            "inactive" if waits(sub_before) => Vec::new(),
            // It ran and ended between two checks by systemd.
            "inactive" if before == "activating" => vec![self.begins(unit), UnitAction::Stopped],
            "inactive" if runs(before) || before == "deactivating" => vec![UnitAction::Stopped],
            "failed" if before != "failed" => vec![UnitAction::Failed],
            "activating" if waits(sub) && (runs(before) || before == "deactivating") => {
                match self.result(unit).await.as_deref() {
                    Some("success") => vec![UnitAction::Stopped],
                    Some(_) | None => vec![UnitAction::Failed],
                }
            }
            _ => Vec::new(),
        }
    }

    fn begins(&mut self, unit: &str) -> UnitAction {
        if self.ran.insert(unit.to_owned()) {
            UnitAction::Started
        } else {
            UnitAction::Restarted
        }
    }

    fn send(&self, boot_ns: u64, name: &str, action: UnitAction) {
        let unit = Unit {
            name: name.into(),
            action: action.into(),
            ..Unit::default()
        };
        self.emit(boot_ns, unit);
    }

    fn emit(&self, boot_ns: u64, unit: Unit) {
        // The receiver is gone when the recording is over.
        let _ = self
            .sender
            .send(Event::of_recording(boot_ns, EventKind::Unit(unit)));
    }

    /// Asks for the `Result` of a service: `success`, `exit-code`, `signal` …
    async fn result(&self, unit: &str) -> Option<String> {
        self.property(&object_path(unit), SERVICE, "Result").await
    }

    async fn property(&self, path: &str, interface: &str, name: &str) -> Option<String> {
        let answer = ask(
            &self.connection,
            path,
            PROPERTIES,
            "Get",
            &(interface, name),
        )
        .await
        .ok()?;
        let value: OwnedValue = answer.body().deserialize().ok()?;
        value.try_into().ok()
    }

    /// Asks systemd for the facts about a unit that explain its start.
    async fn describe(&self, name: &str, job: &OwnedObjectPath) -> Unit {
        let mut unit = Unit {
            name: name.into(),
            action: UnitAction::Described.into(),
            job: self
                .property(job.as_str(), JOB, "JobType")
                .await
                .unwrap_or_default(),
            ..Unit::default()
        };
        let Some(mut properties) = self.properties(name).await else {
            return unit;
        };
        let mut names = |properties_of: &[&str]| -> Vec<Vec<u8>> {
            let all: BTreeSet<String> = properties_of
                .iter()
                .filter_map(|property| Vec::<String>::try_from(properties.remove(*property)?).ok())
                .flatten()
                .filter(|other| other != name)
                .collect();
            all.into_iter().map(String::into_bytes).collect()
        };
        unit.aliases = names(&["Names"]);
        unit.triggered_by = names(&["TriggeredBy"]);
        unit.pulled_in_by = names(&[
            "RequiredBy",
            "RequisiteOf",
            "WantedBy",
            "BoundBy",
            "UpheldBy",
            "ConsistsOf",
        ]);
        unit.pulls_in = names(&["Wants", "Requires", "Requisite", "BindsTo", "Upholds"]);
        let mut path = |property: &str| -> Option<String> {
            String::try_from(properties.remove(property)?)
                .ok()
                .filter(|path| !path.is_empty())
        };
        unit.file = path("SourcePath")
            .or_else(|| path("FragmentPath"))
            .unwrap_or_default()
            .into_bytes();
        unit
    }

    async fn properties(&self, unit: &str) -> Option<HashMap<String, OwnedValue>> {
        let path = object_path(unit);
        let answer = ask(&self.connection, &path, PROPERTIES, "GetAll", &(UNIT,))
            .await
            .ok()?;
        answer.body().deserialize().ok()
    }
}
