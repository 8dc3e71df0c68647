//! Large products of f32 whose factors are rounded to TF32's 11 bits by a pass, on Hopper: `cuda/matmul/tf32_pass.cu`.
//!
//! Tensor cores multiply f16, which has as many bits, twice as fast as TF32, from any layout. So the pass of `split.rs` makes f16
//! matrices of the factors, with a power of two for each row, and finds whether their elements allow it. What it finds stays on the
//! device: for elements of too many magnitudes, infinities and NaN the kernel of ordinary arithmetic is launched too, and mostly returns
//! at once.

use super::OP;
use super::choose::Tile;
use super::problem::Problem;
use super::split::{self, Pass};
use super::tf32::output_boxes;
use super::wgmma;
use super::wgmma_plan::{INSTANCES, Plan, WHOLE};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::abi::{TW_BOXED_OUT, TwMatrix, TwSplitFactor};
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::dtype::DType;
use crate::error::Result;

static KERNELS: KernelSet<WHOLE> = KernelSet::new(|index| Entry {
    module: "matmul/tf32_pass",
    name: format!("matmul_tf32_pass_{}", INSTANCES[index].name),
});

/// Launches the pass, the product in tiles of `plan`, and what stands in for it.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, plan: Plan) -> Result<()> {
    let mut prepared = split::prepare(cuda, problem, Tile::T128x128, None)?;
    prepared.pass(cuda, Pass::Matrices)?;

    let [a, b] = &prepared.split.factors;
    let length = i64::from(prepared.split.depth) * split::DEPTH as i64;
    let mut parameters = problem.parameters;
    parameters.a = TwMatrix { row: length, column: 1, ..matrices(a, length) };
    parameters.b = TwMatrix { row: 1, column: length, ..matrices(b, length) };
    let halves = Problem { dtype: DType::F16, parameters, ..*problem };
    let mut arranged = wgmma::arrange(cuda, &halves, plan, DType::F32, |_| KERNELS.get(cuda, OP, plan.instance))?;
    if let Some(boxes) = output_boxes(problem) {
        arranged.maps[2] = cuda.tensor_map(OP, &boxes)?;
        arranged.parameters.boxed = TW_BOXED_OUT;
    }
    let [a, b, out, ..] = arranged.maps.each_ref().map(|map| &**map);
    let ordinary = std::mem::replace(&mut prepared.split.product, arranged.parameters);
    let launch = arranged.launch;
    // SAFETY: the entry takes three maps and one TwSplit, and as much shared memory as its buffers need; the maps reach the output, and
    // the matrices that the pass has written, all of k of each row. A tile that sticks out reads shifts beyond a matrix's rows, at
    // most 255: there the workspace goes on, and what comes of them is not written.
    unsafe { cuda.launch_with_maps(OP, &launch, &[a, b, out], &prepared.split)? };

    prepared.split.product = ordinary;
    prepared.ordinary(cuda, problem)
}

/// The matrices of f16 that the pass makes of a factor, but for their strides within.
fn matrices(x: &TwSplitFactor, length: i64) -> TwMatrix {
    let matrix = i64::from(x.blocks * x.height) * length;
    let [outer, inner] = x.matrices;
    // A factor that is broadcast has one matrix for all.
    let stride = |count: u32, stride: i64| if count > 1 { stride } else { 0 };
    let batch = [stride(outer, matrix * i64::from(inner)), stride(inner, matrix)];
    TwMatrix { pointer: x.planes[0], batch, aligned: 1, ..TwMatrix::default() }
}
