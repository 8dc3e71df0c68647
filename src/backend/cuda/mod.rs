//! The CUDA backend: hand-written kernels on one stream of an NVIDIA GPU.
//!
//! `context` opens the GPU, `kernels` finds entry points, `launch` enqueues them, `memory` and `transfer` own and move bytes;
//! each family of operations has a file of its own, as in the other backends.

#[allow(dead_code, reason = "bindgen writes constants that only the kernels use")]
mod abi;
mod ahead;
mod context;
mod elementwise;
mod fastdiv;
mod kernels;
mod launch;
mod matmul;
mod memory;
mod modules;
mod nest;
mod norm;
mod random;
mod reduce;
mod rows;
mod softmax;
mod tensor_map;
mod tickets;
mod transfer;

use std::ffi::c_void;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use cudarc::driver::sys;

use self::ahead::Ahead;
use self::context::Context;
pub(crate) use self::matmul::Kept;
use self::memory::DeviceMemory;
pub(crate) use self::memory::Event;
use self::tensor_map::TensorMaps;
use self::tickets::Tickets;
use self::transfer::Transfer;
use super::{Backend, BackendKind, DeviceInfo, Matmul, Operand, Packed, ScaledMatmul, Source, Timestamp, op};
use crate::dtype::{DType, Scalar};
use crate::error::Result;
use crate::memory::{MemoryStats, Pool, PoolConfig, PooledBlock, StreamId};

/// Memory of this backend.
pub(crate) struct Buffer(PooledBlock<DeviceMemory>);

impl Buffer {
    /// The device address of the first byte.
    pub fn pointer(&self) -> u64 {
        *self.0
    }
}

/// A GPU.
pub(crate) struct Cuda {
    info: DeviceInfo,
    // Dropped before the pool's memory, because copies under way use both.
    transfer: Transfer,
    pool: Arc<Pool<DeviceMemory>>,
    tensor_maps: TensorMaps,
    tickets: Tickets,
    ahead: Ahead,
    context: Arc<Context>,
}

impl Cuda {
    /// Opens GPU number `ordinal`.
    pub fn new(ordinal: usize) -> Result<Self> {
        let context = Arc::new(Context::open(ordinal)?);
        Ok(Self {
            info: describe(&context),
            transfer: Transfer::new(Arc::clone(&context)),
            pool: Pool::new(DeviceMemory::new(Arc::clone(&context)), PoolConfig::from_env()),
            tensor_maps: TensorMaps::default(),
            tickets: Tickets::new(Arc::clone(&context)),
            ahead: Ahead::default(),
            context,
        })
    }

    /// The opened GPU: its stream and the facts that launches depend on.
    fn context(&self) -> &Context {
        &self.context
    }

    /// Device memory for the duration of an operation: to be dropped when the operation's last launch is enqueued, because
    /// whoever gets the memory next comes later on the same stream, and every kernel waits for those before it before it writes.
    fn scratch(&self, bytes: usize) -> Result<Buffer> {
        let block = self.pool.allocate(bytes, StreamId::DEFAULT)?;
        if self.pool.config().poison {
            self.context.make_current(Some("allocate"))?;
            // SAFETY: the block has `size` bytes and is not in use by anybody.
            self.context.check(Some("allocate"), unsafe {
                sys::cuMemsetD8Async(*block, 0xFF, block.size(), self.context.stream)
            })?;
        }
        Ok(Buffer(block))
    }

    /// Device memory whose first `clear` bytes are zero.
    fn cleared(&self, op: &'static str, bytes: usize, clear: usize) -> Result<Buffer> {
        let buffer = self.scratch(bytes)?;
        debug_assert!(clear <= bytes);
        self.context.make_current(Some(op))?;
        // The next kernel waits for it before it reads.
        self.ahead.tail().forget();
        // SAFETY: the buffer has that many bytes; who had them before is done with them when the stream gets here.
        let cleared = unsafe { sys::cuMemsetD8Async(buffer.pointer(), 0, clear, self.context.stream) };
        self.context.check(Some(op), cleared)?;
        Ok(buffer)
    }

    /// The refusal of an operation.
    fn unsupported<T>(&self, op: &'static str, dtype: DType, reason: impl Into<String>) -> Result<T> {
        Err(super::unsupported(&self.info, op, dtype, reason))
    }
}

/// The device address of an operand's first element, its offset included.
fn pointer(operand: &Operand) -> u64 {
    let byte = operand.layout.offset() * operand.dtype.size();
    buffer(operand.buffer).pointer() + byte as u64
}

fn buffer(buffer: &super::Buffer) -> &Buffer {
    match buffer {
        super::Buffer::Cuda(buffer) => buffer,
        _ => unreachable!("operands were checked to be on this device"),
    }
}

fn describe(context: &Context) -> DeviceInfo {
    let version = |number: i32| format!("{}.{}", number / 1000, number % 1000 / 10);
    DeviceInfo {
        backend: BackendKind::Cuda,
        name: context.name.clone(),
        ordinal: context.ordinal,
        is_software: false,
        memory: Some(context.memory),
        dtypes: DType::ALL.to_vec(),
        facts: vec![
            ("compute capability", format!("{}.{}", context.capability / 10, context.capability % 10)),
            ("multiprocessors", context.multiprocessors.to_string()),
            ("driver's CUDA", version(context.driver)),
        ],
    }
}

impl Backend for Cuda {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn is_lost(&self) -> bool {
        self.context.is_lost()
    }

    fn allocate(&self, bytes: usize) -> Result<super::Buffer> {
        self.scratch(bytes).map(super::Buffer::Cuda)
    }

    fn write(&self, dst: &super::Buffer, bytes: &[u8]) -> Result<()> {
        let dst = buffer(dst);
        debug_assert!(bytes.len() <= dst.0.bytes());
        // SAFETY: the buffer has at least that many bytes.
        let uploaded = unsafe { self.transfer.upload(dst.pointer(), bytes) };
        // The next kernel waits for the copy before it reads.
        self.ahead.tail().forget();
        uploaded
    }

    fn read(&self, src: &super::Buffer, range: Range<usize>, out: &mut [u8]) -> Result<()> {
        let src = buffer(src);
        debug_assert!(range.end <= src.0.bytes() && range.len() == out.len());
        // SAFETY: the range is inside the buffer and as long as `out`.
        unsafe { self.transfer.download(src.pointer() + range.start as u64, out) }
    }

    fn synchronize(&self) -> Result<()> {
        self.context.synchronize(None)
    }

    fn timestamp(&self) -> Result<Timestamp> {
        let event = Event::timed(&self.context)?;
        event.record()?;
        Ok(Timestamp::Cuda(event))
    }

    fn elapsed(&self, start: &Timestamp, end: &Timestamp) -> Result<Duration> {
        match (start, end) {
            (Timestamp::Cuda(start), Timestamp::Cuda(end)) => start.time_to(end),
            _ => unreachable!("both timestamps are of this device"),
        }
    }

    fn stream(&self) -> Option<*mut c_void> {
        self.context.make_current(None).ok()?;
        // Kernels that this library does not know of may follow.
        self.ahead.tail().forget();
        Some(self.context.stream.cast())
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
        elementwise::fill(self, value, out)
    }

    fn copy(&self, x: Operand, out: Operand) -> Result<()> {
        elementwise::copy(self, x, out)
    }

    fn unary(&self, op: op::Unary, params: [Scalar; 2], x: Operand, out: Operand) -> Result<()> {
        elementwise::unary(self, op, params, x, out)
    }

    fn binary(&self, op: op::Binary, a: Source, b: Source, out: Operand) -> Result<()> {
        elementwise::binary(self, op, a, b, out)
    }

    fn compare(&self, op: op::Compare, a: Source, b: Source, out: Operand) -> Result<()> {
        elementwise::compare(self, op, a, b, out)
    }

    fn select(&self, cond: Operand, a: Source, b: Source, out: Operand) -> Result<()> {
        elementwise::select(self, cond, a, b, out)
    }

    fn affine(&self, x: Operand, scale: Source, shift: Source, out: Operand) -> Result<()> {
        elementwise::affine(self, x, scale, shift, out)
    }

    fn reduce(&self, op: op::Reduce, x: Operand, y: Option<Operand>, axes: &[usize], out: Operand) -> Result<()> {
        reduce::reduce(self, op, x, y, axes, out)
    }

    fn softmax(&self, op: op::Softmax, x: Operand, out: Operand) -> Result<()> {
        softmax::softmax(self, op, x, out)
    }

    fn norm(
        &self,
        op: op::Norm,
        x: Operand,
        weight: Option<Operand>,
        bias: Option<Operand>,
        out: Operand,
    ) -> Result<()> {
        norm::norm(self, op, x, weight, bias, out)
    }

    fn matmul(&self, op: Matmul, out: Operand) -> Result<()> {
        matmul::matmul(self, op, out)
    }

    fn pack(&self, matrix: Operand) -> Result<Option<Packed>> {
        matmul::pack(self, matrix)
    }

    fn matmul_scaled(&self, op: ScaledMatmul, out: Operand) -> Result<bool> {
        matmul::matmul_scaled(self, op, out)
    }

    fn random(&self, op: op::Random, key: u64, out: Operand) -> Result<()> {
        random::random(self, op, key, out)
    }
}
