//! Batches of products of small f32 matrices on Hopper: `cuda/matmul/batch.cu`.

use super::OP;
use super::problem::{Problem, access};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::abi::TwMatrix;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::launch::Launch;
use crate::backend::cuda::tensor_map::Swizzle;
use crate::dtype::DType;
use crate::error::Result;

pub(super) const MODULE: &str = "matmul/batch";

/// The most rows and columns, and the greatest depth.
pub(super) const SIDE: u64 = 64;
/// Warps of a block that multiply, a product each at a time.
pub(super) const WARPS: u32 = 4;
/// Products for each multiprocessor from which on it has two blocks. Fewer are better computed by one, in more rounds, of which one is read
/// and written while another is multiplied.
const MANY: u32 = 32;
/// The depth of a stage, and the stages of a warp.
const DEPTH: u32 = 16;
const STAGES: u32 = 3;

/// nn, nt, tn, tt.
static KERNELS: KernelSet<4> = KernelSet::new(|index| Entry {
    module: MODULE,
    name: format!("matmul_batch_f32_{}", ["nn", "nt", "tn", "tt"][index]),
});

/// Launches the instance for the layouts of the factors.
pub(super) fn launch(cuda: &Cuda, problem: &Problem) -> Result<()> {
    let parameters = &problem.parameters;
    let layout = problem.layout();
    let kernel = KERNELS.get(cuda, OP, layout)?;
    let map = |x: &TwMatrix, shape, along_k| {
        let (boxes, swizzle) = if along_k {
            ([SIDE as u32, DEPTH], Swizzle::CU_TENSOR_MAP_SWIZZLE_64B)
        } else {
            ([DEPTH, SIDE as u32], Swizzle::CU_TENSOR_MAP_SWIZZLE_NONE)
        };
        cuda.tensor_map(OP, &problem.boxes(x, shape, boxes, swizzle))
    };
    let a = map(&parameters.a, [parameters.m, parameters.k], layout / 2 == 0)?;
    let b = map(&parameters.b, [parameters.k, parameters.n], layout % 2 == 1)?;
    let products = parameters.batch[0] * parameters.batch[1];
    let multiprocessors = cuda.context().multiprocessors;
    let blocks = if products < MANY * multiprocessors { multiprocessors } else { 2 * multiprocessors };
    // As BatchShape in `cuda/include/tilework/matmul/batch_kernel.h` lays it out.
    let stage = 2 * SIDE as u32 * DEPTH * 4 + 16;
    let launch =
        Launch::linear(kernel, products.min(blocks), 2 * 32 * WARPS).shared(1024 + WARPS * STAGES * stage).dependent();
    // SAFETY: the entry takes two maps and one TwMatmul, and as much shared memory as its buffers need; maps reach what the factors'
    // shapes reach, and so do the pointers that the epilogue uses. `access` is of the same parameters, and the kernel writes
    // after `wait_to_write`.
    unsafe { cuda.launch_ahead(OP, &launch, &[&a, &b], *parameters, &access(parameters, DType::F32, DType::F32)) }
}
