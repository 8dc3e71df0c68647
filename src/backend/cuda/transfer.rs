//! Copies between the host and the GPU, through pinned memory of our own.
//!
//! The GPU reads and writes pinned host memory at the full rate of the bus, and on its own; of ordinary memory the driver first
//! makes a copy, on one thread. So a large copy goes in chunks through a ring of pinned slots, all cores copying one chunk
//! between the caller's memory and its slot while the bus moves another. A small upload is a copy into the current slot and an
//! asynchronous copy from there: its call waits for nothing.
//!
//! A slot may be written again only after the GPU has read it. An upload slot is filled piece by piece; when it is full its event
//! is recorded, and whoever comes round to it waits for that.

use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::sys;
use rayon::prelude::*;

use super::context::Context;
use super::memory::Event;
use crate::error::Result;

/// Bytes of a slot. Large enough that starting a copy costs nothing beside it.
const SLOT: usize = 4 << 20;
/// Slots of each ring: one filled, one under way, and slack for the threads of either side.
const SLOTS: usize = 4;
/// Pieces start at multiples of this in a slot.
const ALIGNMENT: usize = 64;
/// From this size on, a chunk is copied by several threads, in pieces of this size.
const PARALLEL: usize = 256 << 10;

/// The rings of one device.
pub(crate) struct Transfer {
    context: Arc<Context>,
    up: Mutex<Ring>,
    down: Mutex<Ring>,
}

/// Slots of pinned memory, made at first use.
#[derive(Default)]
struct Ring {
    slots: Vec<Slot>,
    /// The slot being filled, and how much of it is.
    current: usize,
    used: usize,
}

struct Slot {
    context: Arc<Context>,
    memory: *mut u8,
    /// Behind the copies from or to the slot.
    event: Event,
}

// SAFETY: the memory belongs to the slot alone, and is reached under the ring's lock.
unsafe impl Send for Slot {}

impl Slot {
    fn new(context: &Arc<Context>) -> Result<Self> {
        let event = Event::new(context)?;
        let mut memory = std::ptr::null_mut();
        // SAFETY: the context is current since the event was made; the memory is freed in `drop`.
        context.check(None, unsafe { sys::cuMemHostAlloc(&mut memory, SLOT, 0) })?;
        Ok(Self { context: Arc::clone(context), memory: memory.cast(), event })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // The copies under way still use the memory; if waiting fails, the device is lost and makes none.
        let _ = self.context.synchronize(None);
        // SAFETY: `cuMemHostAlloc` returned the address, and nothing uses it any more.
        unsafe { sys::cuMemFreeHost(self.memory.cast()) };
    }
}

impl Transfer {
    pub fn new(context: Arc<Context>) -> Self {
        Self { context, up: Mutex::default(), down: Mutex::default() }
    }

    /// Copies `bytes` to the device address `to`, in stream order. The source may be reused on return.
    ///
    /// # Safety
    /// `bytes.len()` bytes at `to` are in a live buffer.
    pub unsafe fn upload(&self, to: u64, bytes: &[u8]) -> Result<()> {
        self.context.make_current(Some("write"))?;
        let mut ring = self.up.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = 0;
        while done < bytes.len() {
            let (slot, start) = ring.room(&self.context)?;
            let chunk = &bytes[done..bytes.len().min(done + SLOT - start)];
            // SAFETY: `start + chunk.len()` is at most SLOT, and the GPU has read whatever was there before.
            let staged = unsafe { std::slice::from_raw_parts_mut(slot.memory.add(start), chunk.len()) };
            copy(chunk, staged);
            // SAFETY: the caller vouches for the destination; the slot is not written again before the GPU has read it.
            self.context.check(Some("write"), unsafe {
                sys::cuMemcpyHtoDAsync_v2(to + done as u64, staged.as_ptr().cast(), chunk.len(), self.context.stream)
            })?;
            done += chunk.len();
            ring.used = (start + chunk.len()).next_multiple_of(ALIGNMENT);
        }
        Ok(())
    }

    /// Waits for all work that was asked for before, and copies `out.len()` bytes from the device address `from` to `out`.
    ///
    /// # Safety
    /// `out.len()` bytes at `from` are in a live buffer.
    pub unsafe fn download(&self, from: u64, out: &mut [u8]) -> Result<()> {
        self.context.make_current(Some("read"))?;
        let mut ring = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        let chunks = out.len().div_ceil(SLOT);
        while ring.slots.len() < SLOTS.min(chunks) {
            ring.slots.push(Slot::new(&self.context)?);
        }
        let slots = &ring.slots;
        let start = |index: usize, len: usize| {
            let slot = &slots[index % SLOTS];
            // SAFETY: the caller vouches for the source; a slot is reused only after its last contents were copied out.
            self.context.check(Some("read"), unsafe {
                let at = from + (index * SLOT) as u64;
                sys::cuMemcpyDtoHAsync_v2(slot.memory.cast(), at, len, self.context.stream)
            })?;
            slot.event.record()
        };
        let len = |index: usize| SLOT.min(out.len() - index * SLOT);
        let lens: Vec<usize> = (0..chunks).map(len).collect();
        for (index, &len) in lens.iter().enumerate().take(SLOTS) {
            start(index, len)?;
        }
        for (index, chunk) in out.chunks_mut(SLOT).enumerate() {
            let slot = &slots[index % SLOTS];
            slot.event.wait()?;
            // SAFETY: the GPU has written this much of the slot, and starts on it again only below.
            copy(unsafe { std::slice::from_raw_parts(slot.memory, chunk.len()) }, chunk);
            if let Some(&len) = lens.get(index + SLOTS) {
                start(index + SLOTS, len)?;
            }
        }
        Ok(())
    }
}

impl Ring {
    /// The slot to fill next and where in it, after waiting until the GPU is done with it.
    fn room(&mut self, context: &Arc<Context>) -> Result<(&Slot, usize)> {
        if self.slots.is_empty() {
            self.slots.push(Slot::new(context)?);
        } else if self.used >= SLOT {
            self.slots[self.current].event.record()?;
            self.used = 0;
            if self.slots.len() < SLOTS {
                self.slots.push(Slot::new(context)?);
                self.current = self.slots.len() - 1;
            } else {
                self.current = (self.current + 1) % SLOTS;
                self.slots[self.current].event.wait()?;
            }
        }
        Ok((&self.slots[self.current], self.used))
    }
}

fn copy(from: &[u8], to: &mut [u8]) {
    if from.len() < 2 * PARALLEL {
        to.copy_from_slice(from);
    } else {
        to.par_chunks_mut(PARALLEL).zip(from.par_chunks(PARALLEL)).for_each(|(to, from)| to.copy_from_slice(from));
    }
}
