//! Writes the lines around the lists: file, machine, command, state.

use crate::{
    model::Model,
    trace::Header,
    view::{escape, numbers::grouped, page::duration, report::subject},
};

use super::state::{Mode, Watch};

/// The state of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// There is no trace yet; the reason is in [`Facts::notice`].
    Waiting,
    /// Events from before are being read.
    Reading,
    /// It goes on.
    Recording,
    /// It has no end, and its recorder no longer runs.
    CutOff,
    /// It has ended: the reason in words.
    Ended(&'static str),
}

/// The facts about a recording besides its model.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Name of the file; not escaped.
    pub file: &'a [u8],
    /// The circumstances, once they are known.
    pub header: Option<&'a Header>,
    /// The state.
    pub stage: Stage,
    /// Events so far.
    pub events: u64,
    /// Time since the start, nanoseconds.
    pub elapsed_ns: u64,
    /// Time since the last event, nanoseconds.
    pub quiet_ns: u64,
    /// Damaged parts.
    pub gaps: u64,
    /// True if events were lost or anything else is missing.
    pub is_incomplete: bool,
    /// Position among the traces of a directory, from 1, and their number.
    pub segment: Option<(usize, usize)>,
    /// Ended processes that were released; a filter does not find them.
    pub released: usize,
    /// A remark for the reader; not escaped.
    pub notice: String,
}

/// Time without an event that is worth a remark.
const QUIET_NS: u64 = 5_000_000_000;

/// The kind of a word about the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Plain,
    Bad,
}

impl Facts<'_> {
    /// Counts what a model has released.
    pub fn released(model: &Model) -> usize {
        let counts = model.processes().map(|(index, _)| model.count(index) - 1);
        counts.sum()
    }

    /// Names the file and its place in a directory.
    pub(super) fn title(&self) -> String {
        let mut title = escape::text(self.file);
        if let Some((place, count)) = self.segment
            && count > 1
        {
            title.push_str(&format!(" ({place} of {count})"));
        }
        title
    }

    /// Describes the state.
    pub(super) fn state(&self) -> (String, Tone) {
        let (mut words, tone) = match &self.stage {
            Stage::Waiting => ("waiting".to_owned(), Tone::Plain),
            Stage::Reading => ("reading".to_owned(), Tone::Plain),
            Stage::Recording if self.quiet_ns >= QUIET_NS => (
                format!("recording, nothing for {}", seconds(self.quiet_ns)),
                Tone::Good,
            ),
            Stage::Recording => ("recording".to_owned(), Tone::Good),
            Stage::CutOff => ("cut off: its recorder ended".to_owned(), Tone::Bad),
            Stage::Ended(reason) => (format!("ended: {reason}"), Tone::Plain),
        };
        let problem = match (self.gaps, self.is_incomplete) {
            (1.., _) => Some("damaged"),
            (0, true) => Some("incomplete"),
            (0, false) => None,
        };
        match problem {
            Some(problem) => {
                words.push_str(&format!(", {problem}"));
                (words, Tone::Bad)
            }
            None => (words, tone),
        }
    }

    /// Describes machine, subject and size.
    pub(super) fn summary(&self) -> String {
        let Some(header) = self.header else {
            return escape::text(self.notice.as_bytes());
        };
        format!(
            "{}: {}, {} events, {}",
            escape::text(header.hostname.as_bytes()),
            seconds(self.elapsed_ns),
            grouped(self.events),
            subject(header),
        )
    }

    /// Returns the last line: what is typed, what is filtered, or the keys.
    pub(super) fn foot(&self, watch: &Watch) -> String {
        let keys = match &watch.mode {
            Mode::Filter { input, refused } => {
                let input = escape::text(input.as_bytes());
                return match refused.is_empty() {
                    true => format!("/{input}▏  Enter: show such processes only, Esc: back"),
                    false => format!("/{input}▏  {}", escape::text(refused.as_bytes())),
                };
            }
            Mode::Details { .. } => "↑↓ scroll  Esc back  q leave",
            Mode::Help => "any key: back  q leave",
            Mode::Lists => "Tab lists  ↑↓ rows  Enter details  / filter  ? help  q leave",
        };
        if self.header.is_some() && !self.notice.is_empty() {
            return escape::text(self.notice.as_bytes());
        }
        let others = match watch.has_others {
            true => "filtered by options  ",
            false => "",
        };
        if watch.filter.is_empty() {
            return format!("{others}{keys}");
        }
        let filter = escape::text(watch.filter.as_bytes());
        let without = match self.released {
            0 => String::new(),
            count => format!(" (but {} that ended long ago)", grouped(count as u64)),
        };
        format!("filter: {filter}{without}, Esc: all  {others}? help  q leave")
    }
}

/// Writes a time of which tenths do not matter.
fn seconds(nanoseconds: u64) -> String {
    match nanoseconds / 1_000_000_000 {
        short @ 0..60 => format!("{short}s"),
        _ => duration(nanoseconds),
    }
}
