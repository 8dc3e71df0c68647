//! f32 products on Hopper's ordinary arithmetic units: `cuda/matmul/simt_ring.cu`.

use super::OP;
use super::choose::RingTile;
use super::problem::Problem;
use super::ring::{self, Ring, SHARED};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::tensor_map::Swizzle;
use crate::error::Result;

pub(super) const MODULE: &str = "matmul/simt_ring";

const MOST_STAGES: u32 = 6;
const RAW_BUFFERS: u32 = 3;

/// For each tile of [`RingTile::F32`] nn, nt, tn, tt.
static KERNELS: KernelSet<{ 4 * RingTile::F32.len() }> = KernelSet::new(|index| {
    let [m, n] = RingTile::F32[index / 4].size();
    Entry { module: MODULE, name: format!("matmul_simt_ring_f32_{m}x{n}_{}", ["nn", "nt", "tn", "tt"][index % 4]) }
});

/// The depth of a block of k.
fn depth(tile: RingTile) -> u32 {
    if tile == RingTile::T64x128 { 32 } else { 16 }
}

/// Launches the instance of that tile for the layouts of the factors.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, tile: RingTile) -> Result<()> {
    let layout = problem.layout();
    let index = RingTile::F32.iter().position(|&other| other == tile).unwrap_or(0);
    let depth = depth(tile);
    let [m, n] = tile.size().map(|side| side as u32);
    // As SimtRingShape in `cuda/include/tilework/matmul/simt_ring_kernel.h` lays it out; a factor that runs along k is transposed
    // from raw buffers.
    let along_k = [layout / 2 == 0, layout % 2 == 1];
    let raw: u32 = [m, n].iter().zip(along_k).map(|(side, along_k)| if along_k { side * depth * 4 } else { 0 }).sum();
    let stage = (m + n) * depth * 4;
    let stages = ((SHARED - RAW_BUFFERS * raw) / stage).min(MOST_STAGES);
    let line = if depth == 16 { Swizzle::CU_TENSOR_MAP_SWIZZLE_64B } else { Swizzle::CU_TENSOR_MAP_SWIZZLE_128B };
    let boxes = [0, 1].map(|factor| {
        let side = [m, n][factor];
        if along_k[factor] { ([side, depth], line) } else { ([depth, side], Swizzle::CU_TENSOR_MAP_SWIZZLE_NONE) }
    });
    let ring = Ring {
        kernel: KERNELS.get(cuda, OP, 4 * index + layout)?,
        tile: tile.size(),
        shared: 1024 + stages * stage + RAW_BUFFERS * raw + 16 * (stages + RAW_BUFFERS),
        boxes,
        persists: tile != RingTile::T64x128,
    };
    ring::launch(cuda, problem, &ring)
}
