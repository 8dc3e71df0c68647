//! Normalisation over the last axis.

use super::Cuda;
use crate::backend::{Operand, op};
use crate::error::Result;

/// See [`crate::backend::Backend::norm`].
pub(super) fn norm(
    cuda: &Cuda,
    op: op::Norm,
    x: Operand,
    _weight: Option<Operand>,
    _bias: Option<Operand>,
    _out: Operand,
) -> Result<()> {
    cuda.unsupported(op.name(), x.dtype, "it has no CUDA kernel yet; move the tensor to Device::cpu()")
}
