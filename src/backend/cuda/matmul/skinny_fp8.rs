//! A few rows of 8-bit floats times a matrix of them on Hopper: `cuda/matmul/skinny_fp8.cu`.

use super::choose::{batch, share_depth};
use super::fp8::{self, scaled_access};
use super::problem::{Problem, transposed};
use super::{skinny, tiled};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::abi::{TwFp8, TwMatrix};
use crate::backend::cuda::kernels::{self, Entry, KernelSet};
use crate::backend::cuda::launch::Launch;
use crate::backend::cuda::tensor_map::{Reads, Swizzle};
use crate::dtype::DType;
use crate::error::Result;

const MODULE: &str = "matmul/skinny_fp8";

/// The types of weights or rows.
const DTYPES: [DType; 2] = [DType::F8E4M3, DType::F8E5M2];
/// The rows that the kernels compute.
const ROWS: [u32; 3] = [8, 16, 32];
/// The columns that a block computes.
const COLUMNS: [u32; 2] = [128, 64];
/// Elements along k of a stage, and bytes of a line.
const DEPTH: u32 = 128;
/// The depth up to which blocks of fewer columns, whose stages are shorter, are worth it for being more.
const SHALLOW: u64 = 8192;

const NUMBERS: usize = DTYPES.len() * DTYPES.len() * fp8::OUTPUTS.len() * COLUMNS.len() * ROWS.len();

/// For each type of weights that of the rows; for each of those the outputs, the columns, the rows.
static KERNELS: KernelSet<NUMBERS> = KernelSet::new(|index| {
    let name = |dtype: DType| dtype.name().trim_start_matches("f8");
    let rows = ROWS[index % ROWS.len()];
    let columns = COLUMNS[index / ROWS.len() % COLUMNS.len()];
    let output = fp8::OUTPUTS[index / (ROWS.len() * COLUMNS.len()) % fp8::OUTPUTS.len()].name();
    let pair = index / (ROWS.len() * COLUMNS.len() * fp8::OUTPUTS.len());
    let [weights, narrow] = [DTYPES[pair / DTYPES.len()], DTYPES[pair % DTYPES.len()]].map(name);
    Entry { module: MODULE, name: format!("matmul_skinny_{weights}_{narrow}_{output}_{rows}x{columns}") }
});

/// The number of a kernel in the set.
fn index([weights, narrow]: [DType; 2], out: DType, columns: u32, rows: u64) -> Option<usize> {
    let place = |dtype| DTYPES.iter().position(|&other| other == dtype);
    let output = fp8::OUTPUTS.iter().position(|&other| other == out)?;
    let columns = COLUMNS.iter().position(|&other| other == columns)?;
    let rows = ROWS.iter().position(|&most| rows <= most.into())?;
    let pair = place(weights)? * DTYPES.len() + place(narrow)?;
    Some(((pair * fp8::OUTPUTS.len() + output) * COLUMNS.len() + columns) * ROWS.len() + rows)
}

/// The columns of a block, and the blocks of a cluster, which share k: of few columns, if that occupies as many multiprocessors.
fn share(columns: u64, k: u64, batch: u64, multiprocessors: u32) -> Option<[u32; 2]> {
    let [wide, narrow] = COLUMNS.map(|width| {
        let blocks = columns.div_ceil(width.into()) * batch;
        let cluster = share_depth(blocks, k.div_ceil(DEPTH.into()), 1, multiprocessors)?;
        Some(([width, cluster], blocks * u64::from(cluster)))
    });
    let (wide, busy) = wide?;
    let better = narrow.filter(|&([_, cluster], blocks)| k <= SHALLOW && cluster > 1 && blocks >= busy);
    Some(better.map_or(wide, |(narrow, _)| narrow))
}

/// Launches the instance for a product with few rows or columns whose factors, of these types, run along k and have a scale for all of
/// each. `false` if there is none, or if other kernels are faster.
pub(super) fn launch(
    cuda: &Cuda,
    problem: &Problem,
    dtypes: [DType; 2],
    out: DType,
    scales: [TwMatrix; 2],
) -> Result<bool> {
    let mut problem = *problem;
    let [mut narrow, mut weights] = dtypes;
    if problem.parameters.m > problem.parameters.n {
        problem.parameters = transposed(&problem.parameters);
        (narrow, weights) = (weights, narrow);
    }
    let [m, n, k] = [problem.parameters.m, problem.parameters.n, problem.parameters.k];
    let Some([columns, cluster]) = share(n, k, batch(&problem), cuda.context().multiprocessors) else {
        return Ok(false);
    };
    let found = index([weights, narrow], out, columns, m);
    let Some(index) = found.filter(|_| kernels::has_module(cuda.context(), MODULE)) else { return Ok(false) };
    let rows = ROWS[index % ROWS.len()];
    let (parameters, tiles) = tiled(&problem, rows.into(), columns.into());
    let swizzle = Swizzle::CU_TENSOR_MAP_SWIZZLE_128B;
    let weights = problem.boxes(&parameters.b, [k, n], [columns, DEPTH], swizzle);
    let weights = cuda.tensor_map_for(fp8::OP, &weights, Reads::Once)?;
    let a = cuda.tensor_map(fp8::OP, &problem.boxes(&parameters.a, [m, k], [rows, DEPTH], swizzle))?;
    let parameters = TwFp8 { product: parameters, a_scales: scales[0], b_scales: scales[1] };
    let access = scaled_access(&parameters, problem.dtype, out);
    let launch = Launch::linear(KERNELS.get(cuda, fp8::OP, index)?, tiles * cluster, 128)
        .shared(skinny::shared_bytes(rows, columns))
        .cluster([cluster, 1, 1])
        .dependent();
    // SAFETY: the entry takes two maps and one TwFp8, and as much shared memory as its buffers need; maps reach what the factors'
    // shapes or their copies reach, and so do the pointers and strides that the epilogue writes with; the scales are two numbers.
    // `access` is of the same parameters, and the kernel writes after `wait_to_write`.
    unsafe { cuda.launch_ahead(fp8::OP, &launch, &[&weights, &a], parameters, &access) }?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_have_numbers_of_their_own() {
        let mut seen = std::collections::HashSet::new();
        for (weights, narrow) in DTYPES.into_iter().flat_map(|weights| DTYPES.map(|narrow| (weights, narrow))) {
            for (out, columns) in fp8::OUTPUTS.into_iter().flat_map(|out| COLUMNS.map(|columns| (out, columns))) {
                assert!(ROWS.iter().all(|&rows| seen.insert(index([weights, narrow], out, columns, rows.into()))));
            }
        }
        assert!(seen.len() == NUMBERS && seen.iter().all(|&number| number.is_some_and(|number| number < NUMBERS)));
        let of = |rows| index([DType::F8E4M3; 2], DType::F32, 64, rows);
        assert!(of(1) == of(8) && of(8) != of(9) && of(33).is_none());
    }

    #[test]
    fn most_multiprocessors_read() {
        let share = |columns, k| share(columns, k, 1, 132);
        assert_eq!(share(4096, 4096), Some([64, 2]), "128 blocks, not 96");
        assert_eq!(share(4096, 14336), Some([128, 3]), "a deep k");
        assert_eq!(share(8192, 8192), Some([128, 2]), "128 blocks either way");
        assert_eq!(share(14336, 4096), Some([128, 1]), "112 blocks");
        assert_eq!(share(2048, 2048), Some([64, 3]), "96 blocks");
        assert_eq!(share(64, 65536), None, "eight blocks are too few");
    }
}
