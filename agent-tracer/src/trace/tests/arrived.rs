//! Traces that are read while they are written: every event is there as soon as its block is.

use std::cell::Cell;

use super::*;

/// A file of which only so many bytes have arrived.
struct Growing<'a> {
    bytes: &'a [u8],
    read: usize,
    arrived: &'a Cell<usize>,
}

impl io::Read for Growing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self
            .bytes
            .get(self.read..self.arrived.get())
            .unwrap_or_default();
        let count = rest.read(buffer)?;
        self.read += count;
        Ok(count)
    }
}

/// Reads a file that grows by `step` bytes at a time, from a whole first block on. Calls `check`
/// after each step with the length and the number of events so far.
fn grown(bytes: &[u8], first: usize, step: usize, mut check: impl FnMut(usize, u64)) -> Seen {
    let arrived = Cell::new(first);
    let stream = Growing {
        bytes,
        read: 0,
        arrived: &arrived,
    };
    let mut reader = Reader::new(stream, "t.trace").unwrap();
    let (mut events, mut gaps) = (Vec::new(), Vec::new());
    loop {
        while let Some(item) = reader.next_arrived().unwrap() {
            match item {
                Item::Event { sequence, event } => events.push((sequence, event)),
                Item::Gap(gap) => gaps.push(gap),
            }
        }
        check(arrived.get(), events.len() as u64);
        if arrived.get() >= bytes.len() {
            break;
        }
        arrived.set(bytes.len().min(arrived.get() + step));
    }
    Seen {
        events,
        gaps,
        unknown: reader.unknown_events(),
        finished: reader.is_finished(),
    }
}

/// No part of a block is taken for damage, and no whole block waits for the next one.
#[test]
fn every_whole_block_is_read_at_once() {
    let (file, starts) = trace(6, 4, 2);
    let seen = grown(&file, starts[0], 1, |length, events| {
        let whole = starts.iter().filter(|start| **start <= length).count() as u64 - 1;
        assert_eq!(events, 4 * whole.min(6), "{length}");
    });
    assert_eq!(sequences(&seen), Vec::from_iter(1..=24));
    assert!(seen.gaps.is_empty() && seen.finished);
}

/// A file without its first block is not refused for good.
#[test]
fn a_first_block_may_come_later() {
    let (file, starts) = trace(1, 1, 1);
    for length in 0..starts[0] {
        let error = Reader::new(&file[..length], "t.trace").err().unwrap();
        assert!(error.is_cut_off(), "{length}: {error}");
    }
    let text = Reader::new(&b"#!/bin/sh\n"[..], "t").err().unwrap();
    assert!(!text.is_cut_off());
}

/// Damage costs the same events and shows the same gaps as in a file that is read at once.
#[test]
fn damage_is_what_it_is_in_a_whole_file() {
    let (file, starts) = trace(6, 4, 2);
    for position in starts[0]..file.len() {
        let mut damaged = file.clone();
        damaged[position] ^= 0xff;
        let whole = read(&damaged).unwrap();
        for step in [1, 7, 64] {
            let seen = grown(&damaged, starts[0], step, |_, _| {});
            assert_eq!(sequences(&seen), sequences(&whole), "{position}");
            // Behind the last intact block nothing says yet that something is wrong.
            let resumed = |gaps: &[Gap]| -> Vec<Gap> {
                let gaps = gaps.iter().filter(|gap| gap.resumed_at.is_some());
                gaps.cloned().collect()
            };
            assert_eq!(resumed(&seen.gaps), resumed(&whole.gaps), "{position}");
            assert_eq!(seen.finished, whole.finished);
        }
    }
}
