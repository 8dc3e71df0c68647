//! 16-bit products on Hopper: `cuda/matmul/wgmma_bf16.cu` and `wgmma_f16.cu`.

use super::choose::WgmmaTile;
use super::problem::{Direction, Problem};
use super::{GROUP, OP, tiled};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::abi::TwMatrix;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::launch::Launch;
use crate::backend::cuda::tensor_map::{BoxedTensor, Swizzle};
use crate::dtype::DType;
use crate::error::Result;

/// Elements in a row of shared memory: 128 bytes, the span of the swizzle.
const ROW: u32 = 64;
/// What a block can have, less the alignment of its buffers and room for its barriers.
const SHARED: u32 = (227 << 10) - 2048;
const MOST_STAGES: u32 = 8;

const TILES: [WgmmaTile; 4] = [WgmmaTile::T128x256, WgmmaTile::T128x192, WgmmaTile::T128x128, WgmmaTile::T64x128];

/// The module with the kernels of a dtype.
pub(super) fn module(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::BF16 => Some("matmul/wgmma_bf16"),
        DType::F16 => Some("matmul/wgmma_f16"),
        _ => None,
    }
}

/// For each dtype the tiles; for each of those nn, nt, tn, tt.
static KERNELS: KernelSet<{ 2 * 4 * TILES.len() }> = KernelSet::new(|index| {
    let dtype = index / (4 * TILES.len());
    let [m, n] = TILES[index / 4 % TILES.len()].size();
    let layout = ["nn", "nt", "tn", "tt"][index % 4];
    Entry {
        module: ["matmul/wgmma_bf16", "matmul/wgmma_f16"][dtype],
        name: format!("matmul_wgmma_{}_{m}x{n}_{layout}", ["bf16", "f16"][dtype]),
    }
});

/// Dynamic shared memory of a tile's kernel, as WgmmaShape in `cuda/include/tilework/matmul/wgmma_kernel.h` lays it out.
fn shared_bytes([m, n]: [u32; 2]) -> u32 {
    let stage = (m + n) * ROW * 2;
    let staging = m * 64 * 4;
    let stages = ((SHARED - staging) / stage).min(MOST_STAGES);
    1024 + stages * stage + staging + stages * 16
}

/// Launches the instance of that tile for the layouts of the factors.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, tile: WgmmaTile, cluster: u32) -> Result<()> {
    let [m, n] = tile.size();
    let (mut parameters, _) = tiled(problem, m, n);
    let (a, b, out) = (parameters.a, parameters.b, parameters.out);
    let by_columns = |factor| usize::from(Direction::of(factor) == Direction::ColumnMajor);
    let layout = 2 * by_columns(&a) + by_columns(&b);
    let index = TILES.iter().position(|&other| other == tile).unwrap_or(0);
    let kernel =
        KERNELS.get(cuda, OP, (usize::from(problem.dtype == DType::F16) * TILES.len() + index) * 4 + layout)?;

    // A factor that runs along k is read in boxes as high as the tile (b: as a block's share of it), the others in squares.
    let (rows, columns, depth) = (parameters.m, parameters.n, parameters.k);
    let a_lines = if layout / 2 == 0 { m as u32 } else { ROW };
    let b_lines = if layout % 2 == 1 { n as u32 / cluster } else { ROW };
    let map = |x: &TwMatrix, shape, lines| cuda.tensor_map(OP, &boxes(problem, x, shape, [lines, ROW]));
    let a_map = map(&a, [rows, depth], a_lines)?;
    let b_map = map(&b, [depth, columns], b_lines)?;
    let boxed_out = boxes(problem, &out, [rows, columns], [ROW, ROW]);
    let store_boxes = problem.is_plain() && out.column == 1 && out.aligned == 1 && boxed_out.is_encodable();
    // A map that the kernel does not use must still be one.
    let out_map = if store_boxes { cuda.tensor_map(OP, &boxed_out)? } else { a_map.clone() };
    parameters.store_boxes = store_boxes.into();

    // A cluster counts as one tile that is `cluster` tiles high.
    let rows_of_tiles = parameters.tiles_m.div_ceil(cluster);
    parameters.group = GROUP.min(rows_of_tiles);
    let tiles = rows_of_tiles * parameters.tiles_n * parameters.batch[0] * parameters.batch[1];
    let clusters = tiles.min(cuda.context().multiprocessors / cluster);
    let threads = 128 * (m as u32 / 64 + 1);
    let launch = Launch::linear(kernel, clusters * cluster, threads)
        .shared(shared_bytes([m as u32, n as u32]))
        .cluster([cluster, 1, 1])
        .dependent();
    // SAFETY: the entry takes three maps and one TwMatmul, and as much shared memory as its buffers need; maps reach what the
    // operands' shapes reach, and so do the pointers that the epilogue uses.
    unsafe { cuda.launch_with_maps(OP, &launch, &[&a_map, &b_map, &out_map], &parameters) }
}

/// The map of a matrix of `shape` rows and columns with two batch axes, whose boxes are `lines` of `length` along its stride of 1.
pub(super) fn boxes(
    problem: &Problem,
    x: &TwMatrix,
    [rows, columns]: [u64; 2],
    [lines, length]: [u32; 2],
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
        swizzle: Swizzle::CU_TENSOR_MAP_SWIZZLE_128B,
    }
}
