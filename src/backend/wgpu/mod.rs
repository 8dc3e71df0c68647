//! The wgpu backend: Vulkan, Metal and DX12 through WGSL kernels.
//!
//! `gpu` gathers dispatches into batches and moves data, `kernel` compiles each kernel once, `shader` puts its text together from
//! `wgsl-fallback/`, `operand` says what part of a buffer a dispatch binds. On these stand the families, a file each.

mod adapter;
mod cooperative;
mod elementwise;
mod fault;
mod gpu;
mod kernel;
mod matmul;
mod memory;
mod norm;
mod operand;
mod random;
mod reduce;
mod rows;
mod shader;
mod softmax;
mod staging;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::{Backend, DeviceInfo, Matmul, Operand, Source, Timestamp, op, unsupported};
use crate::dtype::{DType, Scalar};
use crate::error::Result;
use crate::layout::Layout;
use crate::memory::{MemoryStats, Pool, PoolConfig, StreamId};
use gpu::Gpu;
pub(crate) use gpu::Mark;
pub(crate) use memory::Buffer;
use memory::Memory;

/// An adapter of wgpu's, opened.
pub(crate) struct Wgpu {
    info: DeviceInfo,
    gpu: Arc<Gpu>,
    /// Whether there are matrix units that `cooperative` is written for.
    cooperative: bool,
    pool: Arc<Pool<Memory>>,
    /// For normal random numbers.
    normal_table: OnceLock<super::Buffer>,
}

impl Wgpu {
    /// Opens adapter number `ordinal`, hardware before software.
    pub fn new(ordinal: usize) -> Result<Self> {
        let adapter::Opened { device, queue, info, faults, cooperative } = adapter::open(ordinal)?;
        let gpu = Arc::new(Gpu::new(device, queue, faults));
        let pool = Pool::new(Memory(Arc::clone(&gpu)), PoolConfig::from_env());
        Ok(Self { info, gpu, cooperative, pool, normal_table: OnceLock::new() })
    }

    /// Refuses a type that the device does not have.
    fn require(&self, op: &'static str, dtype: DType) -> Result<()> {
        if self.info.dtypes.contains(&dtype) {
            return Ok(());
        }
        let reason = "the adapter has no 64-bit arithmetic of this kind; use the CPU or a 32-bit type";
        Err(unsupported(&self.info, op, dtype, reason))
    }
}

impl Backend for Wgpu {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn is_lost(&self) -> bool {
        self.gpu.faults.is_lost()
    }

    fn allocate(&self, bytes: usize) -> Result<super::Buffer> {
        self.gpu.faults.check(Some("allocate"))?;
        let buffer = super::Buffer::Wgpu(self.pool.allocate(bytes, StreamId::DEFAULT)?);
        if self.pool.config().poison {
            let words = memory::raw(&buffer)?.size() as usize / DType::U32.size();
            let layout = Layout::contiguous("allocate", &[words], DType::U32.size())?;
            let out = Operand { buffer: &buffer, layout: &layout, dtype: DType::U32 };
            self.elementwise_fill(Scalar::Int(i64::from(u32::MAX)), out)?;
        }
        Ok(buffer)
    }

    fn write(&self, dst: &super::Buffer, bytes: &[u8]) -> Result<()> {
        self.gpu.faults.check(Some("write"))?;
        self.gpu.upload(memory::raw(dst)?, bytes)
    }

    fn read(&self, src: &super::Buffer, range: Range<usize>, out: &mut [u8]) -> Result<()> {
        self.gpu.read_back(memory::raw(src)?, range.start, out)
    }

    fn synchronize(&self) -> Result<()> {
        self.gpu.synchronize()
    }

    fn timestamp(&self) -> Result<Timestamp> {
        if let Some(mark) = self.gpu.mark() {
            return Ok(Timestamp::Wgpu(mark));
        }
        self.synchronize()?;
        Ok(Timestamp::Host(Instant::now()))
    }

    fn elapsed(&self, start: &Timestamp, end: &Timestamp) -> Result<Duration> {
        match (start, end) {
            (Timestamp::Wgpu(start), Timestamp::Wgpu(end)) => self.gpu.time_between(start, end),
            (Timestamp::Host(start), Timestamp::Host(end)) => Ok(end.saturating_duration_since(*start)),
            _ => unreachable!("both timestamps are of this device"),
        }
    }

    fn memory_stats(&self) -> MemoryStats {
        self.pool.stats()
    }

    fn set_memory_limit(&self, limit: Option<usize>) {
        self.pool.set_limit(limit);
    }

    fn trim_memory(&self) -> usize {
        self.pool.trim()
    }

    fn fill(&self, value: Scalar, out: Operand) -> Result<()> {
        self.elementwise_fill(value, out)
    }

    fn copy(&self, x: Operand, out: Operand) -> Result<()> {
        self.elementwise_copy(x, out)
    }

    fn unary(&self, op: op::Unary, params: [Scalar; 2], x: Operand, out: Operand) -> Result<()> {
        self.elementwise_unary(op, params, x, out)
    }

    fn binary(&self, op: op::Binary, a: Source, b: Source, out: Operand) -> Result<()> {
        self.elementwise_binary(op, a, b, out)
    }

    fn compare(&self, op: op::Compare, a: Source, b: Source, out: Operand) -> Result<()> {
        self.elementwise_compare(op, a, b, out)
    }

    fn select(&self, cond: Operand, a: Source, b: Source, out: Operand) -> Result<()> {
        self.elementwise_select(cond, a, b, out)
    }

    fn affine(&self, x: Operand, scale: Source, shift: Source, out: Operand) -> Result<()> {
        self.elementwise_affine(x, scale, shift, out)
    }

    fn reduce(&self, op: op::Reduce, x: Operand, y: Option<Operand>, axes: &[usize], out: Operand) -> Result<()> {
        self.reduce_axes(op, x, y, axes, out)
    }

    fn softmax(&self, op: op::Softmax, x: Operand, out: Operand) -> Result<()> {
        self.softmax_rows(op, x, out)
    }

    fn norm(
        &self,
        op: op::Norm,
        x: Operand,
        weight: Option<Operand>,
        bias: Option<Operand>,
        out: Operand,
    ) -> Result<()> {
        self.norm_rows(op, x, weight, bias, out)
    }

    fn matmul(&self, op: Matmul, out: Operand) -> Result<()> {
        self.matmul_batched(op, out)
    }

    fn random(&self, op: op::Random, key: u64, out: Operand) -> Result<()> {
        self.random_fill(op, key, out)
    }
}
