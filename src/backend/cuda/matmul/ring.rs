//! Launches of kernels that persist, whose factors come through a ring of buffers: `simt_ring.rs` and `dmma.rs`.

use super::problem::Problem;
use super::{OP, tiled};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::abi::TwMatrix;
use crate::backend::cuda::kernels::Kernel;
use crate::backend::cuda::launch::Launch;
use crate::backend::cuda::tensor_map::Swizzle;
use crate::error::Result;

/// What a block can have, less the alignment of its buffers and room for its barriers.
pub(super) const SHARED: u32 = (227 << 10) - 2048;
/// Of four warps that load and eight that multiply.
const THREADS: u32 = 384;

/// What a launch needs to know of an instance.
pub(super) struct Ring {
    pub kernel: &'static Kernel,
    pub tile: [u64; 2],
    pub shared: u32,
    /// For each factor the box, lines by their length along the stride of 1, and how it lies in shared memory.
    pub boxes: [([u32; 2], Swizzle); 2],
    /// Whether a block goes on to further tiles.
    pub persists: bool,
}

/// Launches an instance.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, ring: &Ring) -> Result<()> {
    let [m, n] = ring.tile;
    let (parameters, tiles) = tiled(problem, m, n);
    let map = |x: &TwMatrix, shape, (boxes, swizzle)| cuda.tensor_map(OP, &problem.boxes(x, shape, boxes, swizzle));
    let a = map(&parameters.a, [parameters.m, parameters.k], ring.boxes[0])?;
    let b = map(&parameters.b, [parameters.k, parameters.n], ring.boxes[1])?;
    let blocks = if ring.persists { tiles.min(cuda.context().multiprocessors) } else { tiles };
    let launch = Launch::linear(ring.kernel, blocks, THREADS).shared(ring.shared).dependent();
    // SAFETY: the entry takes two maps and one TwMatmul, and as much shared memory as its buffers need; maps reach what the factors'
    // shapes reach, and so do the pointers that the epilogue uses.
    unsafe { cuda.launch_with_maps(OP, &launch, &[&a, &b], &parameters) }
}
