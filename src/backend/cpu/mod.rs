//! The CPU: rayon over blocks, SIMD chosen at run time.
//!
//! | file | what |
//! |---|---|
//! | `memory` | buffers, their locks, why sharing them is sound |
//! | `operand`, `blocks`, `storage` | operands of any strides and type as slices of what is computed in |
//! | `scalar`, `math` | one element: arithmetic and real functions |
//! | `parallel` | the thread pool |
//! | the others | a family of operations each |
//!
//! Operations run before the call returns. The same inputs give the same bits at every number of threads.

mod blocks;
mod cast;
mod elementwise;
mod info;
mod math;
mod matmul;
mod memory;
mod norm;
mod operand;
mod parallel;
mod random;
mod reduce;
mod rows;
mod scalar;
mod softmax;
mod storage;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

pub(crate) use memory::Buffer;

use self::memory::{HostMemory, lock};
use self::operand::{Argument, View, cpu_buffer};
use super::{Backend, DeviceInfo, Matmul, Operand, Source, op, unsupported};
use crate::dtype::{DType, Scalar};
use crate::error::{Error, Result};
use crate::memory::{MemoryStats, Pool, PoolConfig, StreamId};

/// The device.
pub(crate) struct Cpu {
    info: DeviceInfo,
    pool: Arc<Pool<HostMemory>>,
}

impl Cpu {
    pub fn new() -> Self {
        Self { info: info::info(), pool: Pool::new(HostMemory, PoolConfig::from_env()) }
    }

    /// `done`, or the refusal of `op` on `dtype`.
    fn check(&self, done: bool, op: &'static str, dtype: DType) -> Result<()> {
        if done {
            Ok(())
        } else {
            Err(unsupported(&self.info, op, dtype, "the operation is not defined for this type"))
        }
    }
}

impl Backend for Cpu {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn allocate(&self, bytes: usize) -> Result<super::Buffer> {
        let buffer = Buffer::pooled(self.pool.allocate(bytes, StreamId::DEFAULT)?);
        if self.pool.config().poison {
            buffer.fill(0xFF);
        }
        Ok(super::Buffer::Cpu(buffer))
    }

    fn write(&self, dst: &super::Buffer, bytes: &[u8]) -> Result<()> {
        cpu_buffer("write", dst)?.write(bytes)
    }

    fn read(&self, src: &super::Buffer, range: Range<usize>, out: &mut [u8]) -> Result<()> {
        cpu_buffer("read", src)?.read(range, out)
    }

    fn synchronize(&self) -> Result<()> {
        Ok(())
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
        let out = View::new("fill", out)?;
        let _guards = lock(Some(out.buffer), []);
        elementwise::fill(value, &out);
        Ok(())
    }

    fn copy(&self, x: Operand, out: Operand) -> Result<()> {
        let (x, out) = (View::new("copy", x)?, View::new("copy", out)?);
        let _guards = lock(Some(out.buffer), [x.buffer]);
        elementwise::copy(&x, &out);
        Ok(())
    }

    fn unary(&self, op: op::Unary, params: [Scalar; 2], x: Operand, out: Operand) -> Result<()> {
        let (x, out) = (View::new(op.name(), x)?, View::new(op.name(), out)?);
        let _guards = lock(Some(out.buffer), [x.buffer]);
        self.check(elementwise::unary(op, params, &x, &out), op.name(), x.dtype)
    }

    fn binary(&self, op: op::Binary, a: Source, b: Source, out: Operand) -> Result<()> {
        let (a, b) = (Argument::new(op.name(), a)?, Argument::new(op.name(), b)?);
        let out = View::new(op.name(), out)?;
        let _guards = lock(Some(out.buffer), buffers([a, b]));
        self.check(elementwise::binary(op, &a, &b, &out), op.name(), out.dtype)
    }

    fn compare(&self, op: op::Compare, a: Source, b: Source, out: Operand) -> Result<()> {
        let (a, b) = (Argument::new(op.name(), a)?, Argument::new(op.name(), b)?);
        let out = View::new(op.name(), out)?;
        let Some(dtype) = a.view().or(b.view()).map(|view| view.dtype) else {
            let reason = "one operand must be a tensor".into();
            return Err(Error::InvalidArgument { op: op.name(), reason });
        };
        let _guards = lock(Some(out.buffer), buffers([a, b]));
        elementwise::compare(op, dtype, &a, &b, &out);
        Ok(())
    }

    fn select(&self, cond: Operand, a: Source, b: Source, out: Operand) -> Result<()> {
        let (cond, out) = (View::new("select", cond)?, View::new("select", out)?);
        let (a, b) = (Argument::new("select", a)?, Argument::new("select", b)?);
        let _guards = lock(Some(out.buffer), buffers([a, b]).chain([cond.buffer]));
        elementwise::select(&cond, &a, &b, &out);
        Ok(())
    }

    fn affine(&self, x: Operand, scale: Source, shift: Source, out: Operand) -> Result<()> {
        let (x, out) = (View::new("affine", x)?, View::new("affine", out)?);
        let (scale, shift) = (Argument::new("affine", scale)?, Argument::new("affine", shift)?);
        let _guards = lock(Some(out.buffer), buffers([scale, shift]).chain([x.buffer]));
        self.check(elementwise::affine(&x, &scale, &shift, &out), "affine", x.dtype)
    }

    fn reduce(&self, op: op::Reduce, x: Operand, y: Option<Operand>, axes: &[usize], out: Operand) -> Result<()> {
        let (x, out) = (View::new(op.name(), x)?, View::new(op.name(), out)?);
        let y = View::optional(op.name(), y)?;
        let _guards = lock(Some(out.buffer), [Some(x), y].iter().flatten().map(|view| view.buffer));
        self.check(reduce::reduce(op, &x, y.as_ref(), axes, &out), op.name(), x.dtype)
    }

    fn softmax(&self, op: op::Softmax, x: Operand, out: Operand) -> Result<()> {
        let (x, out) = (View::new(op.name(), x)?, View::new(op.name(), out)?);
        let _guards = lock(Some(out.buffer), [x.buffer]);
        self.check(softmax::softmax(op, &x, &out), op.name(), x.dtype)
    }

    fn norm(
        &self,
        op: op::Norm,
        x: Operand,
        weight: Option<Operand>,
        bias: Option<Operand>,
        out: Operand,
    ) -> Result<()> {
        let (x, out) = (View::new(op.name(), x)?, View::new(op.name(), out)?);
        let weight = View::optional(op.name(), weight)?;
        let bias = View::optional(op.name(), bias)?;
        let _guards = lock(Some(out.buffer), [Some(x), weight, bias].iter().flatten().map(|view| view.buffer));
        self.check(norm::norm(op, &x, weight.as_ref(), bias.as_ref(), &out), op.name(), x.dtype)
    }

    fn matmul(&self, op: Matmul, out: Operand) -> Result<()> {
        let op = matmul::Matmul {
            a: View::new("matmul", op.a)?,
            b: View::new("matmul", op.b)?,
            alpha: op.alpha,
            bias: View::optional("matmul", op.bias)?,
            activation: op.activation,
            multiply: View::optional("matmul", op.multiply)?,
            beta: op.beta,
            c: View::optional("matmul", op.c)?,
        };
        let out = View::new("matmul", out)?;
        let inputs = [Some(op.a), Some(op.b), op.bias, op.multiply, op.c];
        let _guards = lock(Some(out.buffer), inputs.iter().flatten().map(|view| view.buffer));
        self.check(matmul::matmul(&op, &out), "matmul", out.dtype)
    }

    fn random(&self, op: op::Random, key: u64, out: Operand) -> Result<()> {
        let out = View::new(op.name(), out)?;
        let _guards = lock(Some(out.buffer), []);
        self.check(random::random(op, key, &out), op.name(), out.dtype)
    }
}

/// The buffers of the tensors among `arguments`.
fn buffers<'a>(arguments: [Argument<'a>; 2]) -> impl Iterator<Item = &'a Buffer> {
    arguments.into_iter().filter_map(|argument| argument.view()).map(|view| view.buffer)
}
