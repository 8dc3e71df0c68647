//! The matrix product.

use super::Cuda;
use crate::backend::{Matmul, Operand};
use crate::error::Result;

/// See [`crate::backend::Backend::matmul`].
pub(super) fn matmul(cuda: &Cuda, op: Matmul, _out: Operand) -> Result<()> {
    cuda.unsupported("matmul", op.a.dtype, "it has no CUDA kernel yet; move the tensor to Device::cpu()")
}
