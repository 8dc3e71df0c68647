//! Which kernel computes a product.
//!
//! Tiles are chosen by the time that the slowest multiprocessor takes: the rounds of tiles it gets, times what a tile costs. The
//! costs are relative, measured on one GPU, and only their ratios matter. `wgmma_plan.rs` does so for its own.

use super::problem::Problem;
use super::split::can_split;
use super::wgmma_plan::{Plan, plan, plan_whole};
use super::{burst, skinny};
use crate::backend::Precision;
use crate::backend::cuda::abi::TwMatrix;
use crate::dtype::DType;

/// What the choice knows of the GPU and of the build.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gpu {
    pub multiprocessors: u32,
    /// Whether there is code of the Hopper kernel for this GPU and dtype.
    pub has_wgmma: bool,
    /// Whether there is code of the kernel for a few rows.
    pub has_skinny: bool,
    /// The same of `simt_ring.rs` or `dmma.rs`.
    pub has_ring: bool,
    /// Whether the GPU has the tensor cores of `mma.rs`.
    pub has_mma: bool,
    /// Whether there is code of the kernels of `split.rs` for this GPU.
    pub has_split: bool,
}

/// A kernel, down to its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// One row times a matrix.
    Row,
    /// A few rows times a matrix, in clusters of this many blocks; or a few columns, as the transpose.
    Skinny { transpose: bool, cluster: u32 },
    /// Small matrices of 16-bit elements.
    Burst,
    /// Ordinary arithmetic.
    Simt(SimtTile),
    /// Ordinary f32 arithmetic on Hopper.
    SimtRing(RingTile),
    /// Hopper's f64 tensor cores.
    Dmma(RingTile),
    /// Tensor cores of any GPU that has them.
    Mma,
    /// f32 on Hopper's tensor cores, as accurate as ordinary arithmetic.
    Split(SplitTile),
    /// The same with factors rounded to 11 bits.
    Tf32(Plan),
    /// Hopper's warpgroup products.
    Wgmma(Plan),
}

/// Tiles of `simt.rs`; f32 alone has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SimtTile {
    T128x256,
    T128x128,
    T64x64,
    T32x64,
}

impl SimtTile {
    /// Rows and columns.
    pub fn size(self) -> [u64; 2] {
        match self {
            SimtTile::T128x256 => [128, 256],
            SimtTile::T128x128 => [128, 128],
            SimtTile::T64x64 => [64, 64],
            SimtTile::T32x64 => [32, 64],
        }
    }
}

/// Tiles of `split.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SplitTile {
    T128x128,
    T64x128,
}

impl SplitTile {
    /// Rows and columns.
    pub fn size(self) -> [u64; 2] {
        match self {
            SplitTile::T128x128 => [128, 128],
            SplitTile::T64x128 => [64, 128],
        }
    }
}

/// Tiles of `simt_ring.rs` and `dmma.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RingTile {
    T128x256,
    T128x128,
    T64x128,
}

impl RingTile {
    /// Those of f32.
    pub const F32: [RingTile; 2] = [RingTile::T128x256, RingTile::T64x128];
    /// Those of f64.
    pub const F64: [RingTile; 2] = [RingTile::T128x128, RingTile::T64x128];

    /// Rows and columns.
    pub fn size(self) -> [u64; 2] {
        match self {
            RingTile::T128x256 => [128, 256],
            RingTile::T128x128 => [128, 128],
            RingTile::T64x128 => [64, 128],
        }
    }
}

/// The time that a multiprocessor takes for an f32 tile of `simt.rs`, in units of the largest, and what the first round costs beside:
/// small tiles are alone on their multiprocessor there.
const SIMT: [(SimtTile, f64, f64); 4] = [
    (SimtTile::T128x256, 1.0, 0.02),
    (SimtTile::T128x128, 0.523, 0.06),
    (SimtTile::T64x64, 0.152, 0.028),
    (SimtTile::T32x64, 0.0865, 0.046),
];

/// The same, in the same unit, for tiles of `simt_ring.rs`.
const SIMT_RING: [(RingTile, f64, f64); 2] = [(RingTile::T128x256, 0.88, 0.02), (RingTile::T64x128, 0.262, 0.027)];

/// The same for tiles of `dmma.rs`, in units of their own.
const DMMA: [(RingTile, f64, f64); 2] = [(RingTile::T128x128, 1.0, 0.19), (RingTile::T64x128, 0.51, 0.157)];

/// Stages of k that a block of `skinny.rs` reads one after another without much loss.
const FEW_STAGES: u64 = 8;

/// The time of tiles of `split.rs` in the same unit.
const SPLIT: [(SplitTile, f64); 2] = [(SplitTile::T128x128, 0.097), (SplitTile::T64x128, 0.053)];

/// What its pass costs for each row or column of the output, and its launches where k is 1.
const SPLIT_LINE: f64 = 1.7e-5;
const SPLIT_LAUNCHES: f64 = 85.0;

/// The unit in nanoseconds, for each of k.
const UNIT: f64 = 180.0;

/// What the pass and the launches of `tf32.rs` cost beside its product, in nanoseconds: of all, and for each element of the factors.
const TF32_LAUNCHES: f64 = 9000.0;
const TF32_ELEMENT: f64 = 0.0018;

/// The least k for which its error was below that of ordinary arithmetic, mean and greatest, on every kind of numbers tried
/// (docs/kernels/matmul.md): the errors of ordinary sums grow with k.
const SPLIT_DEPTH: u64 = 512;

/// Beyond this k an output of few tiles had the greater error on numbers of all magnitudes.
const SPLIT_DEEP: u64 = 4096;

/// The kernel for `problem`, or `None` where the GPU has none for its dtype.
pub(super) fn choose(problem: &Problem, gpu: &Gpu) -> Option<Choice> {
    let p = &problem.parameters;
    if is_small(problem, gpu) {
        return Some(Choice::Burst);
    }
    if let Some(choice) = skinny(problem, gpu) {
        return Some(choice);
    }
    if p.m == 1 {
        return Some(Choice::Row);
    }
    match problem.dtype {
        DType::F16 | DType::BF16 if gpu.has_wgmma && can_box(problem) => {
            Some(Choice::Wgmma(plan(problem, gpu.multiprocessors)))
        }
        DType::F16 | DType::BF16 => gpu.has_mma.then_some(Choice::Mma),
        DType::F32 => {
            let time = |size, cost, first| rounds(problem, gpu, size) * cost + first;
            let simt = fastest(SIMT, |&(tile, cost, first)| time(tile.size(), cost, first));
            let ring = fastest(SIMT_RING, |&(tile, cost, first)| time(tile.size(), cost, first));
            let split = fastest(SPLIT, |&(tile, cost)| time(tile.size(), cost, 0.0));
            let simt_time = time(simt.0.size(), simt.1, simt.2);
            let ring_time = time(ring.0.size(), ring.1, ring.2);
            let (ordinary, ordinary_time) = if gpu.has_ring && can_box(problem) && ring_time < simt_time {
                (Choice::SimtRing(ring.0), ring_time)
            } else {
                (Choice::Simt(simt.0), simt_time)
            };
            let lines = (p.m * matrices(&p.a, p.batch) + p.n * matrices(&p.b, p.batch)) as f64;
            let split_time = time(split.0.size(), split.1, 0.0) + lines * SPLIT_LINE + SPLIT_LAUNCHES / p.k as f64;
            // Where few tiles have a deep k, sums of its parts are both faster and more accurate.
            let tiles = p.m.div_ceil(64) * p.n.div_ceil(128) * batch(problem);
            let all = u64::from(gpu.multiprocessors);
            let fewest = if p.k <= SPLIT_DEEP { all.div_ceil(2) } else { 2 * all };
            let allowed = problem.precision != Precision::Fma
                && gpu.has_split
                && p.k >= SPLIT_DEPTH
                && tiles >= fewest
                && can_split(problem);
            let (accurate, accurate_time) = if allowed && split_time < ordinary_time {
                (Choice::Split(split.0), split_time)
            } else {
                (ordinary, ordinary_time)
            };
            if problem.precision == Precision::Tf32 && gpu.has_split && can_split(problem) {
                let (time, plan) = plan_whole(problem, gpu.multiprocessors);
                let elements = lines * p.k as f64;
                if time + TF32_LAUNCHES + elements * TF32_ELEMENT < accurate_time * UNIT * p.k as f64 {
                    return Some(Choice::Tf32(plan));
                }
            }
            Some(accurate)
        }
        DType::F64 if gpu.has_ring && can_box(problem) => {
            let (tile, ..) = fastest(DMMA, |&(tile, cost, first)| rounds(problem, gpu, tile.size()) * cost + first);
            Some(Choice::Dmma(tile))
        }
        DType::Bool => None,
        _ => Some(Choice::Simt(SimtTile::T64x64)),
    }
}

/// How many tiles of a size the busiest multiprocessor gets.
fn rounds(problem: &Problem, gpu: &Gpu, [m, n]: [u64; 2]) -> f64 {
    let p = &problem.parameters;
    let tiles = p.m.div_ceil(m) * p.n.div_ceil(n) * batch(problem);
    tiles.div_ceil(u64::from(gpu.multiprocessors)) as f64
}

fn batch(problem: &Problem) -> u64 {
    problem.parameters.batch.iter().map(|&n| u64::from(n)).product()
}

/// The matrices of a factor in memory.
fn matrices(x: &TwMatrix, lengths: [u32; 2]) -> u64 {
    x.batch.iter().zip(lengths).map(|(&stride, length)| if stride == 0 { 1 } else { u64::from(length) }).product()
}

/// The candidate of the least cost; the first of equals.
fn fastest<C: Copy, const N: usize>(candidates: [C; N], cost: impl Fn(&C) -> f64) -> C {
    let mut best = candidates[0];
    for candidate in candidates {
        if cost(&candidate) < cost(&best) {
            best = candidate;
        }
    }
    best
}

/// Whether the product is one of small matrices whose lines are aligned.
fn is_small(problem: &Problem, gpu: &Gpu) -> bool {
    let p = &problem.parameters;
    let sides = [p.m, p.n].iter().all(|side| (2..=burst::SIDE).contains(side));
    gpu.has_mma
        && burst::module(problem.dtype).is_some()
        && sides
        && p.k <= burst::SIDE
        && p.a.aligned == 1
        && p.b.aligned == 1
}

/// A few rows or columns by a matrix.
fn skinny(problem: &Problem, gpu: &Gpu) -> Option<Choice> {
    let p = &problem.parameters;
    let [rows, columns] = [p.m.min(p.n), p.m.max(p.n)];
    if !gpu.has_skinny || rows > skinny::most_rows(problem.dtype) || !can_box(problem) {
        return None;
    }
    // The rows are read along k alone.
    let transpose = p.m > p.n;
    let along_k = if transpose { p.b.row == 1 } else { p.a.column == 1 };
    // A block for every multiprocessor; where there are about as many or more anyway, shorter ones.
    let blocks = columns.div_ceil(skinny::COLUMNS.into()) * batch(problem);
    let multiprocessors = u64::from(gpu.multiprocessors);
    let fitting = match blocks {
        _ if 2 * blocks <= multiprocessors => multiprocessors / blocks,
        _ if blocks < multiprocessors => 4,
        _ => 2,
    };
    let stages = p.k.div_ceil(skinny::depth(problem.dtype).into());
    let cluster = fitting.min(stages / 2).clamp(1, 8);
    // Where even so most multiprocessors would read nothing, other kernels share k among more blocks.
    let enough = 2 * blocks * cluster >= multiprocessors || stages <= 8 * FEW_STAGES;
    (along_k && enough).then_some(Choice::Skinny { transpose, cluster: cluster as u32 })
}

/// Whether the tensor memory accelerator can read both factors.
fn can_box(problem: &Problem) -> bool {
    let p = &problem.parameters;
    is_boxable(problem.dtype, &p.a, [p.m, p.k]) && is_boxable(problem.dtype, &p.b, [p.k, p.n])
}

/// Whether the tensor memory accelerator can read a factor: lines of stride 1, everything aligned, 31-bit coordinates, strides that
/// are positive and below 2^40 bytes. A line that repeats (stride 0) has no map; a matrix that does is one for all the batch.
fn is_boxable(dtype: DType, x: &TwMatrix, [rows, columns]: [u64; 2]) -> bool {
    let limit = (1i64 << 40) / dtype.size() as i64;
    let repeats = (x.row == 0 && rows != 1) || (x.column == 0 && columns != 1);
    let strides = [x.row, x.column, x.batch[0], x.batch[1]];
    x.aligned == 1
        && !repeats
        && strides.iter().all(|stride| (0..limit).contains(stride))
        && [rows, columns].iter().all(|length| (1..1 << 31).contains(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Precision;
    use crate::backend::cuda::abi::TwMatmul;

    const H200: Gpu =
        Gpu { multiprocessors: 132, has_wgmma: true, has_skinny: true, has_ring: true, has_mma: true, has_split: true };

    fn problem(dtype: DType, m: u64, n: u64, k: u64) -> Problem {
        let matrix = |columns: u64| TwMatrix {
            pointer: 0x1000,
            row: columns as i64,
            column: 1,
            batch: [0, 0],
            aligned: u32::from((columns * dtype.size() as u64).is_multiple_of(16)),
        };
        let parameters =
            TwMatmul { a: matrix(k), b: matrix(n), out: matrix(n), m, n, k, batch: [1, 1], ..TwMatmul::default() };
        Problem { dtype, precision: Precision::F32, parameters }
    }

    fn chosen(dtype: DType, m: u64, n: u64, k: u64) -> Option<Choice> {
        choose(&problem(dtype, m, n, k), &H200)
    }

    /// The choice for f32 that may be computed by fused multiply-adds alone.
    fn fused(m: u64, n: u64, k: u64) -> Option<Choice> {
        choose(&Problem { precision: Precision::Fma, ..problem(DType::F32, m, n, k) }, &H200)
    }

    #[test]
    fn large_products_of_f32_are_split() {
        for size in [2048, 4096, 8192] {
            assert_eq!(chosen(DType::F32, size, size, size), Some(Choice::Split(SplitTile::T128x128)));
        }
        assert_eq!(
            chosen(DType::F32, 1024, 1024, 1024),
            Some(Choice::Split(SplitTile::T64x128)),
            "128 tiles, one round"
        );
        assert_eq!(chosen(DType::F32, 1023, 1023, 1021), Some(Choice::Split(SplitTile::T64x128)), "any alignment");
        assert_eq!(chosen(DType::F32, 512, 512, 512), fused(512, 512, 512), "launches cost more");
        assert_eq!(
            chosen(DType::F32, 4096, 4096, 256),
            fused(4096, 4096, 256),
            "sums too short to be the more accurate"
        );
        let split = |k| matches!(chosen(DType::F32, 1024, 1024, k), Some(Choice::Split(_)));
        assert!(split(4096) && !split(8192), "a deep k with few tiles is the less accurate");
        assert!(matches!(chosen(DType::F32, 4096, 4096, 14_336), Some(Choice::Split(_))));
        let gpu = Gpu { has_split: false, ..H200 };
        assert_eq!(choose(&problem(DType::F32, 4096, 4096, 4096), &gpu), fused(4096, 4096, 4096));
    }

    #[test]
    fn tiles_fill_the_multiprocessors() {
        for size in [4096, 8192] {
            assert!(matches!(chosen(DType::F16, size, size, size), Some(Choice::Wgmma(_))));
            assert_eq!(fused(size, size, size), Some(Choice::SimtRing(RingTile::T128x256)));
            assert_eq!(chosen(DType::F64, size, size, size), Some(Choice::Dmma(RingTile::T128x128)));
        }
        assert_eq!(fused(1024, 1024, 1024), Some(Choice::SimtRing(RingTile::T64x128)));
        assert_eq!(chosen(DType::F64, 1024, 1024, 1024), Some(Choice::Dmma(RingTile::T64x128)));
        assert_eq!(fused(512, 512, 512), Some(Choice::Simt(SimtTile::T32x64)));
    }

    #[test]
    fn what_the_accelerator_cannot_read_goes_to_the_portable_kernel() {
        assert_eq!(chosen(DType::BF16, 1024, 1024, 1023), Some(Choice::Mma), "rows that are not aligned");
        assert_eq!(chosen(DType::BF16, 1024, 1024, 0), Some(Choice::Mma), "no depth");
        let mut reversed = problem(DType::BF16, 1024, 1024, 1024);
        reversed.parameters.a.row = -1024;
        assert_eq!(choose(&reversed, &H200), Some(Choice::Mma));
        let mut repeated = problem(DType::BF16, 1024, 1024, 1024);
        repeated.parameters.a.row = 0;
        assert_eq!(choose(&repeated, &H200), Some(Choice::Mma), "one row for all");
        let ampere = Gpu {
            multiprocessors: 108,
            has_wgmma: false,
            has_skinny: false,
            has_ring: false,
            has_mma: true,
            has_split: false,
        };
        assert_eq!(choose(&problem(DType::F16, 1024, 1024, 1024), &ampere), Some(Choice::Mma));
        let turing = Gpu {
            multiprocessors: 68,
            has_wgmma: false,
            has_skinny: false,
            has_ring: false,
            has_mma: false,
            has_split: false,
        };
        assert_eq!(choose(&problem(DType::F16, 1024, 1024, 1024), &turing), None);
    }

    #[test]
    fn a_row_has_its_own_kernel() {
        for dtype in [DType::F64, DType::I32, DType::I64, DType::U8, DType::U32] {
            assert_eq!(chosen(dtype, 1, 4096, 4096), Some(Choice::Row));
        }
        assert_eq!(chosen(DType::F32, 1, 4095, 4096), Some(Choice::Row), "lines that are not aligned");
        let ampere = Gpu {
            multiprocessors: 108,
            has_wgmma: false,
            has_skinny: false,
            has_ring: false,
            has_mma: true,
            has_split: false,
        };
        assert_eq!(choose(&problem(DType::BF16, 1, 4096, 4096), &ampere), Some(Choice::Row));
    }

    #[test]
    fn a_few_rows_or_columns_are_read_by_all_multiprocessors() {
        let skinny = |cluster| Some(Choice::Skinny { transpose: false, cluster });
        for (dtype, most) in [(DType::BF16, 32), (DType::F16, 32), (DType::F32, 16)] {
            for rows in [1, 2, 16, most] {
                assert_eq!(chosen(dtype, rows, 4096, 4096), skinny(4), "32 blocks of 128 columns");
                assert_eq!(chosen(dtype, rows, 8192, 8192), skinny(2), "64 blocks");
                assert_eq!(chosen(dtype, rows, 14336, 4096), skinny(4), "112 blocks");
                assert_eq!(chosen(dtype, rows, 32768, 4096), skinny(2), "256 blocks");
            }
            assert!(!matches!(chosen(dtype, most + 1, 4096, 4096), Some(Choice::Skinny { .. })));
            assert!(!matches!(chosen(dtype, 16, 64, 65536), Some(Choice::Skinny { .. })), "eight blocks are too few");
        }
        let mut columns = problem(DType::BF16, 4096, 16, 4096);
        assert!(!matches!(choose(&columns, &H200), Some(Choice::Skinny { .. })), "columns that do not run along k");
        (columns.parameters.b.row, columns.parameters.b.column) = (1, 4096);
        assert_eq!(choose(&columns, &H200), Some(Choice::Skinny { transpose: true, cluster: 4 }));
    }

    #[test]
    fn small_matrices_have_their_own_kernel() {
        for dtype in [DType::BF16, DType::F16] {
            assert_eq!(chosen(dtype, 64, 64, 64), Some(Choice::Burst));
            assert_eq!(chosen(dtype, 24, 8, 0), Some(Choice::Burst));
            assert_ne!(chosen(dtype, 64, 64, 72), Some(Choice::Burst));
            assert_ne!(chosen(dtype, 64, 63, 64), Some(Choice::Burst), "lines that are not aligned");
        }
        assert!(matches!(fused(64, 64, 64), Some(Choice::Simt(_))));
    }

    #[test]
    fn other_types_use_ordinary_arithmetic() {
        for dtype in [DType::I32, DType::I64, DType::U8, DType::U32] {
            assert_eq!(chosen(dtype, 4096, 4096, 4096), Some(Choice::Simt(SimtTile::T64x64)));
        }
        assert_eq!(chosen(DType::F64, 4095, 4095, 4095), Some(Choice::Simt(SimtTile::T64x64)), "not aligned");
        assert_eq!(fused(4095, 4095, 4095), Some(Choice::Simt(SimtTile::T128x256)), "not aligned");
    }
}
