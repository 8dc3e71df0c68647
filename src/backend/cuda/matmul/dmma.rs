//! f64 products on Hopper's tensor cores: `cuda/matmul/dmma.cu`.

use super::OP;
use super::choose::RingTile;
use super::problem::Problem;
use super::ring::{self, Ring, SHARED};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::tensor_map::Swizzle;
use crate::error::Result;

pub(super) const MODULE: &str = "matmul/dmma";

/// The depth of a block of k, and the elements of a line in shared memory.
const DEPTH: u32 = 16;

/// For each tile of [`RingTile::F64`] nn, nt, tn, tt.
static KERNELS: KernelSet<{ 4 * RingTile::F64.len() }> = KernelSet::new(|index| {
    let [m, n] = RingTile::F64[index / 4].size();
    Entry { module: MODULE, name: format!("matmul_dmma_f64_{m}x{n}_{}", ["nn", "nt", "tn", "tt"][index % 4]) }
});

/// Launches the instance of that tile for the layouts of the factors.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, tile: RingTile) -> Result<()> {
    let layout = problem.layout();
    let index = RingTile::F64.iter().position(|&other| other == tile).unwrap_or(0);
    let [m, n] = tile.size().map(|side| side as u32);
    // As DmmaShape in `cuda/include/tilework/matmul/dmma_kernel.h` lays it out. A factor that runs along k is read in boxes as high
    // as the tile, the others in squares.
    let stage = (m + n) * DEPTH * 8;
    let stages = SHARED / stage;
    let lines = [if layout / 2 == 0 { m } else { DEPTH }, if layout % 2 == 1 { n } else { DEPTH }];
    let ring = Ring {
        kernel: KERNELS.get(cuda, OP, 4 * index + layout)?,
        tile: tile.size(),
        shared: 1024 + stages * stage + 16 * stages,
        boxes: lines.map(|lines| ([lines, DEPTH], Swizzle::CU_TENSOR_MAP_SWIZZLE_128B)),
        persists: true,
    };
    ring::launch(cuda, problem, &ring)
}
