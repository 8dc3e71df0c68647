//! Which instance of the Hopper kernel computes a product, in which clusters, and in how many parts of k.
//!
//! The candidates' times are estimated: rounds of tiles on the slowest multiprocessor, times what a stage of a tile costs, or what memory
//! takes for the factors if that is longer; plus what each tile and each launch costs beside. A product may be alone or among others that
//! do not wait for each other, and both times count. The costs are fitted to measurements on one GPU (`docs/kernels/matmul.md`).

use super::forced;
use super::problem::Problem;
use crate::backend::cuda::tickets::Tickets;
use crate::dtype::DType;

/// An instance of `cuda/include/tilework/matmul/wgmma_kernel.h`: the template arguments of its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instance {
    /// In the names of its entry points.
    pub name: &'static str,
    /// Warpgroups that multiply, 64 rows of the tile each.
    pub consumers: u32,
    pub columns: u32,
    /// Columns of b that a stage has room for: where they run along n, as many as whole boxes have.
    held: u32,
    /// Whether k may be split.
    pub split: bool,
}

/// Elements of 16 bits in a row of shared memory: 128 bytes, the span of the swizzle.
pub(super) const ROW: u32 = 64;

/// Elements of `dtype` in a row of shared memory, which is the depth of a stage.
pub(super) const fn row(dtype: DType) -> u32 {
    2 * ROW / dtype.size() as u32
}

/// What a block can have, less the alignment of its buffers and room for its barriers and for the places of deferred outputs.
const SHARED: u32 = (227 << 10) - 2048;
const MOST_STAGES: u32 = 8;
/// Blocks of a launch whose tiles are split, which have one grid index each.
const MOST_SPLIT: u64 = 1 << 15;
/// Bytes that a consumer writes its output through.
const STAGING: u32 = 64 * 64 * 4;

impl Instance {
    const fn new(name: &'static str, consumers: u32, columns: u32) -> Self {
        Self { name, consumers, columns, held: columns, split: false }
    }

    const fn holding(self, held: u32) -> Self {
        Self { held, ..self }
    }

    const fn split(self) -> Self {
        Self { split: true, ..self }
    }

    /// Rows of a tile.
    pub const fn rows(&self) -> u32 {
        64 * self.consumers
    }

    /// Threads of a block.
    pub const fn threads(&self) -> u32 {
        128 * (self.consumers + 1)
    }

    /// Dynamic shared memory, as WgmmaTile in `cuda/include/tilework/matmul/wgmma_tile.h` lays it out.
    pub fn shared_bytes(&self) -> u32 {
        let stage = (self.rows() + self.held) * ROW * 2;
        let staging = self.consumers * STAGING;
        let stages = ((SHARED - staging) / stage).min(MOST_STAGES);
        1024 + stages * stage + staging + stages * 16 + 8
    }
}

/// The instances of `cuda/include/tilework/matmul/wgmma_instances.h`; one of 128 x 160 whose b runs along k, which 8-bit factors have; and one
/// that TF32 has.
pub(super) const INSTANCES: [Instance; 12] = [
    Instance::new("128x256", 2, 256),
    Instance::new("128x192", 2, 192),
    Instance::new("128x128", 2, 128),
    Instance::new("128x64", 2, 64),
    Instance::new("64x128", 1, 128),
    Instance::new("64x64", 1, 64),
    Instance::new("128x128_split", 2, 128).split(),
    Instance::new("64x64_split", 1, 64).split(),
    Instance::new("128x160", 2, 160),
    Instance::new("128x64_split", 2, 64).split(),
    Instance::new("128x160", 2, 160).holding(192),
    Instance::new("64x128_split", 1, 128).split(),
];

/// Places in [`INSTANCES`].
pub(super) const T128X256: usize = 0;
pub(super) const T128X192: usize = 1;
pub(super) const T128X128: usize = 2;
pub(super) const T128X64: usize = 3;
pub(super) const T64X128: usize = 4;
pub(super) const T64X64: usize = 5;
pub(super) const T128X128_SPLIT: usize = 6;
pub(super) const T64X64_SPLIT: usize = 7;
pub(super) const T128X160_ALONG_K: usize = 8;
pub(super) const T128X64_SPLIT: usize = 9;
pub(super) const T128X160: usize = 10;
pub(super) const T64X128_SPLIT: usize = 11;

/// The first so many of them compute all of k.
pub(super) const WHOLE: usize = 6;

/// How a product is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// Into [`INSTANCES`].
    pub instance: usize,
    /// Rows of tiles in a cluster, which share columns of b.
    pub rows: u32,
    /// Blocks of a cluster that share a tile, each a part of k.
    pub slices: u32,
    /// How many clusters share a tile, each a part of k.
    pub splits: u32,
}

impl Plan {
    /// Blocks of a cluster.
    pub const fn cluster_size(&self) -> u32 {
        self.rows * self.slices
    }

    /// Clusters' worth of output tiles of a problem, and of how many rows of a matrix they are.
    pub fn tiles(&self, problem: &Problem) -> (u64, u64) {
        let p = &problem.parameters;
        let instance = &INSTANCES[self.instance];
        let rows = p.m.div_ceil(u64::from(instance.rows() * self.rows));
        let batch = u64::from(p.batch[0]) * u64::from(p.batch[1]);
        (rows * p.n.div_ceil(u64::from(instance.columns)) * batch, rows)
    }
}

/// An instance in clusters of a shape, and its times in nanoseconds: of a block of k of a tile, of a tile beside, and of a launch.
pub(super) struct Candidate {
    instance: usize,
    rows: u32,
    slices: u32,
    block: f64,
    tile: f64,
    launch: f64,
}

pub(super) const fn candidate(instance: usize, [rows, slices]: [u32; 2], [block, tile, launch]: [f64; 3]) -> Candidate {
    let Instance { columns, split, .. } = INSTANCES[instance];
    assert!(!split || columns / slices <= ROW && columns / 8 % slices == 0, "wgmma_combine.h stages a slice's columns");
    Candidate { instance, rows, slices, block, tile, launch }
}

/// What memory moves, in bytes a nanosecond.
const MEMORY: f64 = 4.1e3;
/// Bytes of a factor that are read again from memory, in part, where two columns or rows of tiles read them.
const LARGE: f64 = 16e6;
const AGAIN: f64 = 0.4;
/// The nanoseconds that it takes to add up a tile's parts in memory, and for each part; waiting for the factors is in it.
const ADDING: [f64; 2] = [3000.0, 190.0];

/// The nanoseconds that a launch takes at least.
const LEAST: f64 = 1100.0;
/// What the time of a product alone counts for, of 1, beside its time among others, where it may begin beside them.
pub(super) const ALONE: f64 = 0.6;

/// Of tiles in pairs and alone the first is taken where both take the same rounds. Each block of a tile that is split begins anew, which
/// is most of what such a tile costs.
pub(super) const CANDIDATES: [Candidate; 15] = [
    candidate(T128X256, [2, 1], [622.0, 1500.0, 3000.0]),
    candidate(T128X256, [1, 1], [629.0, 1500.0, 3000.0]),
    candidate(T128X192, [1, 1], [475.0, 1300.0, 2700.0]),
    candidate(T128X128, [1, 1], [319.0, 900.0, 2700.0]),
    candidate(T128X64, [1, 1], [220.0, 500.0, 2250.0]),
    candidate(T64X128, [1, 1], [209.0, 590.0, 2100.0]),
    candidate(T64X64, [1, 1], [158.0, 350.0, 2000.0]),
    candidate(T128X160, [2, 1], [412.0, 1300.0, 3200.0]),
    candidate(T128X128_SPLIT, [1, 2], [330.0, 5000.0, 1800.0]),
    candidate(T128X128_SPLIT, [1, 4], [330.0, 5000.0, 1800.0]),
    candidate(T128X128_SPLIT, [1, 8], [330.0, 5000.0, 1800.0]),
    candidate(T128X64_SPLIT, [1, 2], [220.0, 3000.0, 1100.0]),
    candidate(T64X64_SPLIT, [1, 2], [158.0, 2800.0, 1000.0]),
    candidate(T64X64_SPLIT, [1, 4], [158.0, 2500.0, 1000.0]),
    candidate(T64X64_SPLIT, [1, 8], [158.0, 2500.0, 1000.0]),
];

impl Candidate {
    /// As `forced.rs` has it.
    pub(super) fn name(&self) -> String {
        format!("{}/{}x{}", INSTANCES[self.instance].name, self.rows, self.slices)
    }

    /// The time it takes with k split among `splits` clusters, or `None` where it cannot be. `share`: what the time of a product alone counts
    /// for, of 1, beside its time among others.
    fn estimate(&self, problem: &Problem, multiprocessors: u32, splits: u32, share: f64) -> Option<(f64, Plan)> {
        let plan = Plan { instance: self.instance, rows: self.rows, slices: self.slices, splits };
        let instance = &INSTANCES[plan.instance];
        let depth = problem.parameters.k.div_ceil(u64::from(row(problem.dtype)));
        let parts = u64::from(plan.slices) * u64::from(splits);
        let (tiles, _) = plan.tiles(problem);
        let counters = tiles * u64::from(plan.cluster_size());
        // Every part has something to add, each block has its place in the grid, and each block of a tile its counter.
        let fits = depth >= parts && tiles * parts <= MOST_SPLIT && (splits == 1 || counters <= Tickets::COUNT as u64);
        let possible = if instance.split { fits } else { parts == 1 };
        if !possible {
            return None;
        }
        let at_a_time = f64::from(clusters(multiprocessors, plan.cluster_size()));
        let rounds = (tiles * u64::from(splits)) as f64 / at_a_time;
        let memory = memory_time(problem, instance);
        let work = |rounds: f64| {
            let products = rounds * depth.div_ceil(parts) as f64 * self.block;
            let adding = ADDING[0] + f64::from(splits) * ADDING[1];
            rounds * self.tile + if splits > 1 { products + adding } else { products.max(memory) }
        };
        // Of a product alone, whole rounds; among others that do not wait for each other, whose blocks take the multiprocessors that
        // this one leaves, what it occupies. Not so for parts of k: fewer would seem the better, and do not let the others in in time.
        let alone = self.launch + work(rounds.ceil());
        let among = (self.launch * rounds.min(1.0) + work(rounds)).max(LEAST);
        let time = if parts == 1 { share * alone + (1.0 - share) * among } else { alone };
        Some((time, plan))
    }
}

/// The nanoseconds that memory takes for the factors and the output.
fn memory_time(problem: &Problem, instance: &Instance) -> f64 {
    let p = &problem.parameters;
    let bytes = |rows: u64, columns: u64| {
        let matrices = f64::from(p.batch[0]) * f64::from(p.batch[1]);
        matrices * rows as f64 * columns as f64 * problem.dtype.size() as f64
    };
    let factor = |bytes: f64, lines: u64, tile: u32| {
        let again = lines > u64::from(tile) && bytes > LARGE;
        bytes * if again { 1.0 + AGAIN } else { 1.0 }
    };
    let a = factor(bytes(p.m, p.k), p.n, instance.columns);
    let b = factor(bytes(p.k, p.n), p.m, instance.rows());
    (a + b + bytes(p.m, p.n)) / MEMORY
}

/// How many clusters of so many blocks run at a time, a block on each multiprocessor. Larger ones leave some of a GPU's unequal groups of
/// multiprocessors idle: 30 of four and 15 of eight are what 132 multiprocessors have room for.
pub(super) fn clusters(multiprocessors: u32, size: u32) -> u32 {
    let usable = if size <= 2 { multiprocessors } else { multiprocessors - multiprocessors / 11 };
    (usable / size).max(1)
}

/// The plan of the candidate of this name (`forced.rs`) and its time; `None` where there is none, or it cannot be.
pub(super) fn plan_named(
    form: &str,
    candidates: &[Candidate],
    problem: &Problem,
    multiprocessors: u32,
    share: f64,
) -> Option<(f64, Plan)> {
    let (candidate, most) = named(candidates, form)?;
    let possible = (1..=most).filter_map(|splits| candidate.estimate(problem, multiprocessors, splits, share));
    possible.min_by(|a, b| a.0.total_cmp(&b.0))
}

/// The candidate of this name, and into how many parts it splits k between clusters at most.
fn named<'a>(candidates: &'a [Candidate], form: &str) -> Option<(&'a Candidate, u32)> {
    let splits = |name: String| match form.strip_prefix(&name)? {
        "" => Some(1),
        rest => rest.strip_prefix('x')?.parse().ok(),
    };
    candidates.iter().find_map(|candidate| Some((candidate, splits(candidate.name())?)))
}

/// The candidates that compute all of k.
pub(super) fn whole() -> &'static [Candidate] {
    &CANDIDATES[..CANDIDATES.partition_point(|candidate| candidate.instance < WHOLE)]
}

/// The fastest plan by the estimates for a product of 16 bits; the first of equals.
pub(super) fn plan(problem: &Problem, multiprocessors: u32) -> Plan {
    plan_among("wgmma", &CANDIDATES, problem, multiprocessors)
}

/// The same among the candidates of another family.
pub(super) fn plan_among(family: &str, candidates: &[Candidate], problem: &Problem, multiprocessors: u32) -> Plan {
    plan_timed(family, candidates, problem, multiprocessors).1
}

/// The same with its time in nanoseconds.
pub(super) fn plan_timed(
    family: &str,
    candidates: &[Candidate],
    problem: &Problem,
    multiprocessors: u32,
) -> (f64, Plan) {
    plan_by(family, candidates, problem, multiprocessors, ALONE)
}

/// The fastest plan of a family that does not split k, and its time in nanoseconds, of a product that does not begin beside others.
pub(super) fn plan_whole(family: &str, problem: &Problem, multiprocessors: u32) -> (f64, Plan) {
    plan_by(family, whole(), problem, multiprocessors, 1.0)
}

fn plan_by(family: &str, candidates: &[Candidate], problem: &Problem, multiprocessors: u32, share: f64) -> (f64, Plan) {
    let forced = forced::form(family).and_then(|form| plan_named(form, candidates, problem, multiprocessors, share));
    forced.unwrap_or_else(|| fastest(problem, multiprocessors, candidates, share))
}

fn fastest(problem: &Problem, multiprocessors: u32, candidates: &[Candidate], share: f64) -> (f64, Plan) {
    let mut best = (f64::INFINITY, Plan { instance: 0, rows: 1, slices: 1, splits: 1 });
    for candidate in candidates {
        // Splitting between clusters is for few tiles and a deep k.
        let most = if candidate.slices == 8 { clusters(multiprocessors, 8) } else { 1 };
        for splits in 1..=most {
            if let Some(estimated) = candidate.estimate(problem, multiprocessors, splits, share)
                && estimated.0 < best.0
            {
                best = estimated;
            }
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Precision;
    use crate::backend::cuda::abi::TwMatmul;

    fn problem(m: u64, n: u64, k: u64, batch: u32) -> Problem {
        let parameters = TwMatmul { m, n, k, batch: [1, batch], ..TwMatmul::default() };
        Problem { dtype: DType::BF16, precision: Precision::F32, kept: false, parameters }
    }

    fn chosen(m: u64, n: u64, k: u64) -> (&'static str, Plan) {
        let plan = fastest(&problem(m, n, k, 1), 132, &CANDIDATES, ALONE).1;
        (INSTANCES[plan.instance].name, plan)
    }

    #[test]
    fn rounds_are_full() {
        assert_eq!(chosen(3072, 3072, 3072).0, "128x192", "2.9 rounds, not 2.2");
        assert_eq!(chosen(1536, 1536, 1536).0, "128x192", "of 96 tiles, which leave room for the next product's");
        for size in [4096, 8192] {
            let (name, plan) = chosen(size, size, size);
            assert_eq!((name, plan.rows), ("128x256", 2));
        }
        assert_eq!(chosen(512, 512, 512).0, "64x64");
        assert_eq!(chosen(1024, 1024, 1024).0, "64x128");
    }

    /// What the conformance suite has several tiles a block of.
    #[test]
    fn batches_have_large_tiles() {
        for k in [200, 392] {
            let plan = fastest(&problem(72, 200, k, 260), 132, &CANDIDATES, ALONE).1;
            assert_eq!(INSTANCES[plan.instance].name, "128x256", "k of {k}");
        }
    }

    #[test]
    fn the_large_factor_is_read_once() {
        assert_eq!(chosen(8192, 128, 8192).0, "64x128");
        assert_eq!(chosen(128, 8192, 8192).0, "128x64");
        let (name, plan) = chosen(128, 4096, 4096);
        assert_eq!((name, plan.slices), ("128x64_split", 2));
    }

    #[test]
    fn a_deep_k_is_split_among_all_multiprocessors() {
        let (name, plan) = chosen(64, 64, 65536);
        assert_eq!(name, "64x64_split");
        assert!(plan.cluster_size() * plan.splits >= 64, "{plan:?}");
    }

    #[test]
    fn plans_are_possible() {
        for m in [1, 64, 100, 1000, 100_000] {
            for n in [1, 64, 1000, 30_000] {
                for k in [1, 64, 500, 5000, 1 << 20] {
                    for batch in [1, 50] {
                        let problem = problem(m, n, k, batch);
                        let plan = fastest(&problem, 132, &CANDIDATES, ALONE).1;
                        let parts = u64::from(plan.slices * plan.splits);
                        assert!(parts == 1 || INSTANCES[plan.instance].split, "{plan:?}");
                        assert!(parts <= k.div_ceil(u64::from(ROW)), "{plan:?} has empty parts");
                        let counters = plan.tiles(&problem).0 * u64::from(plan.cluster_size());
                        assert!(plan.splits == 1 || counters <= Tickets::COUNT as u64, "{plan:?}");
                    }
                }
            }
        }
    }

    /// There are 227 KiB, and every instance uses more than half, so that one block is on a multiprocessor.
    #[test]
    fn shared_memory_suffices() {
        for instance in &INSTANCES {
            assert!((128 << 10..=227 << 10).contains(&instance.shared_bytes()), "{}", instance.name);
        }
        let names: std::collections::HashSet<_> = CANDIDATES.iter().map(Candidate::name).collect();
        assert_eq!(names.len(), CANDIDATES.len(), "an override names one candidate");
    }
}
