//! 16-bit products on the tensor cores of any GPU that has them: `cuda/matmul/mma_bf16.cu` and `mma_f16.cu`.

use super::problem::Problem;
use super::{OP, tiled};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::launch::Launch;
use crate::dtype::DType;
use crate::error::Result;

const TILE: u32 = 128;
const DEPTH: u32 = 32;
const THREADS: u32 = 256;

/// For each dtype: factors of aligned lines, then any; for each of those nn, nt, tn, tt.
static KERNELS: KernelSet<16> = KernelSet::new(|index| {
    let dtype = ["bf16", "f16"][index / 8];
    let (any, layout) = (["", "_any"][index / 4 % 2], ["nn", "nt", "tn", "tt"][index % 4]);
    Entry {
        module: ["matmul/mma_bf16", "matmul/mma_f16"][index / 8],
        name: format!("matmul_mma_{dtype}_{TILE}x{TILE}_{layout}{any}"),
    }
});

/// Launches the instance for the layouts of the factors.
pub(super) fn launch(cuda: &Cuda, problem: &Problem) -> Result<()> {
    let p = &problem.parameters;
    let any = p.a.aligned == 0 || p.b.aligned == 0;
    let index = 8 * usize::from(problem.dtype == DType::F16) + 4 * usize::from(any) + problem.layout();
    let stages = if any { 2 } else { 4 };
    let kernel = KERNELS.get(cuda, OP, index)?;
    let (parameters, blocks) = tiled(problem, TILE.into(), TILE.into());
    let launch = Launch::linear(kernel, blocks, THREADS).shared(stages * 2 * TILE * DEPTH * 2);
    // SAFETY: the entry takes one TwMatmul and as much shared memory as its stages need; it reads and writes what the operands'
    // pointers and strides reach inside their shapes, in vectors only where `aligned` says so.
    unsafe { cuda.launch(OP, &launch, &parameters) }
}
