//! Counters for kernels whose last block finishes the work of all: zero between launches, because the last block resets its own.

use std::sync::{Arc, OnceLock};

use cudarc::driver::sys;

use super::context::Context;
use crate::error::Result;

/// Device memory with [`Tickets::COUNT`] counters. Kernels of one stream may all use it, since they run one after another.
pub(crate) struct Tickets {
    context: Arc<Context>,
    pointer: OnceLock<u64>,
}

impl Tickets {
    /// The number of counters, of four bytes each.
    pub const COUNT: usize = 8192;

    pub fn new(context: Arc<Context>) -> Self {
        Self { context, pointer: OnceLock::new() }
    }

    /// The address of the counters, allocated and cleared at the first call.
    pub fn pointer(&self, op: &'static str) -> Result<u64> {
        if let Some(&pointer) = self.pointer.get() {
            return Ok(pointer);
        }
        self.context.make_current(Some(op))?;
        let mut pointer = 0;
        // SAFETY: the context is current; writes the one address.
        self.context.check(Some(op), unsafe { sys::cuMemAlloc_v2(&mut pointer, 4 * Self::COUNT) })?;
        // SAFETY: the allocation has that many words.
        let cleared = unsafe { sys::cuMemsetD32Async(pointer, 0, Self::COUNT, self.context.stream) };
        let kept = match self.context.check(Some(op), cleared) {
            Ok(()) => *self.pointer.get_or_init(|| pointer),
            Err(error) => {
                free(pointer);
                return Err(error);
            }
        };
        // Another thread was faster.
        if kept != pointer {
            free(pointer);
        }
        Ok(kept)
    }
}

fn free(pointer: u64) {
    // SAFETY: `Tickets` allocated it, and no launch will use it any more; the driver waits for those that do.
    unsafe { sys::cuMemFree_v2(pointer) };
}

impl Drop for Tickets {
    fn drop(&mut self) {
        if let Some(&pointer) = self.pointer.get()
            && self.context.make_current(None).is_ok()
        {
            free(pointer);
        }
    }
}
