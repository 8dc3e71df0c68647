//! Products of f32 as TF32 on Hopper: `cuda/matmul/tf32.cu`.
//!
//! The kernel reads a either way, and b along k; where neither runs along k it turns b, a stage at a time. Where a alone does, the
//! transpose is computed, whose output the kernel writes by columns.

use super::OP;
use super::choose::can_box;
use super::problem::{Problem, access, transposed};
use super::wgmma::{self, is_plain};
use super::wgmma_plan::{
    Candidate, INSTANCES, Plan, T64X64, T64X64_SPLIT, T64X128, T64X128_SPLIT, T128X64, T128X64_SPLIT, T128X128,
    T128X128_SPLIT, T128X192, T128X256, candidate, plan_timed,
};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::abi::TW_BOXED_OUT;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::tensor_map::{BoxedTensor, Swizzle};
use crate::dtype::DType;
use crate::error::Result;

/// The module with the kernels.
pub(super) const MODULE: &str = "matmul/tf32";

/// Which way the factors run, in the kernels' names.
const LAYOUTS: [&str; 3] = ["nt", "tn", "tt"];

/// Instances of the shared table that there are.
const COUNT: usize = INSTANCES.len();

static KERNELS: KernelSet<{ COUNT * LAYOUTS.len() }> = KernelSet::new(|index| {
    let (instance, layout) = (INSTANCES[index / LAYOUTS.len()].name, LAYOUTS[index % LAYOUTS.len()]);
    Entry { module: MODULE, name: format!("matmul_tf32_{instance}_{layout}") }
});

/// For both factors along k. Fitted to measurements on one GPU (`docs/kernels/matmul_f32.md`).
const STRAIGHT: [Candidate; 13] = [
    candidate(T128X256, [2, 1], [655.0, 1500.0, 3500.0]),
    candidate(T128X256, [1, 1], [660.0, 1500.0, 3500.0]),
    candidate(T128X192, [1, 1], [490.0, 1500.0, 3500.0]),
    candidate(T128X128, [1, 1], [350.0, 900.0, 3000.0]),
    candidate(T128X64, [1, 1], [290.0, 500.0, 2900.0]),
    candidate(T64X128, [1, 1], [250.0, 500.0, 3400.0]),
    candidate(T64X64, [1, 1], [225.0, 300.0, 2700.0]),
    candidate(T128X128_SPLIT, [1, 2], [350.0, 6000.0, 3000.0]),
    candidate(T128X64_SPLIT, [1, 2], [290.0, 4500.0, 2500.0]),
    candidate(T64X128_SPLIT, [1, 2], [255.0, 6000.0, 3000.0]),
    candidate(T64X64_SPLIT, [1, 2], [225.0, 3500.0, 2500.0]),
    candidate(T64X64_SPLIT, [1, 4], [225.0, 6000.0, 2500.0]),
    candidate(T64X64_SPLIT, [1, 8], [225.0, 3500.0, 2500.0]),
];
/// For b along k alone.
const HALF: [Candidate; 13] = [
    candidate(T128X256, [2, 1], [655.0, 1500.0, 3500.0]),
    candidate(T128X256, [1, 1], [660.0, 1500.0, 3500.0]),
    candidate(T128X192, [1, 1], [500.0, 1500.0, 3500.0]),
    candidate(T128X128, [1, 1], [385.0, 900.0, 3000.0]),
    candidate(T128X64, [1, 1], [320.0, 500.0, 2900.0]),
    candidate(T64X128, [1, 1], [255.0, 500.0, 3400.0]),
    candidate(T64X64, [1, 1], [225.0, 300.0, 2700.0]),
    candidate(T128X128_SPLIT, [1, 2], [385.0, 6000.0, 3000.0]),
    candidate(T128X64_SPLIT, [1, 2], [320.0, 5000.0, 2500.0]),
    candidate(T64X128_SPLIT, [1, 2], [255.0, 6000.0, 3000.0]),
    candidate(T64X64_SPLIT, [1, 2], [300.0, 3500.0, 2500.0]),
    candidate(T64X64_SPLIT, [1, 4], [300.0, 6000.0, 2500.0]),
    candidate(T64X64_SPLIT, [1, 8], [225.0, 3500.0, 2500.0]),
];
/// For b that is turned. Tiles of more columns lack the registers for that.
const TURNED: [Candidate; 11] = [
    candidate(T128X192, [1, 1], [755.0, 2000.0, 4000.0]),
    candidate(T128X128, [1, 1], [560.0, 900.0, 3500.0]),
    candidate(T128X64, [1, 1], [480.0, 500.0, 3000.0]),
    candidate(T64X128, [1, 1], [540.0, 500.0, 3400.0]),
    candidate(T64X64, [1, 1], [400.0, 300.0, 2700.0]),
    candidate(T128X128_SPLIT, [1, 2], [560.0, 6000.0, 3000.0]),
    candidate(T128X64_SPLIT, [1, 2], [480.0, 4500.0, 1000.0]),
    candidate(T64X128_SPLIT, [1, 2], [540.0, 6000.0, 3000.0]),
    candidate(T64X64_SPLIT, [1, 2], [400.0, 3500.0, 2500.0]),
    candidate(T64X64_SPLIT, [1, 4], [400.0, 6000.0, 2500.0]),
    candidate(T64X64_SPLIT, [1, 8], [345.0, 3500.0, 2500.0]),
];

/// The problem, or its transpose where the kernels know that.
fn turned(problem: &Problem) -> Problem {
    match problem.layout() {
        0 => Problem { parameters: transposed(&problem.parameters), ..*problem },
        _ => *problem,
    }
}

/// The problem as the kernels take it, and the candidates for it; `None` for factors that they cannot read.
pub(super) fn candidates(problem: &Problem) -> Option<(Problem, &'static [Candidate])> {
    let problem = turned(problem);
    let candidates: &[Candidate] = match problem.layout() {
        1 => &STRAIGHT,
        2 => &TURNED,
        _ => &HALF,
    };
    can_box(&problem).then_some((problem, candidates))
}

/// The fastest plan, and its time in nanoseconds.
pub(super) fn plan(problem: &Problem, multiprocessors: u32) -> Option<(f64, Plan)> {
    let (problem, candidates) = candidates(problem)?;
    Some(plan_timed("tf32", candidates, &problem, multiprocessors))
}

/// The output as the accelerator writes it, in pieces of 64 rows and 32 columns or, by columns, squares of 32: where there is nothing to do
/// with the sums but that, and it can.
pub(super) fn output_boxes(problem: &Problem) -> Option<BoxedTensor> {
    let p = &problem.parameters;
    let lines = if p.out.column == 1 { 64 } else { 32 };
    let boxes = problem.boxes(&p.out, [p.m, p.n], [lines, 32], Swizzle::CU_TENSOR_MAP_SWIZZLE_128B);
    let steps = [(p.out.row, p.m), (p.out.column, p.n)];
    // Along one axis elements are neighbours, along the other each line has its place.
    let lies = steps.iter().any(|step| step.0 == 1) && steps.iter().all(|&(stride, length)| stride != 0 || length == 1);
    (is_plain(p) && lies && boxes.is_encodable()).then_some(boxes)
}

/// Launches what `plan` says.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, plan: Plan) -> Result<()> {
    let problem = turned(problem);
    let kernel = |_| KERNELS.get(cuda, OP, plan.instance * LAYOUTS.len() + problem.layout() - 1);
    let mut arranged = wgmma::arrange(cuda, &problem, plan, DType::F32, kernel)?;
    if let Some(boxes) = output_boxes(&problem) {
        arranged.maps[2] = cuda.tensor_map(OP, &boxes)?;
        arranged.parameters.boxed = TW_BOXED_OUT;
    }
    let [a, b, out, ..] = arranged.maps.each_ref().map(|map| &**map);
    let access = access(&arranged.parameters, DType::F32, DType::F32);
    // SAFETY: the entry takes three maps and one TwMatmul, and as much shared memory as its buffers need; the maps reach what the
    // operands' shapes reach, and so do the pointers of the output and the epilogue; the scratch holds every tile's sums, and the plan
    // has no more tiles than there are counters. `access` is of the same parameters, and the kernel writes after `wait_to_write`.
    unsafe { cuda.launch_ahead(OP, &arranged.launch, &[a, b, out], arranged.parameters, &access) }
}

#[cfg(test)]
mod tests {
    use super::super::choose::choose;
    use super::super::choose::tests::{H200, problem};
    use super::*;
    use crate::backend::Precision;
    use crate::backend::cuda::matmul::choose::Choice;

    fn rounded(m: u64, n: u64, k: u64) -> Problem {
        Problem { precision: Precision::Tf32, ..problem(DType::F32, m, n, k) }
    }

    #[test]
    fn small_products_need_no_pass() {
        for size in [256, 512, 1024, 2048] {
            assert!(matches!(choose(&rounded(size, size, size), &H200), Some(Choice::Tf32(_))), "{size}");
        }
        for (m, n, k) in [(128, 4096, 4096), (8192, 128, 8192), (64, 64, 65_536)] {
            assert!(matches!(choose(&rounded(m, n, k), &H200), Some(Choice::Tf32(_))), "{m} x {n} x {k}");
        }
        for (m, n, k) in [(4096, 4096, 4096), (8192, 8192, 8192), (4096, 14_336, 4096), (4096, 4096, 14_336)] {
            assert!(matches!(choose(&rounded(m, n, k), &H200), Some(Choice::Tf32Pass(_))), "{m} x {n} x {k}");
        }
        assert!(matches!(choose(&rounded(2047, 2047, 2047), &H200), Some(Choice::Tf32Pass(_))), "not aligned");
    }

    #[test]
    fn the_kernel_reads_b_along_k_or_turns_it() {
        assert_eq!(turned(&rounded(256, 512, 128)).layout(), 3, "nn is the transpose of tt");
        let mut both = rounded(256, 512, 128);
        (both.parameters.a.row, both.parameters.a.column) = (1, 256);
        assert_eq!(turned(&both).layout(), 2);
        (both.parameters.b.row, both.parameters.b.column) = (1, 128);
        assert_eq!(turned(&both).layout(), 3);
    }
}
