//! One row times a matrix: `cuda/matmul/row.cu`.

use super::problem::{Direction, Problem};
use super::{OP, tiled};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::launch::Launch;
use crate::dtype::DType;
use crate::error::Result;

const DTYPES: [DType; 8] =
    [DType::F32, DType::F64, DType::F16, DType::BF16, DType::I32, DType::I64, DType::U8, DType::U32];
const THREADS: u32 = 256;
/// Columns of a block where each has a warp.
const COLUMNS: u64 = 8;
/// Bytes of a row that a block reads where rows run along memory.
pub(super) const STRIP: u64 = 64;

static KERNELS: KernelSet<{ 2 * DTYPES.len() }> = KernelSet::new(|index| Entry {
    module: "matmul/row",
    name: format!("matmul_row_{}_{}", DTYPES[index / 2].name(), ["n", "t"][index % 2]),
});

/// Launches the kernel for a problem with one row.
pub(super) fn launch(cuda: &Cuda, problem: &Problem) -> Result<()> {
    let direction = Direction::of(&problem.parameters.b);
    let dtype = DTYPES.iter().position(|&dtype| dtype == problem.dtype);
    let Some(dtype) = dtype else { return cuda.unsupported(OP, problem.dtype, "it has no kernel for one row") };
    let (columns, layout) = match direction {
        Direction::RowMajor => (STRIP / problem.dtype.size() as u64, 0),
        Direction::ColumnMajor => (COLUMNS, 1),
    };
    let kernel = KERNELS.get(cuda, OP, 2 * dtype + layout)?;
    let (parameters, blocks) = tiled(problem, 1, columns);
    // SAFETY: the entry takes one TwMatmul; it reads and writes what the operands' pointers and strides reach inside their shapes.
    unsafe { cuda.launch(OP, &Launch::linear(kernel, blocks, THREADS), &parameters) }
}
