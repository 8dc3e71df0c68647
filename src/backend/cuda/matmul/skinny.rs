//! A few rows times a matrix on Hopper, at the speed at which the matrix can be read: `cuda/matmul/skinny_*.cu`.

use super::problem::{Direction, Problem, access, transposed};
use super::{ALONE, OP, tiled};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::launch::Launch;
use crate::backend::cuda::tensor_map::{Reads, Swizzle};
use crate::dtype::DType;
use crate::error::Result;

/// Columns of a block, unless so many rows of f32 go with them that fewer are faster.
pub(super) const WIDEST: u32 = 128;
/// Bytes of a line of shared memory.
const LINE: u32 = 128;

const DTYPES: [DType; 3] = [DType::BF16, DType::F16, DType::F32];
const MODULES: [&str; DTYPES.len()] = ["matmul/skinny_bf16", "matmul/skinny_f16", "matmul/skinny_f32"];

/// The rows that the kernels compute.
const ROWS_NARROW: [u32; 3] = [8, 16, 32];
const ROWS_F32: [u32; 3] = [1, 4, 16];

/// For each dtype the rows; for each of those weights by rows and by columns.
static KERNELS: KernelSet<{ DTYPES.len() * 3 * 2 }> = KernelSet::new(|index| {
    let (dtype, layout) = (DTYPES[index / 6], ["n", "t"][index % 2]);
    let rows = rows_of(dtype)[index / 2 % 3];
    Entry { module: MODULES[index / 6], name: format!("matmul_skinny_{}_{rows}_{layout}", dtype.name()) }
});

fn rows_of(dtype: DType) -> [u32; 3] {
    if dtype == DType::F32 { ROWS_F32 } else { ROWS_NARROW }
}

/// The module with the kernels of a dtype.
pub(super) fn module(dtype: DType) -> Option<&'static str> {
    DTYPES.iter().position(|&other| other == dtype).map(|index| MODULES[index])
}

/// The most rows that there are kernels for.
pub(super) fn most_rows(dtype: DType) -> u64 {
    if module(dtype).is_some() { rows_of(dtype)[2].into() } else { 0 }
}

/// Columns of a block of the kernel for so many rows: many rows of f32 are added up by fewer threads, with more sums each.
pub(super) fn columns(dtype: DType, rows: u64) -> u32 {
    if dtype == DType::F32 && rows > ROWS_F32[1].into() { WIDEST / 2 } else { WIDEST }
}

/// Elements along k of a stage.
pub(super) fn depth(dtype: DType) -> u32 {
    LINE / dtype.size() as u32
}

/// Dynamic shared memory, as SkinnyShape in `cuda/include/tilework/matmul/skinny_kernel.h` lays it out.
pub(super) fn shared_bytes(rows: u32, columns: u32) -> u32 {
    let stages = (if rows <= 16 { 5 } else { 4 }) * (WIDEST / columns);
    let stage = columns * LINE + rows.div_ceil(8) * 8 * LINE;
    1024 + stages * (stage + 16) + rows * columns * 4 + 8 * 16 + 16
}

/// Launches the instance for the rows of the narrow factor and the layout of the wide one, which is `b`, or `a` where the product is
/// computed as its transpose; the narrow one runs along k. A cluster's blocks share k.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, transpose: bool, cluster: u32) -> Result<()> {
    let mut problem = *problem;
    if transpose {
        problem.parameters = transposed(&problem.parameters);
    }
    let dtype = DTYPES.iter().position(|&dtype| dtype == problem.dtype);
    let found = dtype.zip(rows_of(problem.dtype).iter().position(|&rows| u64::from(rows) >= problem.parameters.m));
    let Some((dtype, index)) = found else {
        return cuda.unsupported(OP, problem.dtype, "it has no kernel for so many rows");
    };
    let rows = rows_of(problem.dtype)[index];
    let columns = columns(problem.dtype, rows.into());
    let (parameters, tiles) = tiled(&problem, rows.into(), columns.into());
    let by_columns = Direction::of(&parameters.b) == Direction::ColumnMajor;
    let kernel = KERNELS.get(cuda, OP, dtype * 6 + index * 2 + usize::from(by_columns))?;

    let line = LINE / problem.dtype.size() as u32;
    let [m, n, k] = [parameters.m, parameters.n, parameters.k];
    let weights_lines = if by_columns { columns } else { line };
    let swizzle = Swizzle::CU_TENSOR_MAP_SWIZZLE_128B;
    let weights = problem.boxes(&parameters.b, [k, n], [weights_lines, line], swizzle);
    let weights = cuda.tensor_map_for(OP, &weights, Reads::Once)?;
    let a = cuda.tensor_map(OP, &problem.boxes(&parameters.a, [m, k], [rows, line], swizzle))?;
    let is_f32 = problem.dtype == DType::F32;
    let shared = shared_bytes(rows, columns).max(if is_f32 && cluster > 2 { ALONE } else { 0 });
    let threads = if is_f32 && columns == WIDEST { 256 } else { 128 };
    let launch = Launch::linear(kernel, tiles * cluster, threads).shared(shared).cluster([cluster, 1, 1]).dependent();
    // SAFETY: the entry takes two maps and one TwMatmul, and as much shared memory as its buffers need; maps reach what the
    // operands' shapes reach, and so do the pointers and strides that the epilogue reads and writes with. `access` is
    // of the same parameters, and the kernel writes after `wait_to_write`.
    unsafe {
        cuda.launch_ahead(OP, &launch, &[&weights, &a], parameters, &access(&parameters, problem.dtype, problem.dtype))
    }
}
