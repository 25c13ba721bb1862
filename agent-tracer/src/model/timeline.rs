//! Keeps the times of a recording, with its command and the ends of both.

use super::{CommandEnd, ProcessIndex};
use crate::event::EndReason;

/// The course of a recording so far.
#[derive(Default)]
pub(super) struct Timeline {
    first_ns: Option<u64>,
    last_ns: u64,
    command: Option<ProcessIndex>,
    command_end: Option<CommandEnd>,
    end: Option<EndReason>,
}

impl Timeline {
    /// Goes on to the time of an event.
    pub(super) fn advance(&mut self, boot_ns: u64) {
        self.first_ns.get_or_insert(boot_ns);
        self.last_ns = self.last_ns.max(boot_ns);
    }

    pub(super) fn first_ns(&self) -> u64 {
        self.first_ns.unwrap_or(0)
    }

    pub(super) fn last_ns(&self) -> u64 {
        self.last_ns
    }

    pub(super) fn start_command(&mut self, process: ProcessIndex) {
        self.command = Some(process);
    }

    pub(super) fn command(&self) -> Option<ProcessIndex> {
        self.command
    }

    pub(super) fn end_command(&mut self, end: CommandEnd) {
        self.command_end = Some(end);
    }

    pub(super) fn command_end(&self) -> Option<CommandEnd> {
        self.command_end
    }

    pub(super) fn end_with(&mut self, reason: EndReason) {
        self.end = Some(reason);
    }

    pub(super) fn end(&self) -> Option<EndReason> {
        self.end
    }
}
