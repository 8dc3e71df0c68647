//! What goes wrong outside the call that caused it: errors that wgpu reports through handlers, and the loss of the device.
//!
//! Without a handler wgpu panics. Here an error is kept until the operation that sees it first returns it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::{Error, Result};

/// The faults of one device.
pub(super) struct Faults {
    device: wgpu::Device,
    name: String,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    lost: OnceLock<String>,
    /// Whether `message` holds something, so that the way without faults costs one load.
    pending: AtomicBool,
    message: Mutex<Option<String>>,
}

impl State {
    fn record(&self, message: String) {
        let mut slot = self.message.lock().unwrap_or_else(PoisonError::into_inner);
        // The first error is the cause; what follows it are its consequences.
        slot.get_or_insert(message);
        self.pending.store(true, Ordering::Release);
    }
}

impl Faults {
    /// Listens to `device`, called `name` in errors.
    pub fn watch(device: &wgpu::Device, name: &str) -> Self {
        let state = Arc::new(State::default());
        let (errors, loss) = (Arc::clone(&state), Arc::clone(&state));
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| errors.record(error.to_string())));
        device.set_device_lost_callback(move |reason, message| {
            // A second report of the same loss adds nothing.
            let _ = loss.lost.set(format!("{message} ({reason:?})"));
        });
        Self { device: device.clone(), name: name.to_owned(), state }
    }

    pub fn is_lost(&self) -> bool {
        self.state.lost.get().is_some()
    }

    /// The loss of the device, or an error that has arrived since the last check; `op` is who asks.
    pub fn check(&self, op: Option<&'static str>) -> Result<()> {
        if let Some(lost) = self.loss(op) {
            return Err(lost);
        }
        if !self.state.pending.swap(false, Ordering::Acquire) {
            return Ok(());
        }
        match self.state.message.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(message) => Err(self.failure(op, message)),
            None => Ok(()),
        }
    }

    /// A failure with wgpu's words, or the loss of the device if that is behind it.
    pub fn failure(&self, op: Option<&'static str>, message: impl ToString) -> Error {
        // A loss is told only to those who poll. Whether this poll itself succeeds says nothing more.
        let _ = self.device.poll(wgpu::PollType::Poll);
        self.loss(op).unwrap_or_else(|| Error::Driver { device: self.name.clone(), op, message: message.to_string() })
    }

    fn loss(&self, op: Option<&'static str>) -> Option<Error> {
        let message = self.state.lost.get()?.clone();
        Some(Error::DeviceLost { device: self.name.clone(), op, message })
    }
}
