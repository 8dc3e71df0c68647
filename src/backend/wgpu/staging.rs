//! Reading back: device memory is copied to mappable buffers, which are kept for the next time.

use std::sync::{Mutex, PoisonError, mpsc};

use super::gpu::Gpu;
use crate::error::Result;

/// The largest staging buffer; longer reads go through two of them in turn.
const CHUNK: u64 = 32 << 20;
/// The smallest.
const SMALLEST: u64 = 64 << 10;
/// How many are kept.
const KEPT: usize = 4;

/// Staging buffers that nobody uses.
#[derive(Default)]
pub(super) struct Staging(Mutex<Vec<wgpu::Buffer>>);

impl Staging {
    fn take(&self, device: &wgpu::Device, bytes: u64) -> wgpu::Buffer {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match free.iter().position(|buffer| buffer.size() >= bytes) {
            Some(at) => free.swap_remove(at),
            None => device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("staging"),
                size: bytes.next_power_of_two().max(SMALLEST),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            }),
        }
    }

    fn put(&self, buffer: wgpu::Buffer) {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(buffer);
        if free.len() > KEPT {
            free.remove(0);
        }
    }
}

/// A part of a read that is under way.
struct Pending<'a> {
    buffer: wgpu::Buffer,
    index: wgpu::SubmissionIndex,
    mapped: mpsc::Receiver<std::result::Result<(), wgpu::BufferAsyncError>>,
    /// Bytes copied and mapped, and where among them the part starts.
    bytes: u64,
    skip: usize,
    out: &'a mut [u8],
}

impl Gpu {
    /// Waits for all work on `src` and copies the bytes from `start` on to `out`.
    pub fn read_back(&self, src: &wgpu::Buffer, start: usize, out: &mut [u8]) -> Result<()> {
        self.faults.check(None)?;
        let mut at = start;
        let mut earlier: Option<Pending> = None;
        for part in out.chunks_mut(CHUNK as usize) {
            let next = self.start_read(src, at, part);
            at += next.out.len();
            // While one part crosses the bus, the one before it is copied out.
            if let Some(done) = earlier.replace(next) {
                self.finish_read(done)?;
            }
        }
        earlier.map_or(Ok(()), |last| self.finish_read(last))
    }

    fn start_read<'a>(&self, src: &wgpu::Buffer, at: usize, out: &'a mut [u8]) -> Pending<'a> {
        let align = wgpu::COPY_BUFFER_ALIGNMENT;
        let from = at as u64 / align * align;
        let bytes = (at as u64 + out.len() as u64 - from).next_multiple_of(align);
        let buffer = self.staging.take(&self.device, bytes);
        let index = self.copy_out(src, from, &buffer, bytes);
        let (sender, mapped) = mpsc::channel();
        // The receiver is gone only after an error, when nobody wants the answer.
        buffer.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| drop(sender.send(result)));
        Pending { buffer, index, mapped, bytes, skip: at - from as usize, out }
    }

    fn finish_read(&self, part: Pending) -> Result<()> {
        let Pending { buffer, index, mapped, bytes, skip, out } = part;
        self.wait(index)?;
        let failed = |what: &dyn std::error::Error| self.faults.failure(Some("read"), what);
        // The callback may be running on another thread that polls: the channel waits for it.
        match mapped.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(failed(&error)),
            Err(gone) => return Err(failed(&gone)),
        }
        match buffer.get_mapped_range(..bytes) {
            Ok(view) => out.copy_from_slice(&view[skip..skip + out.len()]),
            Err(error) => return Err(failed(&error)),
        }
        buffer.unmap();
        self.staging.put(buffer);
        Ok(())
    }
}
