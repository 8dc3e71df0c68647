//! Elementwise operations.

use super::Cuda;
use crate::backend::{Operand, Source, op};
use crate::dtype::Scalar;
use crate::error::Result;

const REASON: &str = "it has no CUDA kernel yet; move the tensor to Device::cpu()";

/// See [`crate::backend::Backend::fill`].
pub(super) fn fill(cuda: &Cuda, _value: Scalar, out: Operand) -> Result<()> {
    cuda.unsupported("fill", out.dtype, REASON)
}

/// See [`crate::backend::Backend::copy`].
pub(super) fn copy(cuda: &Cuda, x: Operand, _out: Operand) -> Result<()> {
    cuda.unsupported("copy", x.dtype, REASON)
}

/// See [`crate::backend::Backend::unary`].
pub(super) fn unary(cuda: &Cuda, op: op::Unary, _params: [Scalar; 2], x: Operand, _out: Operand) -> Result<()> {
    cuda.unsupported(op.name(), x.dtype, REASON)
}

/// See [`crate::backend::Backend::binary`].
pub(super) fn binary(cuda: &Cuda, op: op::Binary, _a: Source, _b: Source, out: Operand) -> Result<()> {
    cuda.unsupported(op.name(), out.dtype, REASON)
}

/// See [`crate::backend::Backend::compare`].
pub(super) fn compare(cuda: &Cuda, op: op::Compare, _a: Source, _b: Source, out: Operand) -> Result<()> {
    cuda.unsupported(op.name(), out.dtype, REASON)
}

/// See [`crate::backend::Backend::select`].
pub(super) fn select(cuda: &Cuda, _cond: Operand, _a: Source, _b: Source, out: Operand) -> Result<()> {
    cuda.unsupported("select", out.dtype, REASON)
}

/// See [`crate::backend::Backend::affine`].
pub(super) fn affine(cuda: &Cuda, x: Operand, _scale: Source, _shift: Source, _out: Operand) -> Result<()> {
    cuda.unsupported("affine", x.dtype, REASON)
}
