//! Launches of kernels whose factors come through a ring of buffers: `simt_ring.rs` and `dmma.rs`.

use super::problem::{Problem, access};
use super::{ALONE, OP, parts, tiled};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::abi::TwMatrix;
use crate::backend::cuda::kernels::Kernel;
use crate::backend::cuda::launch::Launch;
use crate::backend::cuda::tensor_map::Swizzle;
use crate::error::Result;

/// What the blocks of a multiprocessor can have.
pub(super) const SHARED: u32 = 227 << 10;
/// What a block needs for the alignment of its buffers and for its barriers.
pub(super) const ROOM: u32 = 2048;
/// The depth of a block of k.
pub(super) const DEPTH: u32 = 16;
/// Warps that load; the others multiply.
pub(super) const LOADERS: u32 = 4;

/// What a launch needs to know of an instance.
pub(super) struct Ring {
    pub kernel: &'static Kernel,
    pub tile: [u64; 2],
    /// Threads that multiply.
    pub math: u32,
    pub shared: u32,
    /// For each factor the box, lines by their length along the stride of 1, and how it lies in shared memory.
    pub boxes: [([u32; 2], Swizzle); 2],
    /// The blocks of a multiprocessor, if a block goes on to further tiles.
    pub persist: Option<u32>,
}

/// As `turn_stages` in `cuda/include/tilework/matmul/turns.h`: the stages of a ring where so many fit, and so many groups of warps take
/// turns at reading them.
pub(super) fn turn_stages(fitting: u32, slices: u32) -> u32 {
    if slices == 1 { fitting } else { fitting - fitting % slices.max(LOADERS) }
}

/// Launches an instance, with k in so many parts, none of which may be empty.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, ring: &Ring, parts: u32) -> Result<()> {
    let [m, n] = ring.tile;
    let (mut parameters, tiles) = tiled(problem, m, n);
    // Kept until the parts are added.
    let _sums = parts::prepare(cuda, problem.dtype, parts, &mut parameters)?;
    let tiles = tiles * parts;
    let map = |x: &TwMatrix, shape, (boxes, swizzle)| cuda.tensor_map(OP, &problem.boxes(x, shape, boxes, swizzle));
    let a = map(&parameters.a, [parameters.m, parameters.k], ring.boxes[0])?;
    let b = map(&parameters.b, [parameters.k, parameters.n], ring.boxes[1])?;
    let multiprocessors = cuda.context().multiprocessors;
    let (blocks, shared) = match ring.persist {
        Some(_) if tiles <= multiprocessors => (tiles, ring.shared.max(ALONE)),
        Some(blocks) => (tiles.min(blocks * multiprocessors), ring.shared),
        None => (tiles, ring.shared),
    };
    let launch = Launch::linear(ring.kernel, blocks, 32 * LOADERS + ring.math).shared(shared).dependent();
    // SAFETY: the entry takes two maps and one TwMatmul, and as much shared memory as its buffers need; maps reach what the factors'
    // shapes reach, and so do the pointers that the epilogue uses; the sums of parts have room for all of them.
    // `access` is of the same parameters, and the kernel writes after `wait_to_write`.
    unsafe {
        if parts > 1 {
            cuda.launch_with_maps(OP, &launch, &[&a, &b], &parameters)?;
        } else {
            let access = access(&parameters, problem.dtype, problem.dtype);
            cuda.launch_ahead(OP, &launch, &[&a, &b], parameters, &access)?;
        }
    }
    if parts > 1 { parts::add(cuda, problem.dtype, &parameters) } else { Ok(()) }
}
