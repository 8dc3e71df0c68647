//! The seam: one trait, three implementations side by side with the same file names.
//!
//! A backend is handed an operation value, operands (buffer, layout, dtype) and an output that exists already. Shapes, dtypes,
//! devices and overlap have been checked above, and there is at least one output element and one element to reduce, so an
//! implementation only has to compute. What it cannot do it refuses with [`Error::Unsupported`]; it never falls back silently.
//! Every method but [`Backend::read`] and [`Backend::synchronize`] may return before the work is done.

pub(crate) mod cpu;
#[cfg(feature = "cuda")]
pub(crate) mod cuda;
pub(crate) mod normal;
pub(crate) mod op;
#[cfg(feature = "portable")]
pub(crate) mod wgpu;

pub use op::{Accumulation, Activation, Precision};

use std::ffi::c_void;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::memory::MemoryStats;

/// Device memory, owned by the backend that made it and returned to its pool on drop.
pub(crate) enum Buffer {
    Cpu(cpu::Buffer),
    #[cfg(feature = "cuda")]
    Cuda(cuda::Buffer),
    #[cfg(feature = "portable")]
    Wgpu(wgpu::Buffer),
}

/// A matrix in the form of its backend, beside its elements.
pub(crate) enum Packed {
    #[cfg(feature = "cuda")]
    Cuda(cuda::Kept),
}

/// A tensor as a backend sees it. As an output, its buffer is written through the shared reference.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a> {
    pub buffer: &'a Buffer,
    pub layout: &'a Layout,
    pub dtype: DType,
}

/// An operand of a binary operation: a tensor of the output's shape, or one value for all elements.
#[derive(Clone, Copy)]
pub(crate) enum Source<'a> {
    Tensor(Operand<'a>),
    Scalar(Scalar),
}

/// `out = activation(alpha * (a @ b) + bias) * multiply + beta * c`, without the terms that are absent.
///
/// `a` is `[batch.., m, k]`, `b` is `[batch.., k, n]`, `out` is `[batch.., m, n]` with equal batch axes (stride 0 where
/// broadcast); `bias`, `multiply` and `c` are broadcast to `out`'s shape. `k` may be zero.
#[derive(Clone, Copy)]
pub(crate) struct Matmul<'a> {
    pub a: Operand<'a>,
    pub b: Operand<'a>,
    /// The same matrix as `b`, all of it, which is broadcast along the batch.
    #[allow(dead_code, reason = "which backends have such a form depends on the features")]
    pub packed: Option<&'a Packed>,
    pub alpha: Scalar,
    pub bias: Option<Operand<'a>>,
    pub activation: Activation,
    pub multiply: Option<Operand<'a>>,
    pub beta: Scalar,
    pub c: Option<Operand<'a>>,
    /// A permission: computing more accurately is always right.
    #[allow(dead_code, reason = "which backends ask depends on the features")]
    pub precision: Precision,
}

/// `out = a @ b`, each element times the scale of its block, for factors of 8-bit floats.
///
/// The factors are as in [`Matmul`], of any two of the 8-bit types; `out` is row-major. `a_scales` is `[batch.., m, k / 128]` and
/// `b_scales` `[batch.., k / 128, n / 128]` (rounded up) of `f32`, with strides of 0 where one scale is for all; none is 1. Nothing is
/// empty.
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "which backends have a kernel for it depends on the features")]
pub(crate) struct ScaledMatmul<'a> {
    pub a: Operand<'a>,
    pub b: Operand<'a>,
    pub a_scales: Option<Operand<'a>>,
    pub b_scales: Option<Operand<'a>>,
    pub accumulation: Accumulation,
}

/// A point in a device's work.
pub(crate) enum Timestamp {
    Host(Instant),
    #[cfg(feature = "cuda")]
    Cuda(cuda::Event),
    #[cfg(feature = "portable")]
    Wgpu(wgpu::Mark),
}

/// What kind of machinery a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendKind {
    /// Host threads and SIMD.
    Cpu,
    /// An NVIDIA GPU through CUDA.
    Cuda,
    /// A GPU (or a software rasteriser) through Vulkan, Metal or DX12.
    Wgpu,
}

impl BackendKind {
    /// `"cpu"`, `"cuda"` or `"wgpu"`.
    pub const fn name(self) -> &'static str {
        match self {
            BackendKind::Cpu => "cpu",
            BackendKind::Cuda => "cuda",
            BackendKind::Wgpu => "wgpu",
        }
    }
}

/// What a device is and can do.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeviceInfo {
    /// The machinery.
    pub backend: BackendKind,
    /// The maker's name of the device.
    pub name: String,
    /// Number of the device among those of its backend.
    pub ordinal: usize,
    /// Whether a software rasteriser stands in for a GPU.
    pub is_software: bool,
    /// Bytes of device memory, where the system tells.
    pub memory: Option<u64>,
    /// Element types that tensors on this device can have.
    pub dtypes: Vec<DType>,
    /// Facts of the backend by name, such as the compute capability, the SIMD level or the driver; for people and reports.
    pub facts: Vec<(&'static str, String)>,
}

/// The operations of a device. See the module for what has been checked before.
pub(crate) trait Backend: Send + Sync {
    /// What the device is and can do.
    fn info(&self) -> &DeviceInfo;

    /// Whether the device is gone for good.
    fn is_lost(&self) -> bool {
        false
    }

    /// `bytes` bytes of uninitialised memory, aligned for every dtype and vector load; `bytes` may be zero.
    fn allocate(&self, bytes: usize) -> Result<Buffer>;

    /// Copies `bytes` to the start of `dst`. The source may be reused on return.
    fn write(&self, dst: &Buffer, bytes: &[u8]) -> Result<()>;

    /// Waits for all work on `src` and copies the byte range `range` of it to `out`.
    fn read(&self, src: &Buffer, range: Range<usize>, out: &mut [u8]) -> Result<()>;

    /// Waits for all work; reports failures that arrived late.
    fn synchronize(&self) -> Result<()>;

    /// A point in the device's work: the moment when everything asked for so far is done.
    ///
    /// By default that is waited for and read off the host's clock.
    fn timestamp(&self) -> Result<Timestamp> {
        self.synchronize()?;
        Ok(Timestamp::Host(Instant::now()))
    }

    /// The time from `start` to `end`, both of this device; waits until `end` is reached.
    fn elapsed(&self, start: &Timestamp, end: &Timestamp) -> Result<Duration> {
        match (start, end) {
            (Timestamp::Host(start), Timestamp::Host(end)) => Ok(end.saturating_duration_since(*start)),
            #[cfg(any(feature = "cuda", feature = "portable"))]
            _ => unreachable!("both timestamps are of this device"),
        }
    }

    /// The native queue that all work goes to, ready to be used on this thread, where other libraries can share it.
    fn stream(&self) -> Option<*mut c_void> {
        None
    }

    /// Statistics of the device's memory pool.
    fn memory_stats(&self) -> MemoryStats;

    /// Limits the bytes the pool may reserve.
    fn set_memory_limit(&self, limit: Option<usize>);

    /// Gives cached memory back to the system; returns the bytes given back.
    fn trim_memory(&self) -> usize;

    /// Sets every element of `out`.
    fn fill(&self, value: Scalar, out: Operand) -> Result<()>;

    /// Copies `x` to `out` (same shape, any strides), converting as Rust's `as` does (`bool` from a number is `v != 0`).
    fn copy(&self, x: Operand, out: Operand) -> Result<()>;

    /// `out = op(x)`, elementwise; `params` are the operation's parameters in order.
    fn unary(&self, op: op::Unary, params: [Scalar; 2], x: Operand, out: Operand) -> Result<()>;

    /// `out = op(a, b)`, elementwise; at least one source is a tensor.
    fn binary(&self, op: op::Binary, a: Source, b: Source, out: Operand) -> Result<()>;

    /// `out = op(a, b)` with a `bool` output; at least one source is a tensor.
    fn compare(&self, op: op::Compare, a: Source, b: Source, out: Operand) -> Result<()>;

    /// `out = cond ? a : b`, elementwise; `cond` is `bool`.
    fn select(&self, cond: Operand, a: Source, b: Source, out: Operand) -> Result<()>;

    /// `out = x * scale + shift`, elementwise (numbers; one rounding for floats on CUDA and the CPU).
    fn affine(&self, x: Operand, scale: Source, shift: Source, out: Operand) -> Result<()>;

    /// Reduces `x` over `axes` (sorted, distinct) into `out`, whose shape is the kept axes. `y` is there for `Dot` alone.
    fn reduce(&self, op: op::Reduce, x: Operand, y: Option<Operand>, axes: &[usize], out: Operand) -> Result<()>;

    /// Softmax over the last axis; `out` has `x`'s shape.
    fn softmax(&self, op: op::Softmax, x: Operand, out: Operand) -> Result<()>;

    /// Normalises over the last axis, then multiplies by `weight` and adds `bias` (both of the last axis's length).
    fn norm(
        &self,
        op: op::Norm,
        x: Operand,
        weight: Option<Operand>,
        bias: Option<Operand>,
        out: Operand,
    ) -> Result<()>;

    /// The matrix product with its epilogue.
    fn matmul(&self, op: Matmul, out: Operand) -> Result<()>;

    /// The form in which products read a row-major matrix fastest that they have on the right; `None` where that is its elements.
    fn pack(&self, matrix: Operand) -> Result<Option<Packed>> {
        let _ = matrix;
        Ok(None)
    }

    /// The scaled product of 8-bit factors, where the device has a kernel for it: `false` where not, and then nothing was done.
    fn matmul_scaled(&self, op: ScaledMatmul, out: Operand) -> Result<bool> {
        let _ = (op, out);
        Ok(false)
    }

    /// Fills the row-major `out` with random numbers that depend on `key` and the element's index alone.
    fn random(&self, op: op::Random, key: u64, out: Operand) -> Result<()>;
}

/// The refusal of `op` on `dtype` by the device described by `info`.
#[allow(dead_code, reason = "the CPU supports everything; the other backends depend on features")]
pub(crate) fn unsupported(info: &DeviceInfo, op: &'static str, dtype: DType, reason: impl Into<String>) -> Error {
    Error::Unsupported { op, dtype, device: info.name.clone(), reason: reason.into() }
}
