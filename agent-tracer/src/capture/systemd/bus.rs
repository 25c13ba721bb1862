//! Listens to systemd over the system bus: its units, and events of them. D-Bus does not report who
//! asked for an action, so that is left to the model.
//!
//! Interfaces as of org.freedesktop.systemd1(5). systemd's private socket would need no bus, but
//! its messages name a sender that the D-Bus specification forbids, and zbus panics on it.

use std::{collections::HashMap, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use zbus::{
    Connection, MatchRule, MessageStream, connection,
    export::ordered_stream::OrderedStreamExt,
    fdo,
    message::Type,
    zvariant::{DynamicType, OwnedObjectPath, OwnedValue},
};

use super::{UnitsError, is_asked, translator::SignalTranslator};
use crate::{
    capture::observe::boot_now,
    event::{Event, EventKind, LoadedUnit, Lost, Units},
};

const SYSTEMD: &str = "org.freedesktop.systemd1";
pub(super) const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const UNIT_PATH: &str = "/org/freedesktop/systemd1/unit/";
pub(super) const MANAGER: &str = "org.freedesktop.systemd1.Manager";
pub(super) const UNIT: &str = "org.freedesktop.systemd1.Unit";
pub(super) const SERVICE: &str = "org.freedesktop.systemd1.Service";
pub(super) const JOB: &str = "org.freedesktop.systemd1.Job";
pub(super) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// Limit of queued messages: as many as a boot makes, so that the recorder never blocks PID 1.
const WAITING: usize = 16 * 1024;

/// Time limit for PID 1's answers at the start and at the end: that of systemctl. An emulated
/// machine that reloads its units took more than 30 s.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// The queue of systemd's messages, translated to events.
pub struct UnitWatch {
    events: mpsc::UnboundedReceiver<Event>,
    /// The next event, if its time has not come yet.
    next: Option<Event>,
    /// For later questions.
    connection: Connection,
    tasks: [JoinHandle<()>; 2],
}

impl UnitWatch {
    /// Starts to listen, and asks for the loaded units. Returns `None` where systemd is not PID 1.
    ///
    /// # Errors
    ///
    /// systemd runs, but does not answer.
    pub async fn start() -> Result<Option<(Units, UnitWatch)>, UnitsError> {
        if !is_asked() {
            return Ok(None);
        }
        timeout(PATIENCE, UnitWatch::listen())
            .await
            .map_err(|_| UnitsError::Silent)?
            .map(Some)
    }

    async fn listen() -> Result<(Units, UnitWatch), UnitsError> {
        let mut connection = connection::Builder::system()?.build().await?;
        connection.set_max_queued(WAITING);
        // Before the question, so that no message between the two is missed.
        let mut messages = MessageStream::from(&connection);
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(SYSTEMD)?
            .build();
        fdo::DBusProxy::new(&connection)
            .await?
            .add_match_rule(rule)
            .await
            .map_err(zbus::Error::from)?;
        ask(&connection, MANAGER_PATH, MANAGER, "Subscribe", &()).await?;
        let loaded = loaded(&connection).await?;
        let (sender, events) = mpsc::unbounded_channel();
        let later = connection.clone();
        let end_sender = sender.clone();
        let (pass, signals) = mpsc::unbounded_channel();
        // Two tasks: a single one would wait for an answer queued behind messages that it does not
        // take.
        let listener = tokio::spawn(async move {
            while let Some(message) = messages.next().await {
                let signal = message.ok().and_then(|message| Signal::read(&message));
                if signal.is_some_and(|signal| pass.send((boot_now(), signal)).is_err()) {
                    return;
                }
            }
            let gone = Lost {
                what: "unit event (the system bus went away)".to_owned(),
                count: 1,
            };
            let _ = end_sender.send(Event::of_recording(boot_now(), EventKind::Lost(gone)));
        });
        let translator = tokio::spawn(
            SignalTranslator {
                connection,
                sender,
                states: loaded
                    .iter()
                    .map(|unit| (unit_name(unit), (unit.active.clone(), String::new())))
                    .collect(),
                ran: loaded
                    .iter()
                    .filter(|unit| unit.active == "active")
                    .map(unit_name)
                    .collect(),
            }
            .run(signals),
        );
        let watch = UnitWatch {
            events,
            next: None,
            connection: later,
            tasks: [listener, translator],
        };
        Ok((Units { units: loaded }, watch))
    }

    /// Asks again for the loaded units. Returns `None` if systemd does not answer within a second.
    pub fn loaded_now(&self) -> impl Future<Output = Option<Units>> + use<> {
        const PATIENCE: Duration = Duration::from_secs(1);
        let connection = self.connection.clone();
        async move {
            let answer = timeout(PATIENCE, loaded(&connection)).await.ok()?;
            answer.ok().map(|units| Units { units })
        }
    }

    /// Returns the next queued event, if it is older than a time.
    pub fn take_before(&mut self, boot_ns: u64) -> Option<Event> {
        let next = self.next.take().or_else(|| self.events.try_recv().ok())?;
        if next.boot_ns < boot_ns {
            return Some(next);
        }
        self.next = Some(next);
        None
    }
}

impl Drop for UnitWatch {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn unit_name(unit: &LoadedUnit) -> String {
    String::from_utf8_lossy(&unit.name).into_owned()
}

/// Name, description, load state, active state, sub state, followed unit, path, job, its type, its
/// path.
pub(super) type Listed = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

async fn loaded(connection: &Connection) -> Result<Vec<LoadedUnit>, zbus::Error> {
    let answer = ask(connection, MANAGER_PATH, MANAGER, "ListUnits", &()).await?;
    let listed: Vec<Listed> = answer.body().deserialize()?;
    let mut units: Vec<LoadedUnit> = listed
        .into_iter()
        .filter(|unit| unit.2 == "loaded")
        .map(|unit| LoadedUnit {
            name: unit.0.into_bytes(),
            active: unit.3,
        })
        .collect();
    units.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(units)
}

pub(super) async fn ask(
    connection: &Connection,
    path: &str,
    interface: &str,
    method: &str,
    arguments: &(impl serde::Serialize + DynamicType + Sync),
) -> Result<zbus::Message, zbus::Error> {
    connection
        .call_method(Some(SYSTEMD), path, Some(interface), method, arguments)
        .await
}

/// The signals of systemd that matter here.
pub(super) enum Signal {
    JobNew {
        job: OwnedObjectPath,
        unit: String,
    },
    State {
        unit: String,
        active: String,
        sub: String,
    },
}

impl Signal {
    fn read(message: &zbus::Message) -> Option<Signal> {
        if message.message_type() != Type::Signal {
            return None;
        }
        let header = message.header();
        match header.member()?.as_str() {
            "JobNew" => {
                let (_, job, unit): (u32, OwnedObjectPath, String) =
                    message.body().deserialize().ok()?;
                Some(Signal::JobNew { job, unit })
            }
            "PropertiesChanged" => {
                let unit = header.path()?.as_str().strip_prefix(UNIT_PATH)?;
                let body = message.body();
                let (interface, mut changed, _): (
                    String,
                    HashMap<String, OwnedValue>,
                    Vec<String>,
                ) = body.deserialize().ok()?;
                if interface != UNIT {
                    return None;
                }
                Some(Signal::State {
                    unit: unescaped(unit),
                    active: changed.remove("ActiveState")?.try_into().ok()?,
                    sub: changed
                        .remove("SubState")
                        .and_then(|value| value.try_into().ok())
                        .unwrap_or_default(),
                })
            }
            _ => None,
        }
    }
}

/// Returns the bus path of a unit, see sd_bus_path_encode(3): a leading digit, and all but letters
/// and digits, become `_` and two hexadecimal digits.
pub(super) fn object_path(unit: &str) -> String {
    let mut path = UNIT_PATH.to_owned();
    for (position, byte) in unit.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => path.push(byte.into()),
            b'0'..=b'9' if position > 0 => path.push(byte.into()),
            _ => path += &format!("_{byte:02x}"),
        }
    }
    path
}

/// Decodes the last part of such a path.
fn unescaped(label: &str) -> String {
    let mut bytes = Vec::with_capacity(label.len());
    let mut rest = label.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = match (first, tail) {
            (b'_', [high, low, ..]) => {
                let digits = [*high, *low];
                std::str::from_utf8(&digits)
                    .ok()
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            }
            _ => None,
        };
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{UNIT_PATH, object_path, unescaped};

    #[test]
    fn names_survive_being_paths() {
        for name in [
            "omid.service",
            "dev-sda1.device",
            "x@1.service",
            "-.mount",
            "0.service",
            "a_b.scope",
        ] {
            let path = object_path(name);
            assert!(
                path[UNIT_PATH.len()..]
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
                "{path}"
            );
            assert_eq!(unescaped(&path[UNIT_PATH.len()..]), name);
        }
        assert_eq!(
            object_path("cron.service"),
            format!("{UNIT_PATH}cron_2eservice")
        );
        assert_eq!(unescaped("a_"), "a_");
    }
}
