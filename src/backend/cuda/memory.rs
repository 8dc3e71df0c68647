//! Device memory under the caching pool, by plain `cuMemAlloc` and `cuMemFree`.
//!
//! The pool above does the caching, so the driver's stream-ordered allocator would be a second cache below it: memory trimmed
//! from the one would linger in the other. Plain allocations are rare (the pool keeps and reuses blocks), exist on every GPU and
//! under every virtualisation, are seen exactly by compute-sanitizer, and can be handed to NCCL or another process.

use std::sync::Arc;
use std::time::Duration;

use cudarc::driver::sys::{self, CUresult};

use super::context::Context;
use crate::error::Error;
use crate::memory::{RawError, RawMemory, StreamId};

/// The memory of one GPU.
pub(crate) struct DeviceMemory {
    context: Arc<Context>,
}

impl DeviceMemory {
    pub fn new(context: Arc<Context>) -> Self {
        Self { context }
    }
}

/// A point of the stream.
pub(crate) struct Event {
    context: Arc<Context>,
    handle: sys::CUevent,
}

// SAFETY: the handle is used through driver calls alone, which may come from any thread.
unsafe impl Send for Event {}

impl Event {
    /// An event without timing, on no point yet.
    pub fn new(context: &Arc<Context>) -> Result<Self, Error> {
        Self::with_flags(context, sys::CUevent_flags::CU_EVENT_DISABLE_TIMING)
    }

    /// An event that reads the GPU's clock when it is passed.
    pub fn timed(context: &Arc<Context>) -> Result<Self, Error> {
        Self::with_flags(context, sys::CUevent_flags::CU_EVENT_DEFAULT)
    }

    fn with_flags(context: &Arc<Context>, flags: sys::CUevent_flags) -> Result<Self, Error> {
        context.make_current(None)?;
        let mut handle = std::ptr::null_mut();
        // SAFETY: the context is current; the event is destroyed in `drop`.
        context.check(None, unsafe { sys::cuEventCreate(&mut handle, flags as u32) })?;
        Ok(Self { context: Arc::clone(context), handle })
    }

    /// Puts the event behind everything that the stream has been asked so far.
    pub fn record(&self) -> Result<(), Error> {
        self.context.make_current(None)?;
        // SAFETY: event and stream belong to the current context.
        self.context.check(None, unsafe { sys::cuEventRecord(self.handle, self.context.stream) })
    }

    /// Waits until the GPU has passed the event; returns at once if it was never recorded.
    pub fn wait(&self) -> Result<(), Error> {
        self.context.make_current(None)?;
        // SAFETY: the event lives.
        self.context.check(None, unsafe { sys::cuEventSynchronize(self.handle) })
    }

    /// The time from this event to a later one, both timed; waits for the later one.
    pub fn time_to(&self, later: &Event) -> Result<Duration, Error> {
        later.wait()?;
        let mut milliseconds = 0f32;
        // SAFETY: both events live, were made with timing, and have been passed.
        self.context.check(None, unsafe { sys::cuEventElapsedTime(&mut milliseconds, self.handle, later.handle) })?;
        Ok(Duration::from_secs_f64(f64::from(milliseconds.max(0.0)) / 1e3))
    }

    fn is_passed(&self) -> bool {
        // SAFETY: the event lives. Any answer but "not ready", a fault of the device too, means there is nothing to wait for.
        unsafe { sys::cuEventQuery(self.handle) != CUresult::CUDA_ERROR_NOT_READY }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: nobody uses the event after this; the driver keeps it until the stream has passed it.
        unsafe { sys::cuEventDestroy_v2(self.handle) };
    }
}

impl RawMemory for DeviceMemory {
    /// The address.
    type Block = sys::CUdeviceptr;
    /// `None` where recording failed, which only a lost device does.
    type Fence = Option<Event>;

    fn allocate(&self, bytes: usize, _: StreamId) -> Result<sys::CUdeviceptr, RawError> {
        self.context.make_current(None).map_err(RawError::Other)?;
        let mut pointer = 0;
        // SAFETY: the context is current; writes the one address.
        match unsafe { sys::cuMemAlloc_v2(&mut pointer, bytes) } {
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => Err(RawError::OutOfMemory),
            code => self.context.check(None, code).map(|()| pointer).map_err(RawError::Other),
        }
    }

    fn free(&self, pointer: sys::CUdeviceptr, _: usize, _: StreamId) {
        // A failure here is the device's, which the next operation reports; memory of a lost device is gone anyway.
        let _ = self.context.synchronize(None);
        // SAFETY: `allocate` returned the address, and all work that was asked of the only stream is done.
        unsafe { sys::cuMemFree_v2(pointer) };
    }

    fn fence(&self, _: StreamId) -> Option<Event> {
        let event = Event::new(&self.context).ok()?;
        event.record().ok()?;
        Some(event)
    }

    fn passed(&self, fence: &Option<Event>) -> bool {
        fence.as_ref().is_none_or(Event::is_passed)
    }

    fn wait(&self, fence: &Option<Event>) {
        if let Some(event) = fence {
            // An error means that the device is lost, and then there is nothing to wait for.
            let _ = event.wait();
        }
    }
}
