//! Tells a library from a program by the first bytes of a file (elf(5)).

use object::{
    Endianness, elf,
    read::elf::{FileHeader, ProgramHeader},
};

use crate::event::NativeCode;

/// Bytes that are read of each file. The program headers stand at the beginning.
pub(super) const FIRST: usize = 4096;

/// Returns the native code of a file, given its first bytes.
///
/// A program that is position-independent and static looks like a library.
pub(super) fn native_code(first: &[u8]) -> NativeCode {
    const CLASS: usize = 4;
    match first.get(CLASS) {
        Some(&elf::ELFCLASS32) => of::<elf::FileHeader32<Endianness>>(first),
        Some(&elf::ELFCLASS64) => of::<elf::FileHeader64<Endianness>>(first),
        Some(_) | None => NativeCode::None,
    }
}

fn of<H: FileHeader<Endian = Endianness>>(first: &[u8]) -> NativeCode {
    let Ok(header) = H::parse(first) else {
        return NativeCode::None;
    };
    let Ok(endian) = header.endian() else {
        return NativeCode::None;
    };
    let segments = header.program_headers(endian, first).unwrap_or_default();
    let is_started = segments
        .iter()
        .any(|segment| segment.p_type(endian) == elf::PT_INTERP);
    match header.e_type(endian) {
        elf::ET_EXEC => NativeCode::Program,
        elf::ET_DYN if is_started => NativeCode::Program,
        elf::ET_DYN => NativeCode::Library,
        _ => NativeCode::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_are_no_native_code() {
        let mut first = vec![0; 64];
        assert_eq!(native_code(&first), NativeCode::None);
        assert_eq!(native_code(b""), NativeCode::None);
        assert_eq!(native_code(b"#!/bin/sh\n"), NativeCode::None);
        first[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00");
        assert_eq!(native_code(&first), NativeCode::None);
        first[16] = 3;
        first[20] = 1;
        assert_eq!(native_code(&first), NativeCode::Library);
        // The table of segments lies outside of what was read.
        first[32..40].copy_from_slice(&[0xff; 8]);
        first[56] = 4;
        assert_eq!(native_code(&first), NativeCode::Library);
        assert_eq!(native_code(&first[..40]), NativeCode::None);
    }

    #[test]
    fn this_program_is_one() {
        let own = std::fs::read("/proc/self/exe").expect("the test itself");
        let expected = match cfg!(target_feature = "crt-static") {
            true => NativeCode::Library,
            false => NativeCode::Program,
        };
        assert_eq!(native_code(&own[..FIRST]), expected);
    }
}
