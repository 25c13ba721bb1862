//! The two looks at what is on the machine, before the hooks are attached and after all events are in, so that the
//! programs that are run for them are in no trace. What is looked at is not known here.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use super::{Observer, recorder::Recorder};
use crate::{
    capture::{Inventory, boot_now},
    event::{Event, EventKind},
};

/// After how long whoever waits is told what for.
const UNNOTICED: Duration = Duration::from_millis(500);

/// Looks.
pub(super) fn look(observer: &mut dyn Observer) -> Inventory {
    let (tell, told) = mpsc::channel();
    let begun = thread::Builder::new()
        .name("tracer".to_owned())
        // Nobody has stopped to listen: this waits for it.
        .spawn(move || drop(tell.send(Inventory::take())));
    let looked = match begun {
        Ok(_) => told.recv_timeout(UNNOTICED),
        Err(_) => return Inventory::take(),
    };
    match looked {
        Ok(inventory) => inventory,
        Err(RecvTimeoutError::Timeout) => {
            observer.looks("users, packages, units and settings of this machine");
            told.recv().unwrap_or_else(|_| Inventory::take())
        }
        Err(RecvTimeoutError::Disconnected) => Inventory::take(),
    }
}

impl Recorder<'_> {
    /// Takes what is different on the machine, if it was looked at before.
    pub(super) fn compare(&mut self) {
        let Some(before) = self.inventory.take() else {
            return;
        };
        // The second look may take a while; what has happened is shown before.
        self.flush();
        let later = look(self.observer);
        for compared in before.compare(&later) {
            let kind = EventKind::Compared(compared);
            self.take(Event::of_recording(boot_now(), kind));
        }
    }
}
