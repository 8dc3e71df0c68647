//! Device memory: blocks of the shared pool, each a storage buffer of its own.
//!
//! wgpu fills a new buffer with zeros at its first use. That happens once for each block, because the pool keeps blocks, and
//! nothing here relies on it.

use std::sync::Arc;

use super::gpu::Gpu;
use crate::error::Error;
use crate::memory::{PooledBlock, RawError, RawMemory, StreamId};

/// Memory of this backend.
pub(crate) type Buffer = PooledBlock<Memory>;

/// What the pool stands on.
pub(crate) struct Memory(pub(super) Arc<Gpu>);

/// Buffers are padded to this many bytes, so that the last vector of every element type lies inside.
pub(super) const PADDING: u64 = 32;

impl Memory {
    fn try_allocate(&self, bytes: u64) -> Result<wgpu::Buffer, RawError> {
        let device = &self.0.device;
        let oom = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let other = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: bytes,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let other = pollster::block_on(other.pop());
        if pollster::block_on(oom.pop()).is_some() {
            return Err(RawError::OutOfMemory);
        }
        self.0.faults.check(Some("allocate")).map_err(RawError::Other)?;
        match other {
            Some(error) => Err(RawError::Other(self.0.faults.failure(Some("allocate"), error))),
            None => Ok(buffer),
        }
    }
}

impl RawMemory for Memory {
    type Block = wgpu::Buffer;
    type Fence = wgpu::SubmissionIndex;

    fn allocate(&self, bytes: usize, _: StreamId) -> Result<wgpu::Buffer, RawError> {
        // What no buffer can hold is as little to be had as what does not fit now.
        let padded = (bytes as u64).checked_next_multiple_of(PADDING).ok_or(RawError::OutOfMemory)?;
        if padded > self.0.limits.max_buffer_size {
            return Err(RawError::OutOfMemory);
        }
        match self.try_allocate(padded) {
            // Freed buffers live until the work that uses them is done.
            Err(RawError::OutOfMemory) => {
                self.0.synchronize().map_err(RawError::Other)?;
                self.try_allocate(padded)
            }
            result => result,
        }
    }

    fn free(&self, block: wgpu::Buffer, _: usize, _: StreamId) {
        // wgpu keeps it for recorded and submitted work.
        drop(block);
    }

    fn fence(&self, _: StreamId) -> wgpu::SubmissionIndex {
        self.0.submit()
    }

    fn passed(&self, fence: &wgpu::SubmissionIndex) -> bool {
        let now = Some(std::time::Duration::ZERO);
        let poll = wgpu::PollType::Wait { submission_index: Some(fence.clone()), timeout: now };
        self.0.faults.is_lost() || self.0.device.poll(poll).is_ok()
    }

    fn wait(&self, fence: &wgpu::SubmissionIndex) {
        // A failure to wait is a lost device, and there every fence is passed.
        let _ = self.0.wait(fence.clone());
    }
}

/// The buffer of `buffer`, which must be of this backend.
pub(super) fn raw(buffer: &super::super::Buffer) -> Result<&wgpu::Buffer, Error> {
    match buffer {
        super::super::Buffer::Wgpu(block) => Ok(block),
        #[allow(unreachable_patterns, reason = "the CPU is always there; the pattern stays valid if that changes")]
        _ => Err(Error::DeviceMismatch { op: "wgpu", lhs: "wgpu".into(), rhs: "another device".into() }),
    }
}
