//! Reads of kernel memory at offsets that the loader found in BTF.

use agent_tracer_ebpf::NO_OFFSET;
use aya_ebpf::helpers::bpf_probe_read_kernel;

/// Address of a kernel object; reads of it may fail but never fault.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Object(pub u64);

impl Object {
    /// Reads the field at `offset`.
    #[inline(always)]
    pub fn read<T>(self, offset: u32) -> Result<T, i32> {
        if offset == NO_OFFSET {
            return Err(-1);
        }
        // SAFETY: the helper checks the address and reports a fault as an error.
        unsafe { bpf_probe_read_kernel((self.0 + u64::from(offset)) as *const T) }
    }

    /// Follows the pointer at `offset`; a null pointer is an error.
    #[inline(always)]
    pub fn follow(self, offset: u32) -> Result<Object, i32> {
        match self.read::<u64>(offset)? {
            0 => Err(-1),
            address => Ok(Object(address)),
        }
    }

    /// The object embedded at `offset`.
    #[inline(always)]
    pub fn inner(self, offset: u32) -> Object {
        Object(self.0 + u64::from(offset))
    }
}
