//! Products of bf16 on Intel's matrix units (AMX).
//!
//! A unit multiplies [tiles](tile): 16 rows of 32 steps by 32 steps of 16 columns. For some steps at a time a task [packs](pack) its part
//! of `b`, then 32 rows of `a` after the other, and multiplies these in blocks of two by two tiles. A block's sums are written to the
//! output at once, or to memory of the thread's own where there is an epilogue.
//!
//! The units take subnormal numbers for zeros, factors and sums alike. So each part that is packed tells how small its numbers are,
//! and where a sum could become subnormal, vectors add up the same numbers in the same order, which gives the bits that the unit would
//! give if it took them for what they are. An element's bits depend on the values along k alone, here too.

use std::cell::RefCell;

use half::bf16;

use super::cut::{Costs, Cut, Task};
use super::gemm::Rows;
use super::real::Scratch;
use super::{Input, Job, LARGE, parallel, team};
use pack::{Form, Least, Lines, STEPS};
use tile::{Block, EDGE, Tile, Unit};

mod pack;
#[cfg(test)]
mod tests;
mod tile;

/// Steps of k that are packed at a time.
const DEPTH: usize = 1024;
/// A task's part of `b` is the larger one, and has room in a cache of 2 MiB.
const COSTS: Costs = Costs { block: [EDGE; 2], tile: [2048, 512], copy: [96.0, 128.0], task: 100_000.0 };

/// What a thread needs for its tasks.
#[derive(Default)]
struct Own {
    a: Scratch,
    b: Scratch,
    sums: Scratch,
    product: Scratch,
}

thread_local! {
    static OWN: RefCell<Own> = RefCell::default();
}

/// Products and where their factors begin.
struct Plan<'a> {
    job: &'a Job<'a, bf16>,
    starts: [*const u16; 2],
    machine: tile::Machine,
}

// SAFETY: the pointers are used only while the operation holds the locks of their buffers.
unsafe impl Sync for Plan<'_> {}

/// Computes the products; `false` if there are no units, or no products.
pub(super) fn products(job: &Job<bf16>) -> bool {
    let ([m, n, k], count) = (job.shape, job.batches.count());
    let (Input::Memory { start: a, .. }, Input::Memory { start: b, .. }) = (&job.a.0, &job.b.0) else {
        return false;
    };
    let Some(machine) = tile::machine().filter(|_| m.min(n).min(k).min(count) > 0) else {
        return false;
    };
    let large = m.saturating_mul(n).saturating_mul(k).saturating_mul(count) >= LARGE;
    let threads = if large { parallel::threads() } else { 1 };
    let cut = Cut::new(job.shape, count, threads, &COSTS);
    let plan = Plan { job, starts: [a.cast(), b.cast()], machine };
    team::for_each(large, cut.tasks, &|task| OWN.with_borrow_mut(|own| plan.run(&cut.task(task), own)));
    true
}

impl Plan<'_> {
    fn run(&self, task: &Task, own: &mut Own) {
        let &Task { batch, at, shape: [rows, columns] } = task;
        if rows * columns == 0 {
            return;
        }
        let (job, k) = (self.job, self.job.shape[2]);
        let offsets = job.batches.offsets(batch);
        let direct = job.direct(&offsets, at);
        let Own { a, b, sums, product } = own;
        let product = product.get::<f32>(if direct.is_some() { 0 } else { rows * columns });
        let put = |product: &mut [f32], at: [usize; 2], block: &Block| {
            let [height, width] = [rows - at[0], columns - at[1]].map(|left| left.min(EDGE));
            match direct {
                // SAFETY: the operation holds the lock, the layout was checked, of which this is a part, and this task alone has it.
                Some(out) => unsafe {
                    block.write(Rows { start: out.at(at[0], at[1]), ..out }, [height, width], self.machine)
                },
                None => {
                    for (line, sums) in product.chunks_exact_mut(columns).skip(at[0]).zip(&block.0[..height]) {
                        let (even, odd) = sums.split_at(EDGE / 2);
                        for (i, sum) in line[at[1]..at[1] + width].iter_mut().enumerate() {
                            *sum = [even, odd][i % 2][i / 2];
                        }
                    }
                }
            }
        };
        // The part of a factor from this line and this step on.
        let part = |factor: usize, [first, depth]: [usize; 2], [lines, steps]: [usize; 2]| {
            let [step, line] = [job.a.1.transposed(), job.b.1][factor].strides;
            let offset = offsets[1 + factor] + depth as isize * step + (at[factor] + first) as isize * line;
            Lines { start: self.starts[factor].wrapping_offset(offset), strides: [line, step], lines, steps }
        };
        let wide = columns.div_ceil(EDGE);
        // With all steps packed at once a block is finished when it is computed.
        let sums = sums.get::<Block>(if k > DEPTH { rows.div_ceil(EDGE) * wide } else { 1 });
        let unit = Unit::new(self.machine);
        let mut exact = false;
        for depth in (0..k).step_by(DEPTH) {
            let steps = DEPTH.min(k - depth);
            let group = 2 * steps.div_ceil(STEPS);
            let (a, b) = (a.get::<Tile>(group), b.get::<Tile>(wide * group));
            // SAFETY: the operation holds the lock, and the layout was checked, of which this is a part.
            let b_least = unsafe { part(1, [0, depth], [columns, steps]).pack(Form::Columns, b, self.machine) };
            for row in (0..rows).step_by(EDGE) {
                let high = EDGE.min(rows - row);
                // SAFETY: as for `b`.
                let a_least = unsafe { part(0, [row, depth], [high, steps]).pack(Form::Rows, a, self.machine) };
                // Sums that have been subnormal once may be so again.
                exact |= Least::may_be_subnormal(a_least, b_least);
                for (column, b) in b.chunks_exact(group).enumerate() {
                    let block = &mut sums[if k > DEPTH { row / EDGE * wide + column } else { 0 }];
                    if exact {
                        block.add_exactly(a, b, depth == 0, self.machine);
                    } else {
                        unit.multiply(a, b, high, block, depth == 0);
                    }
                    if depth + steps == k {
                        put(product, [row, column * EDGE], block);
                    }
                }
            }
        }
        drop(unit);
        if direct.is_none() {
            // SAFETY: the operation holds the locks, and this task alone has the tile.
            unsafe { job.finish(&offsets, at, [rows, columns], product) };
        }
    }
}
