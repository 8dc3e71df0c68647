//! Softmax.

use super::Cuda;
use crate::backend::{Operand, op};
use crate::error::Result;

/// See [`crate::backend::Backend::softmax`].
pub(super) fn softmax(cuda: &Cuda, op: op::Softmax, x: Operand, _out: Operand) -> Result<()> {
    cuda.unsupported(op.name(), x.dtype, "it has no CUDA kernel yet; move the tensor to Device::cpu()")
}
