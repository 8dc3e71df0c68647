//! What softmax and the norms share: kernels that hold a row on chip, so that each element is read and written once.
//!
//! [`plan`] chooses the threads that share a row by its length: some lanes of a warp, a block, a cluster of blocks, or, where all
//! those are too small, a block that walks through memory more than once; of few such rows many blocks walk a strip each, in two
//! launches. The kernels' side is `tilework/rows.h` and `tilework/strip.h`.

use super::abi::{TwNest, TwRows};
use super::kernels::{Entry, KernelSet, has_module};
use super::launch::Launch;
use super::nest::MAX_RANK;
use super::{Cuda, buffer};
use crate::backend::Operand;
use crate::dtype::DType;
use crate::error::Result;
use crate::layout::{Loops, Order, collapse_axes};

/// Threads of a block whose lanes share rows (`kLanesThreads`).
const LANES_THREADS: usize = 128;
/// The largest block that holds a row, alone or in a cluster.
const BLOCK_THREADS: usize = 512;
/// Threads of a block that walks a row (`kLongThreads`), and of one that walks a strip (`kStripThreads`), of which two run on a
/// multiprocessor.
const LONG_THREADS: usize = 1024;
const STRIP_THREADS: usize = 512;
/// The largest cluster; above 8 a kernel needs leave, which the launch layer gives.
const CLUSTER_BLOCKS: usize = 16;

/// The threads that share a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Team {
    /// Lanes of a warp, each with a quarter, half or all of the packs that fit in its registers.
    Quarter,
    Half,
    Full,
    Block,
    Cluster,
    Long,
    /// As many blocks as the row has strips, and those once more.
    Strips,
}

impl Team {
    /// Indices into `STEPS` of what is launched, one after the other.
    const fn steps(self) -> &'static [usize] {
        match self {
            Team::Quarter => &[0],
            Team::Half => &[1],
            Team::Full => &[2],
            Team::Block => &[3],
            Team::Cluster => &[4],
            Team::Long => &[5],
            Team::Strips => &[6, 7],
        }
    }
}

/// The kernels of a family for one element type.
const STEPS: [&str; 8] = ["lanes_quarter", "lanes_half", "lanes_full", "block", "cluster", "long", "strip", "finish"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    team: Team,
    /// Lanes that share a row, in a block whose warps hold several.
    lanes: usize,
    threads: usize,
    /// Blocks of a row.
    blocks: usize,
}

impl Plan {
    /// Rows of a block.
    fn rows(&self) -> usize {
        self.threads.checked_div(self.lanes).unwrap_or(1)
    }
}

/// The plan for `rows` rows of `length` elements, where a thread holds `held` packs of `pack` elements.
fn plan(rows: usize, length: usize, pack: usize, held: usize, multiprocessors: usize, clusters: bool) -> Plan {
    let packs = length.div_ceil(pack);
    for (team, held) in [(Team::Quarter, held / 4), (Team::Half, held / 2), (Team::Full, held)] {
        let lanes = packs.div_ceil(held).next_power_of_two();
        if lanes <= 32 {
            return Plan { team, lanes, threads: LANES_THREADS, blocks: 1 };
        }
    }
    let threads = |blocks: usize| packs.div_ceil(held * blocks).next_multiple_of(32);
    let mut blocks = 1;
    if clusters {
        // Two blocks of a cluster's usual size run on a multiprocessor: one loads while the other computes.
        while blocks < 8 && threads(blocks) > if blocks == 1 { BLOCK_THREADS } else { BLOCK_THREADS / 2 } {
            blocks *= 2;
        }
        // Few rows: more multiprocessors to each.
        while blocks < 8 && rows * blocks * 2 <= multiprocessors && threads(blocks) > 128 {
            blocks *= 2;
        }
        if threads(blocks) > BLOCK_THREADS {
            blocks = CLUSTER_BLOCKS;
        }
    }
    let threads = threads(blocks);
    let (team, threads, blocks) = match (threads <= BLOCK_THREADS, 2 * multiprocessors / rows.max(1)) {
        (true, _) if blocks == 1 => (Team::Block, threads, 1),
        (true, _) => (Team::Cluster, threads, blocks),
        (false, 0..=2) => (Team::Long, LONG_THREADS, 1),
        // A block of the second launch has a thread for each.
        (false, strips) => (Team::Strips, STRIP_THREADS, strips.min(STRIP_THREADS)),
    };
    Plan { team, lanes: 0, threads, blocks }
}

/// The kernels of a family, by `STEPS` and element type.
pub(super) type Kernels = KernelSet<{ STEPS.len() * ELEMENTS.len() }>;

const ELEMENTS: [DType; 4] = [DType::F32, DType::F64, DType::F16, DType::BF16];

/// The name that a family's entry points begin with, and its modules.
pub(super) struct Family {
    pub name: &'static str,
    pub rows: &'static str,
    pub cluster: &'static str,
    pub long: &'static str,
}

impl Family {
    /// The entry point of kernel number `index`.
    pub fn entry(&self, index: usize) -> Entry {
        let (step, element) = (index / ELEMENTS.len(), ELEMENTS[index % ELEMENTS.len()]);
        let module = match step {
            0..=3 => self.rows,
            4 => self.cluster,
            _ => self.long,
        };
        Entry { module, name: format!("{}_{element}_{}", self.name, STEPS[step]) }
    }
}

/// One operation on the rows of a tensor.
pub(super) struct Rows<'a> {
    pub op: &'static str,
    pub family: Family,
    pub kernels: &'static Kernels,
    pub variant: u32,
    pub eps: f64,
    pub x: Operand<'a>,
    pub weight: Option<Operand<'a>>,
    pub bias: Option<Operand<'a>>,
    pub out: Operand<'a>,
}

impl Rows<'_> {
    /// Enqueues it.
    pub fn run(&self, cuda: &Cuda) -> Result<()> {
        let axes: Vec<usize> = (0..self.x.layout.rank().saturating_sub(1)).collect();
        self.launch_all(cuda, &collapse_axes([self.out.layout, self.x.layout], &axes, Order::Any))
    }

    /// One launch, or one for each index of an axis while there are too many.
    fn launch_all(&self, cuda: &Cuda, nest: &Loops<2>) -> Result<()> {
        if nest.rank() <= MAX_RANK {
            return self.launch(cuda, nest);
        }
        let shortest = (0..nest.rank()).min_by_key(|&axis| nest.shape[axis]).unwrap_or(0);
        let mut part = nest.clone();
        part.shape.remove(shortest);
        let steps = part.strides.each_mut().map(|strides| strides.remove(shortest));
        for _ in 0..nest.shape[shortest] {
            self.launch_all(cuda, &part)?;
            for (offset, step) in part.offsets.iter_mut().zip(steps) {
                *offset = offset.wrapping_add_signed(step);
            }
        }
        Ok(())
    }

    fn launch(&self, cuda: &Cuda, nest: &Loops<2>) -> Result<()> {
        let dtype = self.x.dtype;
        let size = dtype.size();
        let Some(element) = ELEMENTS.iter().position(|&element| element == dtype) else {
            return cuda.unsupported(self.op, dtype, "it is defined for floating-point types; cast first");
        };
        let pack = 16 / size;
        // 32 values of a computing type of four bytes, or 16 of eight.
        let held = if size == 8 { 16 } else { 32 } / pack;
        let length = self.x.layout.shape().last().copied().unwrap_or(1);
        let context = cuda.context();
        let clusters = context.capability >= 90 && has_module(context, self.family.cluster);
        let plan = plan(nest.len(), length, pack, held, context.multiprocessors as usize, clusters);
        let strip = length.div_ceil(plan.blocks).next_multiple_of(pack).max(pack);
        // Rounded to whole packs, fewer strips may do.
        let strips = length.div_ceil(strip);
        let blocks = nest.len().div_ceil(plan.rows()).saturating_mul(match plan.team {
            Team::Strips => strips,
            _ => plan.blocks,
        });
        let Ok(blocks) = i32::try_from(blocks) else {
            return cuda.unsupported(
                self.op,
                dtype,
                "it would take more than 2^31 blocks; do a part of the rows at a time",
            );
        };

        let line = |operand: &Operand, offset: usize| {
            let pointer = buffer(operand.buffer).pointer() + (offset * size) as u64;
            // The stride of a single element says nothing.
            Line { pointer, stride: operand.layout.strides().last().copied().filter(|_| length > 1).unwrap_or(1) }
        };
        let factor = |operand: &Option<Operand>| {
            operand.as_ref().map_or(Line { pointer: 0, stride: 1 }, |operand| line(operand, operand.layout.offset()))
        };
        let lines = [line(&self.out, nest.offsets[0]), line(&self.x, nest.offsets[1])];
        let factors = [factor(&self.weight), factor(&self.bias)];
        let states = match plan.team {
            // Two values of the computing type each.
            Team::Strips => Some(cuda.scratch(blocks as usize * 2 * size.max(4))?),
            _ => None,
        };
        let parameters = TwRows {
            strips: strips as u32,
            strip: strip as u64,
            partials: states.as_ref().map_or(0, |states| states.pointer()),
            lanes: plan.lanes as u32,
            variant: self.variant,
            eps: self.eps,
            ..parameters(nest, length, pack, lines, factors)
        };
        for step in plan.team.steps() {
            let kernel = self.kernels.get(cuda, self.op, step * ELEMENTS.len() + element)?;
            let mut launch = Launch::linear(kernel, blocks as u32, plan.threads as u32);
            if plan.team == Team::Cluster {
                launch = launch.cluster([plan.blocks as u32, 1, 1]);
            }
            // SAFETY: the entry points of `Family::entry` take a `TwRows`; the strides and the length are those of the operands, and the
            // plan gives every element of a row to a thread of its team. A block of strips has its state where `partials` points.
            unsafe { cuda.launch(self.op, &launch, &parameters)? };
        }
        Ok(())
    }
}

/// The first element of an operand and the stride along its last axis.
#[derive(Clone, Copy)]
struct Line {
    pointer: u64,
    stride: isize,
}

/// Where the rows of output and input are, `nest` being the axes before the last, and where weight and bias (or 0).
fn parameters(nest: &Loops<2>, length: usize, pack: usize, lines: [Line; 2], factors: [Line; 2]) -> TwRows {
    let packs = |line: Line, strides: &[isize]| {
        let whole = strides.iter().all(|step| step.unsigned_abs().is_multiple_of(pack));
        length.is_multiple_of(pack) && line.pointer.is_multiple_of(16) && line.stride == 1 && whole
    };
    let ([out, x], [weight, bias]) = (lines, factors);
    let packed = u32::from(packs(x, &nest.strides[1]))
        | u32::from(packs(out, &nest.strides[0])) << 1
        | u32::from(packs(weight, &[]) && packs(bias, &[])) << 2;
    TwRows {
        x: x.pointer,
        out: out.pointer,
        weight: weight.pointer,
        bias: bias.pointer,
        rows: nest.len() as u64,
        length: length as u64,
        x_stride: x.stride as i64,
        out_stride: out.stride as i64,
        weight_stride: weight.stride as i64,
        bias_stride: bias.stride as i64,
        packed,
        nest: TwNest::new(&nest.shape, nest.strides.each_ref().map(|strides| &strides[..])),
        ..TwRows::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMS: usize = 132;

    /// The plans of all kernels' pack sizes: f32, f64, halves.
    fn plans(rows: usize, length: usize, clusters: bool) -> [Plan; 3] {
        [(4, 8), (2, 8), (8, 4)].map(|(pack, held)| {
            let plan = plan(rows, length, pack, held, SMS, clusters);
            let held = match plan.team {
                Team::Quarter => held / 4,
                Team::Half => held / 2,
                _ => held,
            };
            let team = if plan.lanes > 0 { plan.lanes } else { plan.threads * plan.blocks };
            if !matches!(plan.team, Team::Long | Team::Strips) {
                assert!(team * held * pack >= length, "a row of {length} does not fit: {plan:?}");
            }
            assert!(plan.lanes <= 32 && (plan.lanes == 0 || plan.lanes.is_power_of_two()));
            assert!(plan.threads.is_multiple_of(32) && plan.threads > 0);
            assert!(plan.threads <= if plan.team == Team::Long { LONG_THREADS } else { BLOCK_THREADS });
            let most = match plan.team {
                Team::Cluster => CLUSTER_BLOCKS,
                Team::Strips => STRIP_THREADS,
                _ => 1,
            };
            assert!((1..=most).contains(&plan.blocks) && (clusters || plan.team != Team::Cluster));
            plan
        })
    }

    #[test]
    fn every_length_finds_a_team_that_holds_it() {
        for length in (1..5000).chain((5000..700_000).step_by(977)) {
            for rows in [1, 64, 100_000] {
                plans(rows, length, true);
                plans(rows, length, false);
            }
        }
    }

    #[test]
    fn teams_grow_with_the_row() {
        let team = |length| plans(100_000, length, true)[0].team;
        assert_eq!([1, 256, 257, 512, 513, 1024, 1025, 16_384].map(team), {
            use Team::*;
            [Quarter, Quarter, Half, Half, Full, Full, Block, Block]
        });
        assert_eq!([16_385, 131_072, 262_144].map(team), [Team::Cluster; 3]);
        assert_eq!(team(262_145), Team::Long);
        assert_eq!(plans(1000, 16_385, false)[0].team, Team::Long);
    }

    #[test]
    fn few_long_rows_take_more_multiprocessors() {
        let few = plans(4, 102_400, true)[2];
        assert_eq!((few.team, few.blocks), (Team::Cluster, 8));
        assert_eq!(plans(1000, 32_768, true)[0].blocks, 4);
        assert_eq!(plans(100_000, 262_144, true)[0].blocks, 16);
        let strips = |rows, length, clusters| {
            let plan = plans(rows, length, clusters)[0];
            (plan.team, plan.blocks)
        };
        assert_eq!(strips(1, 1 << 20, true), (Team::Strips, 2 * SMS));
        assert_eq!(strips(60, 1 << 20, true), (Team::Strips, 4));
        assert_eq!(strips(SMS, 1 << 20, true), (Team::Long, 1));
        assert_eq!(strips(1, 16_385, false), (Team::Strips, 2 * SMS));
    }
}
