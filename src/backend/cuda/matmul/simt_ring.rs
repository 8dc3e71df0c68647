//! f32 products on Hopper's ordinary arithmetic units: `cuda/matmul/simt_ring.cu` and `simt_ring_wide.cu`.

use super::OP;
use super::choose::Tile;
use super::problem::Problem;
use super::ring::{self, DEPTH, LOADERS, ROOM, Ring, SHARED, turn_stages};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::tensor_map::Swizzle;
use crate::error::Result;

pub(super) const MODULE: &str = "matmul/simt_ring";

/// The tiles, with the groups of warps that take turns at k (with more than one, a block computes one tile) and their modules.
const TILES: [(Tile, u32, &str); 3] =
    [(Tile::T128x256, 1, "matmul/simt_ring_wide"), (Tile::T64x128, 2, MODULE), (Tile::T32x64, 8, MODULE)];

/// The most bytes of a warp's raw buffers, and of the stages.
const OWN_RAW: u32 = 24 << 10;
const STAGES: u32 = 144 << 10;

/// For each tile nn, nt, tn, tt.
static KERNELS: KernelSet<{ 4 * TILES.len() }> = KernelSet::new(|index| {
    let (tile, _, module) = TILES[index / 4];
    let [m, n] = tile.size();
    Entry { module, name: format!("matmul_simt_ring_f32_{m}x{n}_{}", ["nn", "nt", "tn", "tt"][index % 4]) }
});

/// Launches the instance of that tile for the layouts of the factors.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, tile: Tile, parts: u32) -> Result<()> {
    let Some(index) = TILES.iter().position(|&(other, ..)| other == tile) else {
        return cuda.unsupported(OP, problem.dtype, format!("it has no kernel with tiles of {tile:?}"));
    };
    let slices = TILES[index].1;
    let layout = problem.layout();
    let [m, n] = tile.size().map(|side| side as u32);
    // As SimtRingShape in `cuda/include/tilework/matmul/simt_ring_kernel.h` lays it out; a factor that runs along k is transposed
    // from raw buffers.
    let along_k = [layout / 2 == 0, layout % 2 == 1];
    let raw: u32 = [m, n].iter().zip(along_k).map(|(side, along_k)| if along_k { side * DEPTH * 4 } else { 0 }).sum();
    let stage = (m + n) * DEPTH * 4;
    let raws = LOADERS * (OWN_RAW / stage);
    let stages = turn_stages(((SHARED - ROOM - raws * raw) / stage).min(STAGES / stage), slices);
    let boxes = [0, 1].map(|factor| {
        let side = [m, n][factor];
        if along_k[factor] {
            ([side, DEPTH], Swizzle::CU_TENSOR_MAP_SWIZZLE_64B)
        } else {
            ([DEPTH, side], Swizzle::CU_TENSOR_MAP_SWIZZLE_NONE)
        }
    });
    let ring = Ring {
        kernel: KERNELS.get(cuda, OP, 4 * index + layout)?,
        tile: tile.size(),
        math: 256,
        shared: 1024 + stages * stage + raws * raw + 16 * stages + 8 * raws,
        boxes,
        persist: (slices == 1).then_some(1),
    };
    ring::launch(cuda, problem, &ring, parts)
}
