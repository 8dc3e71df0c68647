//! The lock and the atomic that the pool stands on, exchanged for loom's in its model checks (`--cfg loom`).

#[cfg(all(loom, test))]
use loom::sync as imp;
#[cfg(not(all(loom, test)))]
use std::sync as imp;

pub(super) use imp::MutexGuard;
pub(super) use imp::atomic::{AtomicU64, Ordering};

/// A mutex that a panic does not close: every critical section of this floor leaves its data whole at each call that
/// could unwind, so the next thread may go on.
pub(super) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub(super) fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
