//! Random numbers: `cuda/random.cu`.

use super::abi::{TW_THREADS, TwRandom};
use super::kernels::{Entry, KernelSet};
use super::launch::Launch;
use super::{Cuda, pointer};
use crate::backend::{Operand, op};
use crate::dtype::DType;
use crate::error::{Error, Result};

/// The floating-point types come first among the element types.
static UNIFORM: KernelSet<4> =
    KernelSet::new(|i| Entry { module: "random", name: format!("uniform_{}", DType::ALL[i].name()) });
static NORMAL: KernelSet<4> =
    KernelSet::new(|i| Entry { module: "random", name: format!("normal_{}", DType::ALL[i].name()) });

/// See [`crate::backend::Backend::random`].
pub(super) fn random(cuda: &Cuda, op: op::Random, key: u64, out: Operand) -> Result<()> {
    if !out.dtype.is_float() {
        return cuda.unsupported(op.name(), out.dtype, "only floating-point types have random numbers");
    }
    let length = out.layout.len();
    let blocks = length.div_ceil(per_block(op, out.dtype));
    let blocks = u32::try_from(blocks)
        .ok()
        .filter(|&blocks| blocks <= i32::MAX as u32)
        .ok_or_else(|| Error::ShapeOverflow { op: op.name(), shape: out.layout.shape().to_vec() })?;
    let parameters = TwRandom { out: pointer(&out), length: length as u64, key: [key as u32, (key >> 32) as u32] };
    let kernels = match op {
        op::Random::Uniform => &UNIFORM,
        op::Random::Normal => &NORMAL,
    };
    let kernel = kernels.get(cuda, op.name(), out.dtype as usize)?;
    // SAFETY: the kernels take a TwRandom and write the `length` elements of the row-major output.
    unsafe { cuda.launch(op.name(), &Launch::linear(kernel, blocks, TW_THREADS), &parameters) }
}

/// Elements of a block of threads: a thread makes four, two uniform ones of f64.
fn per_block(op: op::Random, dtype: DType) -> usize {
    TW_THREADS as usize * if dtype == DType::F64 && op == op::Random::Uniform { 2 } else { 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_are_those_of_the_floating_point_types() {
        assert!(DType::ALL.iter().enumerate().all(|(i, dtype)| dtype.is_float() == (i < 4) && *dtype as usize == i));
    }
}
