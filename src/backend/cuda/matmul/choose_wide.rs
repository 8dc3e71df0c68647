//! Which kernel computes a product of f32 or f64, and in how many parts of k.
//!
//! Every candidate has a time, in nanoseconds on an H200: the rounds of tiles that the busiest multiprocessor gets, times what a round
//! costs, and what it takes to read the factors: all of the longer and a part of the other. Parts of k fill the last round, or the only one, and cost a pass over their
//! sums. What all candidates have in common is left out.

use std::ops::RangeInclusive;

use super::choose::{Choice, Gpu, Tile, batch, can_box};
use super::forced;
use super::problem::Problem;
use super::ring::DEPTH;
use super::split::can_split;
use super::tf32;
use super::wgmma_plan::plan_whole;
use super::{batch, parts};
use crate::backend::Precision;
use crate::backend::cuda::abi::TwMatrix;
use crate::dtype::DType;

/// What a kernel's tile costs.
struct Cost {
    tile: Tile,
    /// A round of tiles, for each element of k.
    depth: f64,
    /// A round of tiles, however deep.
    round: f64,
    /// What comes once, for each element of k: small tiles are alone on their multiprocessor in the first round.
    first: f64,
}

const fn cost(tile: Tile, depth: f64, round: f64, first: f64) -> Cost {
    Cost { tile, depth, round, first }
}

/// Of f32 in `simt.rs`.
const SIMT: [Cost; 4] = [
    cost(Tile::T128x256, 192.0, 1600.0, 3.8),
    cost(Tile::T128x128, 100.0, 1600.0, 11.5),
    cost(Tile::T64x64, 29.2, 1600.0, 5.4),
    cost(Tile::T32x64, 16.6, 1600.0, 8.8),
];

/// What comes once: its kernels begin when the one before has ended.
const SIMT_LAUNCH: f64 = 1500.0;

/// Of `simt_ring.rs`.
const SIMT_RING: [Cost; 3] = [
    cost(Tile::T128x256, 160.5, 3300.0, 0.0),
    cost(Tile::T64x128, 43.0, 3300.0, 0.0),
    cost(Tile::T32x64, 13.2, 3300.0, 0.0),
];

/// Of `batch.rs`: what comes once, a round of products on all its warps, and that for each element of k.
const BATCH: [f64; 3] = [3500.0, 1300.0, 115.0];
/// The rows and columns for which it is considered: it computes 64 x 64 whatever they are.
const BATCH_SIDES: RangeInclusive<u64> = 33..=batch::SIDE;

/// Of `dmma.rs`.
const DMMA: [Cost; 7] = [
    cost(Tile::T192x96, 83.0, 1500.0, 0.0),
    cost(Tile::T128x128, 73.0, 1500.0, 0.0),
    cost(Tile::T64x128, 36.5, 1200.0, 0.0),
    cost(Tile::T64x64, 18.9, 900.0, 1.8),
    cost(Tile::T32x32, 5.5, 1100.0, 0.0),
    cost(Tile::T16x128, 16.0, 1100.0, 0.0),
    cost(Tile::T16x32, 3.5, 900.0, 0.0),
];

/// Of `split.rs`.
const SPLIT: [Cost; 2] = [cost(Tile::T128x128, 18.6, 0.0, 0.0), cost(Tile::T64x128, 10.2, 0.0, 0.0)];

/// What its pass costs for each row or column of the output and element of k, and its launches.
const SPLIT_LINE: f64 = 0.00326;
const SPLIT_LAUNCHES: f64 = 16_300.0;

/// What the pass and the launches of `tf32_pass.rs` cost beside its product: of all, and for each element of the factors; and how much longer
/// the product takes than one of f16 whose output is half as large.
const TF32_LAUNCHES: f64 = 9000.0;
const TF32_ELEMENT: f64 = 0.0019;
const TF32_PRODUCT: f64 = 1.4;

/// The least k for which its error was below that of ordinary arithmetic, mean and greatest, on every kind of numbers tried
/// (docs/kernels/matmul_f32.md): the errors of ordinary sums grow with k.
pub(super) const SPLIT_DEPTH: u64 = 512;

/// Beyond this k an output of few tiles had the greater error on numbers of all magnitudes.
const SPLIT_DEEP: u64 = 4096;

/// What the pass that adds parts costs, and for each byte of their sums, which are written and read.
const PARTS: f64 = 2300.0;
const PARTS_BYTE: f64 = 0.0004;
/// A byte of the factors.
const BYTE: f64 = 0.00024;
/// How much of the shorter of reading and multiplying is not hidden behind the longer.
const EXPOSED: f64 = 0.25;
/// What puts a kernel that was asked for before all others.
const FORCED: f64 = 1e15;
/// The most rounds that parts are made for: they even out what the last one lacks, the less the more there are.
const MOST_ROUNDS: u64 = 6;

/// The kernel for a product of f32.
pub(super) fn choose_f32(problem: &Problem, gpu: &Gpu) -> Choice {
    let p = &problem.parameters;
    let mut best = Best::new();
    for cost in &SIMT {
        best.consider(Choice::Simt(cost.tile), SIMT_LAUNCH + time(problem, gpu, cost, 1));
    }
    best.consider_parts(problem, gpu, &SIMT_RING, |tile, parts| Choice::SimtRing { tile, parts });
    if gpu.has_batch
        && can_box(problem)
        && [p.m, p.n].iter().all(|side| BATCH_SIDES.contains(side))
        && p.k <= batch::SIDE
    {
        let rounds = batch(problem).div_ceil(u64::from(batch::WARPS * gpu.multiprocessors)) as f64;
        best.consider(Choice::Batch, BATCH[0] + rounds * (BATCH[1] + p.k as f64 * BATCH[2]));
    }
    if may_split(problem, gpu) {
        let [a, b] = factor_lines(problem);
        let pass = if problem.kept { a } else { a + b } * p.k as f64 * SPLIT_LINE + SPLIT_LAUNCHES;
        for cost in &SPLIT {
            best.consider(Choice::Split(cost.tile), time(problem, gpu, cost, 1) + pass);
        }
    }
    if problem.precision == Precision::Tf32
        && gpu.has_tf32
        && let Some((time, plan)) = tf32::plan(problem, gpu.multiprocessors)
    {
        best.consider(Choice::Tf32(plan), time);
    }
    if problem.precision == Precision::Tf32 && can_pass(problem, gpu) {
        let (time, plan) = plan_whole("tf32_pass", &Problem { dtype: DType::F16, ..*problem }, gpu.multiprocessors);
        let pass = lines(problem) * p.k as f64 * TF32_ELEMENT + TF32_LAUNCHES;
        best.consider(Choice::Tf32Pass(plan), TF32_PRODUCT * time + pass);
    }
    best.choice
}

/// Whether the factors may be split: where few tiles have a deep k, sums of its parts are both faster and more accurate.
pub(super) fn may_split(problem: &Problem, gpu: &Gpu) -> bool {
    let k = problem.parameters.k;
    let all = u64::from(gpu.multiprocessors);
    let fewest = if k <= SPLIT_DEEP { all.div_ceil(2) } else { 2 * all };
    problem.precision != Precision::Fma && can_pass(problem, gpu) && tiles(problem, Tile::T64x128) >= fewest
}

/// Whether the pass over the factors can be made. Its blocks have hundreds of k; short ones would be mostly empty.
pub(super) fn can_pass(problem: &Problem, gpu: &Gpu) -> bool {
    gpu.has_split && problem.parameters.k >= SPLIT_DEPTH && can_split(problem)
}

/// The kernel for a product of f64.
pub(super) fn choose_f64(problem: &Problem, gpu: &Gpu) -> Choice {
    let mut best = Best::new();
    best.consider_parts(problem, gpu, &DMMA, |tile, parts| Choice::Dmma { tile, parts });
    best.choice
}

/// The candidate of the least time so far; the first of equals.
struct Best {
    choice: Choice,
    time: f64,
}

impl Best {
    /// What there is for every problem, for want of anything better.
    fn new() -> Self {
        Best { choice: Choice::Simt(Tile::T64x64), time: f64::INFINITY }
    }

    fn consider(&mut self, choice: Choice, time: f64) {
        let time = if forced::is_asked(choice) { time - FORCED } else { time };
        if time < self.time {
            *self = Best { choice, time };
        }
    }

    /// The tiles of a kernel that can sum k in parts, if it can read the factors.
    fn consider_parts(&mut self, problem: &Problem, gpu: &Gpu, costs: &[Cost], choice: impl Fn(Tile, u32) -> Choice) {
        if !gpu.has_ring || !can_box(problem) {
            return;
        }
        let p = &problem.parameters;
        for cost in costs {
            self.consider(choice(cost.tile, 1), time(problem, gpu, cost, 1));
            // As many parts as fill one round, two, three.
            for rounds in 1..=MOST_ROUNDS {
                let most = rounds * u64::from(gpu.multiprocessors) / tiles(problem, cost.tile).max(1);
                let parts = parts::even(p.k.div_ceil(DEPTH.into()), most);
                if let (2.., Some(sums)) = (parts, parts::bytes(p, problem.dtype, parts)) {
                    let pass = PARTS + PARTS_BYTE * sums as f64;
                    self.consider(choice(cost.tile, parts as u32), time(problem, gpu, cost, parts) + pass);
                }
            }
        }
    }
}

/// How long a kernel takes with such tiles and parts of k.
fn time(problem: &Problem, gpu: &Gpu, cost: &Cost, parts: u64) -> f64 {
    let p = &problem.parameters;
    let depth = p.k.div_ceil(parts) as f64;
    let rounds = (tiles(problem, cost.tile) * parts).div_ceil(gpu.multiprocessors.into()) as f64;
    let multiply = rounds * (depth * cost.depth + cost.round) + depth * cost.first;
    let read = lines(problem) * p.k as f64 * problem.dtype.size() as f64 * BYTE;
    multiply.max(read) + EXPOSED * multiply.min(read)
}

/// The rows of a in memory, and the columns of b.
fn factor_lines(problem: &Problem) -> [f64; 2] {
    let p = &problem.parameters;
    [(p.m * matrices(&p.a, p.batch)) as f64, (p.n * matrices(&p.b, p.batch)) as f64]
}

/// Both.
fn lines(problem: &Problem) -> f64 {
    factor_lines(problem).iter().sum()
}

/// The tiles of all the batch.
fn tiles(problem: &Problem, tile: Tile) -> u64 {
    let [m, n] = tile.size();
    problem.parameters.m.div_ceil(m) * problem.parameters.n.div_ceil(n) * batch(problem)
}

/// The matrices of a factor in memory.
fn matrices(x: &TwMatrix, lengths: [u32; 2]) -> u64 {
    x.batch.iter().zip(lengths).map(|(&stride, length)| if stride == 0 { 1 } else { u64::from(length) }).product()
}

#[cfg(test)]
mod tests {
    use super::super::choose::choose;
    use super::super::choose::tests::{H200, chosen, fused, problem};
    use super::*;

    fn dmma(m: u64, n: u64, k: u64) -> (Tile, u32) {
        match chosen(DType::F64, m, n, k) {
            Some(Choice::Dmma { tile, parts }) => (tile, parts),
            other => panic!("{other:?}"),
        }
    }

    fn ring(m: u64, n: u64, k: u64) -> (Tile, u32) {
        match fused(m, n, k) {
            Some(Choice::SimtRing { tile, parts }) => (tile, parts),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn large_products_of_f32_are_split() {
        for size in [2048, 4096, 8192] {
            assert_eq!(chosen(DType::F32, size, size, size), Some(Choice::Split(Tile::T128x128)));
        }
        assert_eq!(chosen(DType::F32, 1024, 1024, 1024), Some(Choice::Split(Tile::T64x128)), "128 tiles, one round");
        assert_eq!(chosen(DType::F32, 1023, 1023, 1021), Some(Choice::Split(Tile::T64x128)), "any alignment");
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
            assert_eq!(ring(size, size, size), (Tile::T128x256, 1));
        }
        assert_eq!(ring(1024, 1024, 1024), (Tile::T64x128, 1));
        assert_eq!(ring(256, 256, 256), (Tile::T32x64, 1));
        assert_eq!(dmma(4096, 4096, 4096), (Tile::T128x128, 1));
        assert_eq!(dmma(1536, 1536, 1536), (Tile::T192x96, 1), "128 tiles");
        assert_eq!(dmma(1024, 1024, 1024), (Tile::T64x128, 1), "128 tiles");
        assert_eq!(dmma(512, 512, 512), (Tile::T32x32, 1));
        assert_eq!(dmma(256, 256, 256), (Tile::T16x32, 1));
    }

    #[test]
    fn batches_of_small_matrices_are_computed_by_warps() {
        let chosen = |products, m, n, k| {
            let mut problem = problem(DType::F32, m, n, k);
            problem.parameters.batch = [1, products];
            choose(&problem, &H200)
        };
        for k in [4, 40, 64] {
            assert_eq!(chosen(1024, 64, 64, k), Some(Choice::Batch));
            assert_eq!(chosen(8192, 48, 64, k), Some(Choice::Batch));
        }
        assert_eq!(chosen(128, 64, 64, 64), Some(Choice::Simt(Tile::T64x64)), "one round of smaller pieces");
        assert_ne!(chosen(1024, 64, 64, 72), Some(Choice::Batch));
        assert_ne!(chosen(1024, 32, 64, 64), Some(Choice::Batch), "half of it for nothing");
        assert_ne!(chosen(1024, 64, 64, 62), Some(Choice::Batch), "lines that are not aligned");
    }

    #[test]
    fn a_deep_k_under_few_tiles_is_summed_in_parts() {
        for (m, n, k) in [(64, 64, 65_536), (128, 64, 65_536), (40, 136, 4100), (20, 264, 2052)] {
            for (tile, parts) in [dmma(m, n, k), ring(m, n, k)] {
                let [rows, columns] = tile.size();
                let blocks = m.div_ceil(rows) * n.div_ceil(columns) * u64::from(parts);
                assert!(parts > 1 && blocks <= 132, "{m} x {n} x {k}: {parts} parts of {tile:?}");
            }
        }
        assert_eq!(dmma(128, 4096, 4096), (Tile::T64x128, 2), "64 tiles");
        assert!(dmma(16, 4096, 64).1 == 1, "nothing to share");
    }

    #[test]
    fn no_part_is_empty() {
        for k in (16..5000).step_by(68) {
            let parts = dmma(64, 64, k).1;
            assert_eq!(u64::from(parts), parts::even(k.div_ceil(DEPTH.into()), parts.into()), "k of {k}");
        }
    }
}
