//! Products whose k is summed in parts: `cuda/matmul/parts.cu`.
//!
//! Where an output has too few tiles to occupy the GPU, its kernel computes the tiles of several parts of k as if they were further
//! matrices of the batch (`cuda/include/tilework/matmul/parts.h`). Their sums go to memory of the pool, and a small kernel adds them
//! up, always in the same order.

use super::OP;
use crate::backend::cuda::abi::TwMatmul;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::launch::Launch;
use crate::backend::cuda::{Buffer, Cuda};
use crate::dtype::DType;
use crate::error::Result;

const DTYPES: [DType; 2] = [DType::F32, DType::F64];
const THREADS: u32 = 256;
/// How many warps share the parts of an output: one, or all of a block where the parts are many.
const SHARES: [u32; 2] = [1, 8];
/// The most memory that the sums may take.
const MOST_BYTES: u64 = 1 << 30;

static KERNELS: KernelSet<{ DTYPES.len() * SHARES.len() }> = KernelSet::new(|index| Entry {
    module: "matmul/parts",
    name: format!("matmul_parts_{}_{}", DTYPES[index / SHARES.len()].name(), SHARES[index % SHARES.len()]),
});

/// So many parts of as many blocks of k each, the last perhaps fewer, that none is empty: at most `parts`.
pub(super) fn even(blocks: u64, parts: u64) -> u64 {
    blocks.div_ceil(blocks.div_ceil(parts.max(1)).max(1)).max(1)
}

/// The bytes of the sums of `parts` parts, or `None` where those would be too many.
pub(super) fn bytes(p: &TwMatmul, dtype: DType, parts: u64) -> Option<u64> {
    let line = p.n.checked_mul(dtype.size() as u64)?.checked_next_multiple_of(16)?;
    let lines = p.batch.iter().try_fold(p.m, |lines, &length| lines.checked_mul(length.into()))?;
    lines.checked_mul(line)?.checked_mul(parts).filter(|&bytes| bytes <= MOST_BYTES)
}

/// Makes `parameters` those of a product in so many parts, whose sums go to the buffer.
pub(super) fn prepare(cuda: &Cuda, dtype: DType, parts: u32, parameters: &mut TwMatmul) -> Result<Option<Buffer>> {
    if parts <= 1 {
        return Ok(None);
    }
    let Some(bytes) = bytes(parameters, dtype, parts.into()) else {
        return cuda.unsupported(OP, dtype, "the sums of parts would take too much memory");
    };
    let sums = cuda.scratch(bytes as usize)?;
    parameters.splits = parts;
    parameters.partials = sums.pointer();
    Ok(Some(sums))
}

/// Adds the parts that the product of these parameters left, and finishes it.
pub(super) fn add(cuda: &Cuda, dtype: DType, parameters: &TwMatmul) -> Result<()> {
    let Some(index) = DTYPES.iter().position(|&other| other == dtype) else {
        return cuda.unsupported(OP, dtype, "it has no kernel that adds parts");
    };
    let many = parameters.splits > SHARES[1];
    let kernel = KERNELS.get(cuda, OP, SHARES.len() * index + usize::from(many))?;
    // 16 bytes for each thread; `bytes` keeps them below 2^26.
    let vectors = bytes(parameters, dtype, 1).unwrap_or(0) / 16;
    let blocks = vectors.div_ceil((THREADS / SHARES[usize::from(many)]).into());
    let launch = Launch::linear(kernel, blocks as u32, THREADS).dependent();
    // SAFETY: the entry takes one TwMatmul; it reads the sums, which `prepare` made room for, and reads and writes what the pointers
    // and strides of the epilogue's operands reach inside their shapes.
    unsafe { cuda.launch(OP, &launch, parameters) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_is_empty() {
        for blocks in 1..200 {
            for parts in 1..=200 {
                let even = even(blocks, parts);
                let share = blocks.div_ceil(even);
                assert!(even <= parts && (even - 1) * share < blocks && even * share >= blocks, "{blocks} in {parts}");
            }
        }
        assert_eq!(even(0, 5), 1);
    }

    #[test]
    fn lines_of_sums_are_whole_vectors() {
        let p = TwMatmul { m: 5, n: 7, batch: [2, 3], ..TwMatmul::default() };
        assert_eq!(bytes(&p, DType::F32, 4), Some(4 * 30 * 32));
        assert_eq!(bytes(&p, DType::F64, 4), Some(4 * 30 * 64));
        assert_eq!(bytes(&TwMatmul { n: 1 << 61, ..p }, DType::F64, 1), None, "no overflow");
        assert_eq!(bytes(&TwMatmul { m: 1 << 20, n: 1 << 20, ..p }, DType::F32, 1), None, "too large");
    }
}
