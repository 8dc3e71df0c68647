//! Random numbers.

use super::Cuda;
use crate::backend::{Operand, op};
use crate::error::Result;

/// See [`crate::backend::Backend::random`].
pub(super) fn random(cuda: &Cuda, op: op::Random, _key: u64, out: Operand) -> Result<()> {
    cuda.unsupported(op.name(), out.dtype, "it has no CUDA kernel yet; make the tensor on Device::cpu()")
}
