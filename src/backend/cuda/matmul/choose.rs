//! Which kernel computes a product.
//!
//! Tiles are chosen by the time that the slowest multiprocessor takes: the rounds of tiles it gets, times what a tile costs, measured
//! on one GPU. `choose_wide.rs` does so for f32 and f64, `wgmma_plan.rs` for the Hopper kernel of 16-bit types.

use super::choose_wide::{choose_f32, choose_f64};
use super::problem::Problem;
use super::wgmma_plan::{Plan, plan};
use super::{burst, row, skinny};
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
    /// The same of `batch.rs`.
    pub has_batch: bool,
    /// Whether the GPU has the tensor cores of `mma.rs`.
    pub has_mma: bool,
    /// Whether there is code of the kernels of `split.rs` for this GPU.
    pub has_split: bool,
    /// The same of `tf32.rs`.
    pub has_tf32: bool,
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
    /// Small matrices of f32.
    Batch,
    /// Ordinary arithmetic.
    Simt(Tile),
    /// Ordinary f32 arithmetic on Hopper, in so many parts of k.
    SimtRing { tile: Tile, parts: u32 },
    /// Hopper's f64 tensor cores, in so many parts of k.
    Dmma { tile: Tile, parts: u32 },
    /// Tensor cores of any GPU that has them.
    Mma,
    /// f32 on Hopper's tensor cores, as accurate as ordinary arithmetic.
    Split(Tile),
    /// f32 as TF32.
    Tf32(Plan),
    /// The same on factors that a pass has rounded.
    Tf32Pass(Plan),
    /// Hopper's warpgroup products.
    Wgmma(Plan),
}

/// The rows and columns of the output that a block computes at a time; each kernel has some of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tile {
    T128x256,
    T192x96,
    T128x128,
    T64x128,
    T64x64,
    T32x64,
    T32x32,
    T16x128,
    T16x32,
}

impl Tile {
    pub const ALL: [Self; 9] = [
        Tile::T128x256,
        Tile::T192x96,
        Tile::T128x128,
        Tile::T64x128,
        Tile::T64x64,
        Tile::T32x64,
        Tile::T32x32,
        Tile::T16x128,
        Tile::T16x32,
    ];

    /// `128x256`.
    pub fn name(self) -> String {
        let [m, n] = self.size();
        format!("{m}x{n}")
    }

    /// Rows and columns.
    pub fn size(self) -> [u64; 2] {
        match self {
            Tile::T128x256 => [128, 256],
            Tile::T192x96 => [192, 96],
            Tile::T128x128 => [128, 128],
            Tile::T64x128 => [64, 128],
            Tile::T64x64 => [64, 64],
            Tile::T32x64 => [32, 64],
            Tile::T32x32 => [32, 32],
            Tile::T16x128 => [16, 128],
            Tile::T16x32 => [16, 32],
        }
    }
}

/// Stages of k that a block of `skinny.rs` reads one after another without much loss.
const FEW_STAGES: u64 = 8;

/// Elements of a matrix that the kernel for one row reads as fast as any other.
const ROW_ELEMENTS: u64 = 1 << 20;

/// The kernel for `problem`, or `None` where the GPU has none for its dtype.
pub(super) fn choose(problem: &Problem, gpu: &Gpu) -> Option<Choice> {
    let p = &problem.parameters;
    if is_small(problem, gpu) {
        return Some(Choice::Burst);
    }
    if let Some(choice) = skinny(problem, gpu) {
        return Some(choice);
    }
    if p.m == 1 && !tiles_read_better(problem, gpu) {
        return Some(Choice::Row);
    }
    match problem.dtype {
        DType::F16 | DType::BF16 if gpu.has_wgmma && can_box(problem) => {
            Some(Choice::Wgmma(plan(problem, gpu.multiprocessors)))
        }
        DType::F16 | DType::BF16 => gpu.has_mma.then_some(Choice::Mma),
        DType::F32 => Some(choose_f32(problem, gpu)),
        DType::F64 => Some(choose_f64(problem, gpu)),
        DType::Bool => None,
        _ => Some(Choice::Simt(Tile::T64x64)),
    }
}

/// The products of the batch.
pub(super) fn batch(problem: &Problem) -> u64 {
    problem.parameters.batch.iter().map(|&n| u64::from(n)).product()
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

/// Whether a matrix that one row is multiplied with had better be read as tiles, by kernels that share k among multiprocessors and have more
/// reads under way. Those of other types than f64 compute more rows than are free, so only where the columns are too few for the one of a row.
fn tiles_read_better(problem: &Problem, gpu: &Gpu) -> bool {
    let p = &problem.parameters;
    let strips = p.n.saturating_mul(problem.dtype.size() as u64) / row::STRIP;
    let few = strips < u64::from(gpu.multiprocessors);
    let has_tiles = match problem.dtype {
        DType::F16 | DType::BF16 => gpu.has_wgmma && few,
        DType::F32 => gpu.has_ring && few,
        DType::F64 => gpu.has_ring,
        _ => false,
    };
    has_tiles && p.n.saturating_mul(p.k) > ROW_ELEMENTS && can_box(problem)
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
    let width = skinny::columns(problem.dtype, rows);
    // Blocks are narrow where many rows of f32 take their arithmetic: two share k at least, and if each product waits for the one before it,
    // tensor cores are faster.
    let narrow = width < skinny::WIDEST;
    if narrow && problem.precision == Precision::Tf32 && gpu.has_tf32 {
        return None;
    }
    let least = if narrow { 2 } else { 1 };
    let blocks = columns.div_ceil(width.into()) * batch(problem);
    let stages = p.k.div_ceil(skinny::depth(problem.dtype).into());
    let shared = share_depth(blocks, stages, least, gpu.multiprocessors);
    shared.filter(|_| along_k).map(|cluster| Choice::Skinny { transpose, cluster })
}

/// How many blocks share k in a kernel for a few rows that takes `blocks` of them otherwise: at least `least` where there are so many
/// stages of k. `None` where most multiprocessors would read nothing even so: other kernels share k among more.
pub(super) fn share_depth(blocks: u64, stages: u64, least: u64, multiprocessors: u32) -> Option<u32> {
    // Blocks for the multiprocessors, but no more clusters than run at a time: of what is left over, some would double up.
    let multiprocessors = u64::from(multiprocessors);
    let most = (stages / 2).clamp(1, 8);
    let fitting = (2..=most).rev().find(|&cluster| blocks <= clusters(multiprocessors, cluster)).unwrap_or(1);
    let cluster = fitting.max(least.min(most));
    let enough = 5 * blocks * cluster >= 2 * multiprocessors || stages <= 8 * FEW_STAGES;
    enough.then_some(cluster as u32)
}

/// How many clusters of so many blocks run at a time, a block on each multiprocessor: they come in groups of 14 to 18 of which a cluster
/// takes one.
fn clusters(multiprocessors: u64, cluster: u64) -> u64 {
    match cluster {
        1 | 2 => multiprocessors / cluster,
        _ => multiprocessors * 4 / 5 / cluster,
    }
}

/// Whether the tensor memory accelerator can read both factors.
pub(super) fn can_box(problem: &Problem) -> bool {
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
pub(super) mod tests {
    use super::*;
    use crate::backend::cuda::abi::TwMatmul;

    pub(in super::super) const H200: Gpu = Gpu {
        multiprocessors: 132,
        has_wgmma: true,
        has_skinny: true,
        has_ring: true,
        has_batch: true,
        has_mma: true,
        has_split: true,
        has_tf32: true,
    };

    pub(in super::super) fn problem(dtype: DType, m: u64, n: u64, k: u64) -> Problem {
        let matrix = |columns: u64| TwMatrix {
            pointer: 0x1000,
            row: columns as i64,
            column: 1,
            batch: [0, 0],
            aligned: u32::from((columns * dtype.size() as u64).is_multiple_of(16)),
        };
        let parameters =
            TwMatmul { a: matrix(k), b: matrix(n), out: matrix(n), m, n, k, batch: [1, 1], ..TwMatmul::default() };
        Problem { dtype, precision: Precision::F32, kept: false, parameters }
    }

    pub(in super::super) fn chosen(dtype: DType, m: u64, n: u64, k: u64) -> Option<Choice> {
        choose(&problem(dtype, m, n, k), &H200)
    }

    /// The choice for f32 that may be computed by fused multiply-adds alone.
    pub(in super::super) fn fused(m: u64, n: u64, k: u64) -> Option<Choice> {
        choose(&Problem { precision: Precision::Fma, ..problem(DType::F32, m, n, k) }, &H200)
    }

    #[test]
    fn large_products_use_the_tensor_cores() {
        for size in [4096, 8192] {
            assert!(matches!(chosen(DType::F16, size, size, size), Some(Choice::Wgmma(_))));
        }
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
            has_batch: false,
            has_mma: true,
            has_split: false,
            has_tf32: false,
        };
        assert_eq!(choose(&problem(DType::F16, 1024, 1024, 1024), &ampere), Some(Choice::Mma));
        let turing = Gpu {
            multiprocessors: 68,
            has_wgmma: false,
            has_skinny: false,
            has_ring: false,
            has_batch: false,
            has_mma: false,
            has_split: false,
            has_tf32: false,
        };
        assert_eq!(choose(&problem(DType::F16, 1024, 1024, 1024), &turing), None);
    }

    #[test]
    fn a_row_has_its_own_kernel() {
        for dtype in [DType::I32, DType::I64, DType::U8, DType::U32] {
            assert_eq!(chosen(dtype, 1, 4096, 4096), Some(Choice::Row));
        }
        assert_eq!(chosen(DType::F64, 1, 1024, 1024), Some(Choice::Row));
        assert_eq!(chosen(DType::F64, 1, 4096, 4096), Some(Choice::Dmma { tile: Tile::T16x32, parts: 1 }));
        for dtype in [DType::F64, DType::F32, DType::BF16] {
            assert_ne!(chosen(dtype, 1, 64, 65536), Some(Choice::Row), "k is shared");
        }
        assert_eq!(chosen(DType::F32, 1, 4095, 4096), Some(Choice::Row), "lines that are not aligned");
        let ampere = Gpu {
            multiprocessors: 108,
            has_wgmma: false,
            has_skinny: false,
            has_ring: false,
            has_batch: false,
            has_mma: true,
            has_split: false,
            has_tf32: false,
        };
        assert_eq!(choose(&problem(DType::BF16, 1, 4096, 4096), &ampere), Some(Choice::Row));
    }

    #[test]
    fn a_few_rows_or_columns_are_read_by_all_multiprocessors() {
        let skinny = |cluster| Some(Choice::Skinny { transpose: false, cluster });
        for (dtype, most) in [(DType::BF16, 32), (DType::F16, 32), (DType::F32, 16)] {
            for rows in [1, 2, 16, most] {
                // Many rows of f32 have blocks of 64 columns instead of 128.
                let many = dtype == DType::F32 && rows > 4;
                let expected = if many { [6, 3, 2, 2, 2, 2] } else { [8, 6, 3, 2, 1, 1] };
                let shapes = [[1024, 4096], [2048, 4096], [4096, 4096], [8192, 8192], [14336, 4096], [32768, 4096]];
                for ([columns, k], cluster) in shapes.into_iter().zip(expected) {
                    assert_eq!(chosen(dtype, rows, columns, k), skinny(cluster), "{dtype:?}, {rows} x {columns} x {k}");
                }
            }
            assert!(!matches!(chosen(dtype, most + 1, 4096, 4096), Some(Choice::Skinny { .. })));
            assert!(!matches!(chosen(dtype, 16, 64, 65536), Some(Choice::Skinny { .. })), "eight blocks are too few");
        }
        let mut columns = problem(DType::BF16, 4096, 16, 4096);
        assert!(!matches!(choose(&columns, &H200), Some(Choice::Skinny { .. })), "columns that do not run along k");
        (columns.parameters.b.row, columns.parameters.b.column) = (1, 4096);
        assert_eq!(choose(&columns, &H200), Some(Choice::Skinny { transpose: true, cluster: 3 }));
    }

    #[test]
    fn small_matrices_have_their_own_kernel() {
        for dtype in [DType::BF16, DType::F16] {
            assert_eq!(chosen(dtype, 64, 64, 64), Some(Choice::Burst));
            assert_eq!(chosen(dtype, 24, 8, 0), Some(Choice::Burst));
            assert_ne!(chosen(dtype, 64, 64, 72), Some(Choice::Burst));
            assert_ne!(chosen(dtype, 64, 63, 64), Some(Choice::Burst), "lines that are not aligned");
        }
        assert!(!matches!(fused(64, 64, 64), Some(Choice::Burst)));
    }

    #[test]
    fn other_types_use_ordinary_arithmetic() {
        for dtype in [DType::I32, DType::I64, DType::U8, DType::U32] {
            assert_eq!(chosen(dtype, 4096, 4096, 4096), Some(Choice::Simt(Tile::T64x64)));
        }
        assert_eq!(chosen(DType::F64, 4095, 4095, 4095), Some(Choice::Simt(Tile::T64x64)), "not aligned");
        assert_eq!(fused(4095, 4095, 4095), Some(Choice::Simt(Tile::T128x256)), "not aligned");
    }
}
