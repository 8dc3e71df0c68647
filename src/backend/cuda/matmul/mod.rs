//! The matrix product: a family of kernels under `cuda/matmul/`, and the choice among them.
//!
//! An operation becomes one or more [`Problem`]s, each a batch that one launch computes; [`choose()`] names the kernel for it, a pure
//! function of shape, layout, dtype and GPU, so that the same product has the same bits in every run. Each kind of kernel has
//! a file here with its table of instances, as it has one below `cuda/`.

mod batch;
mod burst;
mod choose;
mod choose_wide;
mod dmma;
mod forced;
mod fp8;
mod mma;
mod parts;
mod problem;
mod ring;
mod row;
mod simt;
mod simt_ring;
mod skinny;
mod skinny_fp8;
mod split;
mod split_kept;
#[cfg(test)]
mod sweep;
mod tf32;
mod tf32_pass;
mod wgmma;
mod wgmma_plan;

use self::choose::{Choice, Gpu, choose};
pub(super) use self::fp8::matmul_scaled;
use self::problem::{Problem, problems};
pub(crate) use self::split_kept::Kept;
use super::abi::{TwFp8, TwMatmul};
use super::launch::TellAhead;
use super::{Cuda, kernels};
use crate::backend::{Activation, Matmul, Operand, Packed};
use crate::dtype::DType;
use crate::error::Result;

/// The name of the operation in errors.
const OP: &str = "matmul";

/// More shared memory than half of what a multiprocessor has. Where a launch leaves multiprocessors free, blocks of the next one, which
/// is let in early, would come to those in pairs before the others are free, and take twice as long.
const ALONE: u32 = 116 << 10;

/// How many rows of tiles are walked together: with tiles of 128 x 256 in pairs, what runs at a time is about square.
const GROUP: u32 = 8;

/// See [`crate::backend::Backend::matmul`].
pub(super) fn matmul(cuda: &Cuda, op: Matmul, out: Operand) -> Result<()> {
    let dtype = out.dtype;
    if dtype == DType::Bool {
        return cuda.unsupported(OP, dtype, "a product of truth values has no meaning here; cast to an integer type");
    }
    if dtype.is_integer() && op.activation != Activation::None {
        return cuda.unsupported(OP, dtype, "activations are not defined on integers");
    }
    let context = cuda.context();
    let gpu = Gpu {
        multiprocessors: context.multiprocessors,
        has_wgmma: wgmma::module(dtype).is_some_and(|module| kernels::has_module(context, module)),
        has_skinny: skinny::module(dtype).is_some_and(|module| kernels::has_module(context, module)),
        has_ring: match dtype {
            DType::F32 => kernels::has_module(context, simt_ring::MODULE),
            DType::F64 => kernels::has_module(context, dmma::MODULE),
            _ => false,
        },
        has_batch: dtype == DType::F32 && kernels::has_module(context, batch::MODULE),
        has_mma: context.capability >= 80,
        has_split: dtype == DType::F32 && kernels::has_module(context, split::MODULE),
        has_tf32: dtype == DType::F32 && kernels::has_module(context, tf32::MODULE),
    };
    let kept = op.packed.map(|Packed::Cuda(kept)| kept);
    for problem in problems(&op, &out) {
        match choose(&problem, &gpu) {
            Some(Choice::Row) => row::launch(cuda, &problem)?,
            Some(Choice::Skinny { transpose, cluster }) => skinny::launch(cuda, &problem, transpose, cluster)?,
            Some(Choice::Burst) => burst::launch(cuda, &problem)?,
            Some(Choice::Batch) => batch::launch(cuda, &problem)?,
            Some(Choice::Simt(tile)) => simt::launch(cuda, &problem, tile)?,
            Some(Choice::SimtRing { tile, parts }) => simt_ring::launch(cuda, &problem, tile, parts)?,
            Some(Choice::Dmma { tile, parts }) => dmma::launch(cuda, &problem, tile, parts)?,
            Some(Choice::Mma) => mma::launch(cuda, &problem)?,
            Some(Choice::Split(tile)) => split::launch(cuda, &problem, tile, kept.filter(|_| problem.kept))?,
            Some(Choice::Tf32(plan)) => tf32::launch(cuda, &problem, plan)?,
            Some(Choice::Tf32Pass(plan)) => tf32_pass::launch(cuda, &problem, plan)?,
            Some(Choice::Wgmma(plan)) => wgmma::launch(cuda, &problem, plan)?,
            None => {
                let reason = "16-bit products need tensor cores of compute capability 8.0 or later; cast to f32";
                return cuda.unsupported(OP, dtype, reason);
            }
        }
    }
    Ok(())
}

/// See [`crate::backend::Backend::pack`].
pub(super) fn pack(cuda: &Cuda, matrix: Operand) -> Result<Option<Packed>> {
    Ok(split_kept::keep(cuda, &matrix)?.map(Packed::Cuda))
}

/// The problem's parameters for a kernel whose tiles are `m` x `n`, and the number of tiles in the batch.
fn tiled(problem: &Problem, m: u64, n: u64) -> (TwMatmul, u32) {
    let mut parameters = problem.parameters;
    parameters.tiles_m = parameters.m.div_ceil(m) as u32;
    parameters.tiles_n = parameters.n.div_ceil(n) as u32;
    parameters.group = GROUP.min(parameters.tiles_m);
    // `problems` keeps the count of the smallest tiles below 2^31.
    (parameters, parameters.tiles_m * parameters.tiles_n * parameters.batch[0] * parameters.batch[1])
}

impl TellAhead for TwMatmul {
    fn tell_ahead(&mut self, ahead: u32) {
        self.ahead = ahead;
    }
}

impl TellAhead for TwFp8 {
    fn tell_ahead(&mut self, ahead: u32) {
        self.product.tell_ahead(ahead);
    }
}
