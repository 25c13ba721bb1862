//! Remembers the masked values of the recorded command, to mask them in the command lines that lead
//! to it: those of the recorder, of `sudo`, of a shell. Plain values are included: there they are
//! known to be secrets.

use super::{Redactor, marks, overlaps, replace};

/// Least length of a value that is masked by itself; a shorter one needs the whole command.
const SHORTEST: usize = 3;

/// Limit of the remembered values; a command has few.
const VALUES: usize = 256;

/// The command as given, and as masked.
#[derive(Debug, Default)]
pub(super) struct Command {
    given: Vec<Vec<u8>>,
    masked: Vec<Vec<u8>>,
    values: Vec<(Vec<u8>, u32)>,
    is_learning: bool,
}

impl Command {
    /// Remembers a value while the command is masked.
    pub(super) fn learn(&mut self, value: &[u8], number: u32) {
        if self.is_learning && self.values.len() < VALUES {
            self.values.push((value.to_vec(), number));
        }
    }
}

impl Redactor {
    /// Masks the recorded command, and remembers its masked values.
    pub fn own_command(&mut self, argv: &mut [Vec<u8>]) {
        self.own.given = argv.to_vec();
        self.own.is_learning = true;
        self.argv(argv);
        self.own.is_learning = false;
        self.own.masked = argv.to_vec();
        // The longest comes first: a value may be a part of another.
        self.own
            .values
            .sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
    }

    /// Masks the command's secrets in the command line of the recorder or of an ancestor.
    pub fn carrier(&mut self, argv: &mut [Vec<u8>]) {
        if self.is_off || self.own.given.is_empty() {
            return;
        }
        let mut rest = argv.len();
        if let Some(start) = argv.len().checked_sub(self.own.given.len())
            && argv.get(start..) == Some(&self.own.given)
        {
            for (element, masked) in argv.iter_mut().skip(start).zip(&self.own.masked) {
                element.clone_from(masked);
            }
            rest = start;
        }
        let program = self.own.given.first().cloned().unwrap_or_default();
        for element in argv.iter_mut().take(rest) {
            let carries = memchr::memmem::find(element, &program).is_some();
            for (value, number) in &self.own.values {
                if element == value || carries && value.len() >= SHORTEST {
                    mask(element, value, *number);
                }
            }
        }
    }
}

/// Masks a value wherever a word ends with it.
fn mask(text: &mut Vec<u8>, value: &[u8], number: u32) {
    let masks = marks(text);
    let mut pieces = Vec::new();
    for start in memchr::memmem::find_iter(text, value) {
        let at = start..start + value.len();
        let ends = text
            .get(at.end)
            .is_none_or(|next| !next.is_ascii_alphanumeric());
        if ends && !overlaps(&at, &masks) {
            pieces.push((at, number));
        }
    }
    replace(text, &pieces);
}
