//! Products of f32 on Hopper's tensor cores: `cuda/matmul/split.cu`, `split_f16x3.cu` and `split_bf16x6.cu`.
//!
//! A pass splits both factors into 16-bit pieces, and decides from their elements which scheme is accurate for them
//! (`cuda/include/tilework/matmul/split.h`). The decision stays on the device: each scheme has its kernels, all of them are launched,
//! and those whose scheme it is not return at once.

use super::choose::Tile;
use super::problem::Problem;
use super::split_kept::Kept;
use super::{OP, tiled};
use crate::backend::cuda::abi::{TwMatmul, TwMatrix, TwSplit, TwSplitFactor};
use crate::backend::cuda::kernels::{Entry, Kernel, KernelSet};
use crate::backend::cuda::launch::Launch;
use crate::backend::cuda::tickets::Taken;
use crate::backend::cuda::{Buffer, Cuda};
use crate::error::Result;

/// The module whose presence says that a build can do this.
pub(super) const MODULE: &str = "matmul/split_f16x3";

/// Elements of k that lie together in the planes.
pub(super) const DEPTH: u64 = 32;
/// Elements of k that a block of the pass handles at a time, and those that it has registers for.
const STEP: u64 = 128;
const IN_REGISTERS: u64 = 512;
/// Rows that a cluster of the pass handles.
const ROWS: u64 = 32;
const MOST_BLOCKS: u32 = 8;
const PASS_THREADS: u32 = 256;
const THREADS: u32 = 384;
/// What a block can have, less the alignment of its buffers and room for its barriers.
const SHARED: u32 = (227 << 10) - 2048;
const MOST_STAGES: u32 = 8;
/// The tile of ordinary arithmetic, its threads and its shared memory.
const NONE_TILE: [u64; 2] = [128, 128];
const NONE_THREADS: u32 = 256;
const NONE_SHARED: u32 = 3 * 16 * ((128 + 128) * 4 + 32);
/// The most memory that the planes may take.
pub(super) const MOST_BYTES: u64 = 32 << 30;
/// The longest k: the pass counts the elements of a chunk, an eighth of k, in 16 bits.
pub(super) const MOST_DEPTH: u64 = 1 << 18;

const TILES: [Tile; 2] = [Tile::T128x128, Tile::T64x128];
/// The columns of each of them, for which b is cut into planes.
pub(super) const COLUMNS: u64 = 128;

/// The kernels that split: both factors into planes of f16, with the verdict; the same, but the greater pieces alone, as matrices; and
/// once more, into planes of bf16, where the verdict asks for it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pass {
    Planes,
    Matrices,
    Again,
}

static PASS: KernelSet<3> = KernelSet::new(|index| Entry {
    module: "matmul/split",
    name: ["matmul_split_f16", "matmul_split_tf32", "matmul_split_bf16"][index].into(),
});

static NONE: KernelSet<1> = KernelSet::new(|_| Entry { module: "matmul/split", name: "matmul_split_none".into() });

/// For each scheme the tiles.
static PRODUCTS: KernelSet<{ 2 * TILES.len() }> = KernelSet::new(|index| {
    let scheme = ["f16x3", "bf16x6"][index / TILES.len()];
    let [m, n] = TILES[index % TILES.len()].size();
    let module = ["matmul/split_f16x3", "matmul/split_bf16x6"][index / TILES.len()];
    Entry { module, name: format!("matmul_split_{scheme}_{m}x{n}") }
});

/// What the kernels need besides the operands, as offsets into one allocation.
#[derive(Debug, PartialEq, Eq)]
struct Workspace {
    shifts: [u64; 2],
    planes: [u64; 2],
    bytes: u64,
}

/// How the pass goes through k.
pub(super) struct Stretches {
    /// Blocks of `DEPTH` in all, an even number.
    pub depth: u64,
    /// Blocks of a cluster, which share k.
    pub cluster: u32,
    /// The elements of each.
    pub chunk: u64,
}

impl Stretches {
    pub fn new(k: u64) -> Self {
        let depth = 2 * k.div_ceil(2 * DEPTH);
        let mut cluster = 1;
        while cluster < MOST_BLOCKS && u64::from(cluster) * IN_REGISTERS < k {
            cluster *= 2;
        }
        Self { depth, cluster, chunk: (depth * DEPTH).div_ceil(cluster.into()).next_multiple_of(STEP) }
    }
}

/// The matrices of a factor: a broadcast one is split once.
fn matrices(x: &TwMatrix, batch: [u32; 2]) -> [u32; 2] {
    std::array::from_fn(|axis| if x.batch[axis] == 0 { 1 } else { batch[axis] })
}

/// The workspace for tiles of `m` x `n`, or `None` where it or an index would be too large.
fn workspace(p: &TwMatmul, [m, n]: [u64; 2]) -> Option<Workspace> {
    let mut end = 256u64;
    let mut place = |bytes: u64| {
        let at = end;
        end = at.checked_add(bytes.checked_next_multiple_of(256)?)?;
        Some(at)
    };
    let mut lines = [0; 2];
    for (lines, (x, rows, height)) in lines.iter_mut().zip([(&p.a, p.m, m), (&p.b, p.n, n)]) {
        let [outer, inner] = matrices(x, p.batch).map(u64::from);
        *lines = rows.div_ceil(height).checked_mul(height)?.checked_mul(outer)?.checked_mul(inner)?;
    }
    let [a, b] = lines;
    let shifts = [place(a.checked_mul(4)?)?, place(b.checked_mul(4)?)?];
    // Planes of six bytes for each element: three of bf16, or two of f16.
    let line = Stretches::new(p.k).depth.checked_mul(DEPTH * 6)?;
    let planes = [place(a.checked_mul(line)?)?, place(b.checked_mul(line)?)?];
    let indexed = a + b < 1 << 31 && p.k <= MOST_DEPTH;
    (indexed && end <= MOST_BYTES).then_some(Workspace { shifts, planes, bytes: end })
}

/// Whether the kernels can do this product.
pub(super) fn can_split(problem: &Problem) -> bool {
    problem.parameters.k > 0 && TILES.iter().all(|tile| workspace(&problem.parameters, tile.size()).is_some())
}

/// Dynamic shared memory of a tile's kernel, as SplitShape in `cuda/include/tilework/matmul/split_kernel.h` lays it out.
fn shared_bytes(tile: Tile, planes: u32) -> u32 {
    let [m, n] = tile.size().map(|side| side as u32);
    let stage = (m + n) * DEPTH as u32 * 2 * planes;
    let handover = if tile == Tile::T64x128 { m * n * 4 } else { 0 };
    let stages = ((SHARED - handover) / stage).min(MOST_STAGES);
    1024 + stages * stage + handover + stages * 16
}

/// A product whose factors are to be split: what all kernels take, with the memory that it names.
pub(super) struct Prepared<'a> {
    pub split: TwSplit,
    tile: Tile,
    /// Blocks that share rows in the pass, and all blocks of it.
    cluster: u32,
    blocks: u32,
    _workspace: Buffer,
    /// What the pass sees lies where others count, from the first launch to the last.
    _seen: Taken<'a>,
}

/// Launches the pass and the products of both schemes, and ordinary arithmetic for what neither does. Of b the split may be `kept`.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, tile: Tile, kept: Option<&Kept>) -> Result<()> {
    let prepared = prepare(cuda, problem, tile, kept)?;
    prepared.pass(cuda, Pass::Planes)?;
    prepared.pass(cuda, Pass::Again)?;
    prepared.product(cuda, 0)?;
    prepared.product(cuda, 1)?;
    prepared.ordinary(cuda, problem)
}

/// The parameters of the kernels for products in tiles of `tile`, and the workspace.
pub(super) fn prepare<'a>(cuda: &'a Cuda, problem: &Problem, tile: Tile, kept: Option<&Kept>) -> Result<Prepared<'a>> {
    let [m, n] = tile.size();
    let (parameters, _) = tiled(problem, m, n);
    let Some(workspace) = workspace(&parameters, [m, n]) else {
        return cuda.unsupported(OP, problem.dtype, "the factors are too large to be split");
    };
    let scratch = cuda.scratch(workspace.bytes as usize)?;
    let stretches = Stretches::new(parameters.k);
    let (a, b) = (parameters.a, parameters.b);
    let mut factors = [
        factor(&a, [a.row, a.column], [parameters.m, m], matrices(&a, parameters.batch)),
        factor(&b, [b.column, b.row], [parameters.n, n], matrices(&b, parameters.batch)),
    ];
    for (i, factor) in factors.iter_mut().enumerate() {
        factor.shifts = scratch.pointer() + workspace.shifts[i];
        factor.planes = [scratch.pointer() + workspace.planes[i]; 2];
    }
    // `workspace` keeps all rows, and so the groups of them, below 2^31; blocks that find nothing to do are eight to a group at most.
    let mut parts = groups(&factors[0]);
    match kept {
        Some(kept) => kept.lend(&mut factors[1]),
        None => parts += groups(&factors[1]),
    }
    let seen = cuda.tickets.take(OP)?;
    let split = TwSplit {
        factors,
        seen: seen.pointer(),
        verdict: scratch.pointer(),
        k: parameters.k,
        depth: stretches.depth as u32,
        chunk: stretches.chunk as u32,
        product: parameters,
    };
    let cluster = stretches.cluster;
    Ok(Prepared { split, tile, cluster, blocks: parts as u32 * cluster, _workspace: scratch, _seen: seen })
}

/// A factor whose lines along k have the strides `[row, along]`, in blocks of `height` of them; where its split goes is to be said.
pub(super) fn factor(
    x: &TwMatrix,
    [row, along]: [i64; 2],
    [rows, height]: [u64; 2],
    matrices: [u32; 2],
) -> TwSplitFactor {
    TwSplitFactor {
        pointer: x.pointer,
        row,
        depth: along,
        batch: x.batch,
        rows,
        matrices,
        height: height as u32,
        blocks: rows.div_ceil(height) as u32,
        direction: match (x.aligned, along, row) {
            (1, 1, _) => 1,
            (1, _, 1) => 2,
            _ => 0,
        },
        ..TwSplitFactor::default()
    }
}

impl Prepared<'_> {
    /// Launches a kernel of the pass.
    pub fn pass(&self, cuda: &Cuda, pass: Pass) -> Result<()> {
        let cluster = match pass {
            Pass::Planes | Pass::Matrices => Some(self.cluster),
            Pass::Again => None,
        };
        start_pass(cuda, OP, pass, self.blocks, cluster, &self.split)
    }

    /// Launches the product of a scheme: 0 is three products of f16, 1 six of bf16.
    pub fn product(&self, cuda: &Cuda, scheme: usize) -> Result<()> {
        let tile = TILES.iter().position(|&other| other == self.tile).unwrap_or(0);
        let kernel: &'static Kernel = PRODUCTS.get(cuda, OP, scheme * TILES.len() + tile)?;
        let p = &self.split.product;
        let tiles = p.tiles_m * p.tiles_n * p.batch[0] * p.batch[1];
        let launch = Launch::linear(kernel, tiles.min(cuda.context().multiprocessors), THREADS);
        start(cuda, OP, launch.shared(shared_bytes(self.tile, scheme as u32 + 2)), &self.split)
    }

    /// Launches ordinary arithmetic for what no scheme does.
    pub fn ordinary(&self, cuda: &Cuda, problem: &Problem) -> Result<()> {
        let (product, tiles) = tiled(problem, NONE_TILE[0], NONE_TILE[1]);
        let kernel = NONE.get(cuda, OP, 0)?;
        let launch = Launch::linear(kernel, tiles, NONE_THREADS).shared(NONE_SHARED);
        start(cuda, OP, launch, &TwSplit { product, ..self.split })
    }
}

/// Launches a kernel of the pass in as many blocks: in clusters, or else as many as fit of them.
pub(super) fn start_pass(
    cuda: &Cuda,
    op: &'static str,
    pass: Pass,
    blocks: u32,
    cluster: Option<u32>,
    split: &TwSplit,
) -> Result<()> {
    let kernel = PASS.get(cuda, op, pass as usize)?;
    let launch = match cluster {
        Some(cluster) => Launch::linear(kernel, blocks, PASS_THREADS).cluster([cluster, 1, 1]),
        None => Launch::linear(kernel, blocks.min(4 * cuda.context().multiprocessors), PASS_THREADS),
    };
    start(cuda, op, launch, split)
}

/// Launches a kernel that takes what `prepare` has made, or the part of it that the kernel looks at.
fn start(cuda: &Cuda, op: &'static str, launch: Launch, split: &TwSplit) -> Result<()> {
    // SAFETY: the entries take one TwSplit and as much shared memory as their buffers need; they reach what the operands' shapes
    // and strides reach, and the workspace, which is laid out for these factors. The stream is done with the workspace before it
    // does what its next owner asks.
    unsafe { cuda.launch(op, &launch.dependent(), split) }
}

/// The groups of rows of a factor that a cluster of the pass does each.
pub(super) fn groups(x: &TwSplitFactor) -> u64 {
    let rows = u64::from(x.blocks) * u64::from(x.height);
    rows.div_ceil(ROWS) * u64::from(x.matrices[0]) * u64::from(x.matrices[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_holds_both_factors_apart() {
        let p = TwMatmul { m: 300, n: 200, k: 1000, batch: [2, 3], ..TwMatmul::default() };
        let mut batched = p;
        batched.a.batch = [10, 0];
        let w = workspace(&batched, [128, 128]).unwrap();
        let line = 1024 * 6;
        assert_eq!(w.shifts, [256, 256 + 2 * 384 * 4]);
        assert_eq!(w.planes, [256 + 3072 + 1024, 256 + 3072 + 1024 + 2 * 384 * line]);
        assert_eq!(w.bytes, w.planes[1] + 256 * line);
    }

    #[test]
    fn sizes_that_overflow_have_no_workspace() {
        let side = 1 << 40;
        for (m, n, k) in
            [(side, 64, 64), (64, side, 64), (64, 64, side), (side, side, side), (1 << 20, 1 << 20, 1 << 15)]
        {
            assert_eq!(workspace(&TwMatmul { m, n, k, batch: [1, 1], ..TwMatmul::default() }, [128, 128]), None);
        }
    }

    #[test]
    fn tiles_have_the_columns_of_kept_planes_and_fit_a_block() {
        for tile in TILES {
            assert_eq!(tile.size()[1], COLUMNS);
            for planes in [2, 3] {
                assert!(shared_bytes(tile, planes) <= 227 << 10, "{tile:?} with {planes} planes");
            }
        }
    }
}
