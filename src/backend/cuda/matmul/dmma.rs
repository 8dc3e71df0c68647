//! f64 products on Hopper's tensor cores: `cuda/matmul/dmma.cu`.

use super::OP;
use super::choose::Tile;
use super::problem::Problem;
use super::ring::{self, DEPTH, ROOM, Ring, SHARED, turn_stages};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::tensor_map::Swizzle;
use crate::error::Result;

pub(super) const MODULE: &str = "matmul/dmma";

/// The kernels for a tile, with what the launch needs to know of its template's arguments.
struct Instance {
    tile: Tile,
    /// Threads that multiply.
    math: u32,
    /// Blocks of a multiprocessor.
    blocks: u32,
    /// Groups of warps that take turns at k; with more than one, a block computes one tile.
    slices: u32,
}

const fn instance(tile: Tile, math: u32, blocks: u32, slices: u32) -> Instance {
    Instance { tile, math, blocks, slices }
}

const INSTANCES: [Instance; 7] = [
    instance(Tile::T192x96, 256, 1, 1),
    instance(Tile::T128x128, 256, 1, 1),
    instance(Tile::T64x128, 256, 1, 1),
    instance(Tile::T64x64, 128, 2, 1),
    instance(Tile::T32x32, 128, 2, 4),
    instance(Tile::T16x128, 256, 1, 2),
    instance(Tile::T16x32, 128, 2, 4),
];

/// For each instance nn, nt, tn, tt.
static KERNELS: KernelSet<{ 4 * INSTANCES.len() }> = KernelSet::new(|index| {
    let [m, n] = INSTANCES[index / 4].tile.size();
    Entry { module: MODULE, name: format!("matmul_dmma_f64_{m}x{n}_{}", ["nn", "nt", "tn", "tt"][index % 4]) }
});

/// Launches the instance of that tile for the layouts of the factors, with k in so many parts.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, tile: Tile, parts: u32) -> Result<()> {
    let Some(index) = INSTANCES.iter().position(|instance| instance.tile == tile) else {
        return cuda.unsupported(OP, problem.dtype, format!("it has no kernel with tiles of {tile:?}"));
    };
    let instance = &INSTANCES[index];
    let layout = problem.layout();
    let [m, n] = tile.size().map(|side| side as u32);
    // As DmmaShape in `cuda/include/tilework/matmul/dmma_kernel.h` lays it out. A factor that runs along k is read in boxes as high
    // as the tile, the others in squares.
    let stage = (m + n) * DEPTH * 8;
    let stages = turn_stages((SHARED / instance.blocks - ROOM) / stage, instance.slices);
    let lines = [if layout / 2 == 0 { m } else { DEPTH }, if layout % 2 == 1 { n } else { DEPTH }];
    let ring = Ring {
        kernel: KERNELS.get(cuda, OP, 4 * index + layout)?,
        tile: tile.size(),
        math: instance.math,
        shared: 1024 + stages * stage + 16 * stages,
        boxes: lines.map(|lines| ([lines, DEPTH], Swizzle::CU_TENSOR_MAP_SWIZZLE_128B)),
        persist: (instance.slices == 1).then_some(instance.blocks),
    };
    ring::launch(cuda, problem, &ring, parts)
}
