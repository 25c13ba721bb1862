//! Reads the registers of a system call, at their places in the `struct pt_regs` of x86_64. Another
//! architecture needs its places here, and nowhere else.

use crate::kernel::Object;

/// `orig_ax`: the number of the call.
const CALL: u32 = 120;

/// `di`, `si` and `dx`.
const ARGUMENTS: [u32; 3] = [112, 104, 96];

/// Number of socket(2).
pub const SYS_SOCKET: u64 = 41;

/// The registers of a task at its entry into the kernel.
#[derive(Clone, Copy)]
pub struct Registers(Object);

impl Registers {
    /// Takes the address of the `struct pt_regs`.
    #[inline(always)]
    pub fn at(address: u64) -> Registers {
        Registers(Object(address))
    }

    /// Returns the number of the system call.
    #[inline(always)]
    pub fn call(self) -> u64 {
        self.0.word(CALL)
    }

    /// Returns an argument of the system call: 0 is the first, 2 the last that is read.
    #[inline(always)]
    pub fn argument<const NUMBER: usize>(self) -> u64 {
        self.0.word(const { ARGUMENTS[NUMBER] })
    }
}
