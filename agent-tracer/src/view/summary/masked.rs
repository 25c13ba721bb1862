//! Names the command lines in which secrets were masked, never the values.

use crate::view::{escape, page::Page};

/// Limit of the secrets shown with their places.
const SHOWN: usize = 12;

/// The first command line in which a secret was masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedSecret {
    /// The number in its mask.
    pub number: u32,
    /// The process.
    pub pid: u32,
    /// The base name of its program; not escaped.
    pub program: Vec<u8>,
    /// The index of the argument; the program itself is 0.
    pub argument: usize,
    /// Number of further command lines.
    pub further: usize,
}

/// Lists masked secrets with their places, given their count.
pub(super) fn lines(page: &Page, secrets: usize, masked: &[MaskedSecret]) -> Vec<String> {
    let (plural, pronoun) = match secrets {
        0 => return Vec::new(),
        1 => ("", "it"),
        _ => ("s", "they"),
    };
    let head =
        format!("masked: {secrets} secret{plural}, as ‹secret N› wherever {pronoun} occurred");
    let shown = masked.iter().take(SHOWN).map(place);
    let mut lines: Vec<String> = [head].into_iter().chain(shown).collect();
    let more = masked.len().saturating_sub(SHOWN);
    if more > 0 {
        lines.push(format!("  and {more} more"));
    }
    let elsewhere = secrets.saturating_sub(masked.len());
    if elsewhere > 0 {
        lines.push(format!(
            "  {elsewhere} in no recorded command line: in paths, names, or a process from before"
        ));
    }
    lines.into_iter().map(|line| page.fit(line)).collect()
}

fn place(masked: &MaskedSecret) -> String {
    let MaskedSecret {
        number,
        pid,
        argument,
        ..
    } = masked;
    let program = escape::text(&masked.program);
    let further = match masked.further {
        0 => String::new(),
        1 => ", and 1 more command line".to_owned(),
        count => format!(", and {count} more command lines"),
    };
    format!("  ‹secret {number}›: argument {argument} of {program} [{pid}]{further}")
}
