//! Reads registers: the arguments of functions and system calls, and results. Their places differ
//! between processors, and the loader finds them in BTF as it finds all others. So one object
//! serves every little-endian processor.

use aya_ebpf::EbpfContext;

use crate::{kernel::Object, maps::setting};

/// The saved registers of a task (`struct pt_regs`).
#[derive(Clone, Copy)]
pub struct Registers(Object);

impl Registers {
    /// Takes the address of the registers.
    #[inline(always)]
    pub fn at(address: u64) -> Registers {
        Registers(Object(address))
    }

    /// Takes the registers at the entry or the return of a function.
    #[inline(always)]
    pub fn of(context: &impl EbpfContext) -> Registers {
        Registers::at(context.as_ptr() as u64)
    }

    /// Returns an argument of the function: 0 is the first, 3 the last that is read.
    #[inline(always)]
    pub fn argument<const NUMBER: usize>(self) -> u64 {
        const { assert!(NUMBER < 4) };
        self.0.word(match NUMBER {
            0 => setting!(registers_first),
            1 => setting!(registers_second),
            2 => setting!(registers_third),
            _ => setting!(registers_fourth),
        })
    }

    /// Returns the result of the function.
    #[inline(always)]
    pub fn result(self) -> i64 {
        self.0.word(setting!(registers_result)) as i64
    }

    /// Returns the number of the system call.
    #[inline(always)]
    pub fn call(self) -> u32 {
        self.0.number(setting!(registers_call))
    }

    /// Returns an argument of the system call: 0 is the first, 2 the last that is read.
    #[inline(always)]
    pub fn call_argument<const NUMBER: usize>(self) -> u64 {
        const { assert!(NUMBER < 3) };
        match NUMBER {
            0 => self.0.word(setting!(registers_call_first)),
            _ => self.argument::<NUMBER>(),
        }
    }
}
