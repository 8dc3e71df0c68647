//! The queue of a device: dispatches are gathered into one compute pass, which is submitted when something waits for it or when it
//! has grown long enough to keep the device busy meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fault::Faults;
use super::kernel::{Kernel, Kernels, Key, Params, RING_SLOT, Source};
use super::operand::Window;
use super::staging::Staging;
use crate::error::Result;

/// Dispatches after which a batch is submitted.
const BATCH_DISPATCHES: u64 = 128;
/// Bytes bound by a batch's dispatches after which it is submitted.
const BATCH_BYTES: u64 = 256 << 20;
/// Slots of the parameter ring; a batch that has used them all is submitted.
const RING_SLOTS: usize = 64;
/// Host bytes that wgpu may hold for an upload before they are submitted.
const UPLOAD_CHUNK: usize = 32 << 20;

/// An opened device with its queue and kernels.
pub(super) struct Gpu {
    pub device: wgpu::Device,
    pub limits: wgpu::Limits,
    pub faults: Faults,
    pub kernels: Kernels,
    pub staging: Staging,
    queue: wgpu::Queue,
    ring: wgpu::Buffer,
    ring_group: wgpu::BindGroup,
    batch: Mutex<Batch>,
}

/// A point in the device's work, and the device's clock when it was reached.
pub(crate) struct Mark {
    ticks: wgpu::Buffer,
}

/// Recorded work that has not been submitted.
#[derive(Default)]
struct Batch {
    /// Declared before the encoder: a pass ends before its encoder does.
    pass: Option<wgpu::ComputePass<'static>>,
    encoder: Option<wgpu::CommandEncoder>,
    dispatches: u64,
    bytes: u64,
    /// Parameters that the ring will hold when the batch runs.
    ring: Vec<u8>,
}

impl Gpu {
    pub fn new(device: wgpu::Device, queue: wgpu::Queue, faults: Faults) -> Self {
        let limits = device.limits();
        let kernels = Kernels::new(&device);
        let ring = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("parameters"),
            size: RING_SLOT * RING_SLOTS as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let slot = wgpu::BufferBinding { buffer: &ring, offset: 0, size: std::num::NonZero::new(RING_SLOT) };
        let ring_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("parameters"),
            layout: &kernels.ring,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(slot) }],
        });
        let (staging, batch) = (Staging::default(), Mutex::default());
        Self { device, limits, faults, kernels, staging, queue, ring, ring_group, batch }
    }

    /// The kernel for `key`, compiled from `source` at its first use.
    pub fn kernel(&self, key: Key, source: impl FnOnce() -> Source) -> Result<Arc<Kernel>> {
        self.kernels.get(&self.device, &self.faults, key, source)
    }

    /// A grid of at least `workgroups` workgroups, folded into two dimensions where one is too short. A kernel numbers its workgroup
    /// `id.y * num_workgroups.x + id.x` and leaves at once if that is beyond its work.
    pub fn grid(&self, workgroups: u64) -> [u32; 3] {
        let y = workgroups.div_ceil(u64::from(self.limits.max_compute_workgroups_per_dimension));
        [workgroups.div_ceil(y.max(1)) as u32, y as u32, 1]
    }

    /// Records a dispatch of `kernel` on `windows` (in the order of its bindings) with `params`, over a grid of workgroups.
    pub fn dispatch(&self, kernel: &Kernel, windows: &[Window], params: &[u32], grid: [u32; 3]) -> Result<()> {
        let mut entries = smallvec::SmallVec::<[wgpu::BindGroupEntry; 6]>::new();
        for (binding, window) in (0..).zip(windows) {
            entries.push(wgpu::BindGroupEntry { binding, resource: window.binding() });
        }
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &kernel.bindings,
            entries: &entries,
        });
        let mut words = [0u32; RING_SLOT as usize / 4];
        words[..params.len()].copy_from_slice(params);
        let bytes = &bytemuck::bytes_of(&words)[..kernel.params.bytes()];

        let mut batch = self.lock();
        let slot = batch.ring.len();
        let pass = batch.pass(&self.device);
        pass.set_pipeline(&kernel.pipeline);
        pass.set_bind_group(0, &group, &[]);
        match kernel.params {
            Params::Immediate { .. } => pass.set_immediates(0, bytes),
            Params::Ring { .. } => pass.set_bind_group(1, &self.ring_group, &[slot as u32]),
        }
        pass.dispatch_workgroups(grid[0], grid[1], grid[2]);
        if let Params::Ring { .. } = kernel.params {
            batch.ring.extend_from_slice(bytes);
            batch.ring.resize(slot + RING_SLOT as usize, 0);
        }
        batch.dispatches += 1;
        batch.bytes += windows.iter().map(|window| window.bytes).sum::<u64>();
        let full = batch.dispatches >= BATCH_DISPATCHES
            || batch.bytes >= BATCH_BYTES
            || batch.ring.len() >= RING_SLOTS * RING_SLOT as usize;
        if full {
            self.submit_batch(&mut batch);
        }
        drop(batch);
        self.faults.check(Some(kernel.name))
    }

    /// Copies `bytes` to the start of `buffer`, behind everything recorded so far.
    pub fn upload(&self, buffer: &wgpu::Buffer, bytes: &[u8]) -> Result<()> {
        let mut batch = self.lock();
        // wgpu puts writes before everything that is submitted later, and the batch may use the buffer's previous contents.
        if !batch.is_empty() {
            self.submit_batch(&mut batch);
        }
        let (words, tail) = bytes.split_at(bytes.len() - bytes.len() % wgpu::COPY_BUFFER_ALIGNMENT as usize);
        for (i, chunk) in words.chunks(UPLOAD_CHUNK).enumerate() {
            self.queue.write_buffer(buffer, (i * UPLOAD_CHUNK) as u64, chunk);
            if chunk.len() == UPLOAD_CHUNK {
                self.submit_batch(&mut batch);
            }
        }
        if !tail.is_empty() {
            // A tensor's last word is its own: buffers are padded.
            let mut word = [0u8; wgpu::COPY_BUFFER_ALIGNMENT as usize];
            word[..tail.len()].copy_from_slice(tail);
            self.queue.write_buffer(buffer, words.len() as u64, &word);
        }
        drop(batch);
        self.faults.check(Some("write"))
    }

    /// Records a copy of `bytes` bytes at `from` of `src` to the start of `dst`, and submits it with everything before it.
    pub fn copy_out(&self, src: &wgpu::Buffer, from: u64, dst: &wgpu::Buffer, bytes: u64) -> wgpu::SubmissionIndex {
        let mut batch = self.lock();
        batch.encoder(&self.device).copy_buffer_to_buffer(src, from, dst, 0, bytes);
        self.submit_batch(&mut batch)
    }

    /// A mark behind everything recorded so far, if the device can set marks between passes.
    pub fn mark(&self) -> Option<Mark> {
        if !self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS) {
            return None;
        }
        let set = self.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("mark"),
            ty: wgpu::QueryType::Timestamp,
            count: 1,
        });
        let ticks = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("mark"),
            size: wgpu::QUERY_RESOLVE_BUFFER_ALIGNMENT,
            usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        });
        let mut batch = self.lock();
        let encoder = batch.encoder(&self.device);
        encoder.write_timestamp(&set, 0);
        encoder.resolve_query_set(&set, 0..1, &ticks, 0);
        Some(Mark { ticks })
    }

    /// The time from one mark to a later one; waits until the later one is reached.
    pub fn time_between(&self, start: &Mark, end: &Mark) -> Result<Duration> {
        let mut ticks = [0u64; 2];
        for (mark, ticks) in [start, end].into_iter().zip(&mut ticks) {
            self.read_back(&mark.ticks, 0, bytemuck::bytes_of_mut(ticks))?;
        }
        let nanoseconds = ticks[1].saturating_sub(ticks[0]) as f64 * f64::from(self.queue.get_timestamp_period());
        Ok(Duration::from_nanos(nanoseconds as u64))
    }

    /// Submits what is recorded.
    pub fn submit(&self) -> wgpu::SubmissionIndex {
        self.submit_batch(&mut self.lock())
    }

    /// Waits until the device has done everything up to `index`.
    pub fn wait(&self, index: wgpu::SubmissionIndex) -> Result<()> {
        let poll = wgpu::PollType::Wait { submission_index: Some(index), timeout: None };
        let waited = self.device.poll(poll);
        self.faults.check(None)?;
        waited.map(|_| ()).map_err(|error| self.faults.failure(None, error))
    }

    /// Submits what is recorded and waits for all work.
    pub fn synchronize(&self) -> Result<()> {
        self.faults.check(None)?;
        self.wait(self.submit())
    }

    fn lock(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit_batch(&self, batch: &mut Batch) -> wgpu::SubmissionIndex {
        if !batch.ring.is_empty() {
            // Ordered behind the batches that were submitted before, which read the ring's previous contents.
            self.queue.write_buffer(&self.ring, 0, &batch.ring);
        }
        let Batch { pass, encoder, .. } = std::mem::take(batch);
        drop(pass);
        self.queue.submit(encoder.map(wgpu::CommandEncoder::finish))
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.encoder.is_none()
    }

    /// The encoder, outside a pass.
    fn encoder(&mut self, device: &wgpu::Device) -> &mut wgpu::CommandEncoder {
        self.pass = None;
        self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()))
    }

    /// The pass that dispatches go to.
    fn pass(&mut self, device: &wgpu::Device) -> &mut wgpu::ComputePass<'static> {
        let encoder = self.encoder.get_or_insert_with(|| device.create_command_encoder(&Default::default()));
        self.pass.get_or_insert_with(|| encoder.begin_compute_pass(&Default::default()).forget_lifetime())
    }
}
