//! Counters for kernels whose last block finishes the work of all: zero between operations, because the last block resets its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cudarc::driver::sys;

use super::context::Context;
use crate::error::Result;

/// Device memory with [`Tickets::COUNT`] counters. Operations of one stream may all use it, since each waits for those before it
/// before it touches them; an operation of several launches keeps others from coming between them.
pub(crate) struct Tickets {
    context: Arc<Context>,
    /// 0 until somebody needs them.
    pointer: Mutex<u64>,
}

/// The counters, for as long as the launches of an operation are being enqueued.
pub(crate) struct Taken<'a>(MutexGuard<'a, u64>);

impl Taken<'_> {
    /// The address of the counters.
    pub fn pointer(&self) -> u64 {
        *self.0
    }
}

impl Tickets {
    /// The number of counters, of four bytes each.
    pub const COUNT: usize = 8192;

    pub fn new(context: Arc<Context>) -> Self {
        Self { context, pointer: Mutex::new(0) }
    }

    /// The counters, allocated and cleared at the first call. Who has them must not ask again.
    pub fn take(&self, op: &'static str) -> Result<Taken<'_>> {
        // Whoever panicked with them left the address as it was.
        let mut kept = self.pointer.lock().unwrap_or_else(PoisonError::into_inner);
        if *kept == 0 {
            self.context.make_current(Some(op))?;
            let mut pointer = 0;
            // SAFETY: the context is current; writes the one address.
            self.context.check(Some(op), unsafe { sys::cuMemAlloc_v2(&mut pointer, 4 * Self::COUNT) })?;
            // SAFETY: the allocation has that many words.
            let cleared = unsafe { sys::cuMemsetD32Async(pointer, 0, Self::COUNT, self.context.stream) };
            if let Err(error) = self.context.check(Some(op), cleared) {
                free(pointer);
                return Err(error);
            }
            *kept = pointer;
        }
        Ok(Taken(kept))
    }
}

fn free(pointer: u64) {
    // SAFETY: `Tickets` allocated it, and no launch will use it any more; the driver waits for those that do.
    unsafe { sys::cuMemFree_v2(pointer) };
}

impl Drop for Tickets {
    fn drop(&mut self) {
        let pointer = *self.pointer.get_mut().unwrap_or_else(PoisonError::into_inner);
        if pointer != 0 && self.context.make_current(None).is_ok() {
            free(pointer);
        }
    }
}
