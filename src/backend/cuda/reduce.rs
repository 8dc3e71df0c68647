//! Reductions.

use super::Cuda;
use crate::backend::{Operand, op};
use crate::error::Result;

/// See [`crate::backend::Backend::reduce`].
pub(super) fn reduce(
    cuda: &Cuda,
    op: op::Reduce,
    x: Operand,
    _y: Option<Operand>,
    _axes: &[usize],
    _out: Operand,
) -> Result<()> {
    cuda.unsupported(op.name(), x.dtype, "it has no CUDA kernel yet; move the tensor to Device::cpu()")
}
