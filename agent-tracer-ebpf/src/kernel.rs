//! Reads of kernel memory at offsets that the loader found in BTF.

use agent_tracer_ebpf::NO_OFFSET;
use core::mem::MaybeUninit;

use aya_ebpf::helpers::{
    bpf_probe_read_kernel, generated::bpf_probe_read_kernel as bpf_probe_read_kernel_raw,
};

/// Error of a read of a field that this kernel lacks, or through a null pointer. Helpers return
/// errnos instead.
const ABSENT: i32 = -2;

/// Error for an event outside of the loader's PID namespace; not an errno.
pub const OUTSIDE: i32 = 1;

/// Address of a kernel object; reads of it may fail but never fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Object(pub u64);

impl Object {
    /// Reads the field at `offset`.
    #[inline(always)]
    pub fn read<T>(self, offset: u32) -> Result<T, i32> {
        if offset == NO_OFFSET {
            return Err(ABSENT);
        }
        // SAFETY: the helper checks the address and reports a fault as an error.
        unsafe { bpf_probe_read_kernel((self.0 + u64::from(offset)) as *const T) }
    }

    /// Follows the pointer at `offset`; a null pointer is an error.
    #[inline(always)]
    pub fn follow(self, offset: u32) -> Result<Object, i32> {
        match self.read::<u64>(offset)? {
            0 => Err(ABSENT),
            address => Ok(Object(address)),
        }
    }

    /// Reads the word at `offset`; 0 if that fails. It has no branch, since each branch doubles the
    /// work of an older verifier for the code after it.
    #[inline(always)]
    pub fn word(self, offset: u32) -> u64 {
        let mut word = 0_u64;
        if offset != NO_OFFSET {
            // SAFETY: the helper checks the address, and writes eight bytes or zeros.
            unsafe {
                bpf_probe_read_kernel_raw(
                    (&raw mut word).cast(),
                    size_of::<u64>() as u32,
                    self.0.wrapping_add(u64::from(offset)) as *const _,
                );
            }
        }
        word
    }

    /// Reads the half word at `offset`, likewise.
    #[inline(always)]
    pub fn number(self, offset: u32) -> u32 {
        let mut number = 0_u32;
        if offset != NO_OFFSET {
            // SAFETY: the helper checks the address, and writes four bytes or zeros.
            unsafe {
                bpf_probe_read_kernel_raw(
                    (&raw mut number).cast(),
                    size_of::<u32>() as u32,
                    self.0.wrapping_add(u64::from(offset)) as *const _,
                );
            }
        }
        number
    }

    /// Returns the object embedded at `offset`.
    #[inline(always)]
    pub fn inner(self, offset: u32) -> Object {
        Object(self.0 + u64::from(offset))
    }

    /// Reads the first `WORDS` words of the object at once; zeros if that fails.
    #[inline(always)]
    pub fn start<const WORDS: usize>(self) -> Start<WORDS> {
        let mut words = MaybeUninit::<[u64; WORDS]>::uninit();
        // SAFETY: the helper checks the address, and writes all of the words or zeros.
        unsafe {
            bpf_probe_read_kernel_raw(
                words.as_mut_ptr().cast(),
                size_of::<[u64; WORDS]>() as u32,
                self.0 as *const _,
            );
            Start(words.assume_init())
        }
    }
}

/// The first words of an object.
pub struct Start<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Start<WORDS> {
    /// Returns the field at `offset`, which the kernel aligns as its type wants. The last one
    /// stands for a field behind the end: a branch would cost older verifiers.
    #[inline(always)]
    pub fn read<T: Copy>(&self, offset: u32) -> T {
        let last = size_of::<[u64; WORDS]>() - size_of::<T>();
        let offset = (offset as usize).min(last);
        // SAFETY: the field is inside of the words.
        unsafe { self.0.as_ptr().cast::<u8>().add(offset).cast::<T>().read() }
    }
}
