//! Launches of kernels that persist, whose factors come through a ring of buffers: `simt_ring.rs` and `dmma.rs`.

use super::problem::{Direction, Problem};
use super::{OP, tiled};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::abi::TwMatrix;
use crate::backend::cuda::kernels::Kernel;
use crate::backend::cuda::launch::Launch;
use crate::backend::cuda::tensor_map::{BoxedTensor, Swizzle};
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
    /// For each factor the box, its length along the stride of 1 first, and how it lies in shared memory.
    pub boxes: [([u32; 2], Swizzle); 2],
    /// Whether a block goes on to further tiles.
    pub persists: bool,
}

/// The layouts of the factors: 0 nn, 1 nt, 2 tn, 3 tt.
pub(super) fn layout(problem: &Problem) -> usize {
    let by_columns = |factor| usize::from(Direction::of(factor) == Direction::ColumnMajor);
    2 * by_columns(&problem.parameters.a) + by_columns(&problem.parameters.b)
}

/// Launches an instance.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, ring: &Ring) -> Result<()> {
    let [m, n] = ring.tile;
    let (parameters, tiles) = tiled(problem, m, n);
    let map =
        |x: &TwMatrix, shape, (lengths, swizzle)| cuda.tensor_map(OP, &boxed(problem, x, shape, lengths, swizzle));
    let a = map(&parameters.a, [parameters.m, parameters.k], ring.boxes[0])?;
    let b = map(&parameters.b, [parameters.k, parameters.n], ring.boxes[1])?;
    let blocks = if ring.persists { tiles.min(cuda.context().multiprocessors) } else { tiles };
    let launch = Launch::linear(ring.kernel, blocks, THREADS).shared(ring.shared).dependent();
    // SAFETY: the entry takes two maps and one TwMatmul, and as much shared memory as its buffers need; maps reach what the factors'
    // shapes reach, and so do the pointers that the epilogue uses.
    unsafe { cuda.launch_with_maps(OP, &launch, &[&a, &b], &parameters) }
}

/// The map of a factor of `shape` rows and columns with two batch axes.
fn boxed(
    problem: &Problem,
    x: &TwMatrix,
    [rows, columns]: [u64; 2],
    [length, lines]: [u32; 2],
    swizzle: Swizzle,
) -> BoxedTensor {
    let size = problem.dtype.size() as u64;
    let (inner, outer, across) = match Direction::of(x) {
        Direction::RowMajor => (columns, rows, x.row),
        Direction::ColumnMajor => (rows, columns, x.column),
    };
    // An axis of stride 0 is one of length 1 whose stride nobody uses.
    let stride = |stride: i64| if stride == 0 { 16 } else { stride as u64 * size };
    let batch = |axis: usize| if x.batch[axis] == 0 { 1 } else { u64::from(problem.parameters.batch[axis]) };
    BoxedTensor {
        pointer: x.pointer,
        dtype: problem.dtype,
        rank: 4,
        lengths: [inner, outer, batch(1), batch(0), 1],
        strides: [0, stride(across), stride(x.batch[1]), stride(x.batch[0]), 0],
        boxes: [length, lines, 1, 1, 1],
        swizzle,
    }
}
