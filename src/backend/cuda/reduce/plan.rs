//! Which kernel a reduction runs on, and with what grid: pure arithmetic on the loops.
//!
//! Neighbouring threads should read neighbouring memory. Where the shortest step in memory is along a reduced axis, the threads
//! that share an output walk along it ("rows"); where it is along a kept axis, they own neighbouring outputs ("columns").
//! Then: enough threads to keep 48 KB per multiprocessor on their way, but no more threads to an output than have work.

use super::THREADS;
use crate::backend::cuda::tickets::Tickets;
use crate::layout::Loops;

/// How a kernel walks through memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    /// Along the reduced axes, in packs of 16 bytes.
    RowsPacked,
    /// Along the reduced axes, element by element.
    RowsStrided,
    /// Along the reduced axes, many neighbouring outputs at a time.
    Columns,
}

impl Walk {
    pub const COUNT: usize = 3;
    /// In the entry points' names.
    pub const NAMES: [&str; Self::COUNT] = ["rows_packed", "rows_strided", "columns"];
}

/// The kept axis along which outputs are neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub axis: usize,
    /// Packs along it.
    pub packs: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub walk: Walk,
    /// Threads to an output (rows), or packs of outputs to a block (columns); a power of two.
    pub lanes: u32,
    /// Parts that the reduced axes are cut into.
    pub splits: u32,
    /// Reduced elements of a part.
    pub part: usize,
    /// Whether loads are of 16 aligned bytes.
    pub packed: bool,
    pub columns: Option<Columns>,
    pub grid: [u32; 3],
}

impl Plan {
    /// The states that the parts leave in memory.
    pub fn states(&self, kept: &Loops<3>, pack: usize) -> usize {
        let outputs = match &self.columns {
            None => kept.len(),
            Some(columns) => kept.len() / kept.shape[columns.axis] * columns.packs * pack,
        };
        if self.splits > 1 { outputs * self.splits as usize } else { 0 }
    }
}

/// Blocks of a split reduction on each multiprocessor: as many as run at once.
const RESIDENT: usize = 4;
/// Packs that a thread loads before it uses the first, as in `cuda/reduce/kernels.h`.
const IN_FLIGHT: usize = 4;

/// The plan for loops with `pack` elements in 16 bytes, or `None` where the grid would be too large.
///
/// `aligned` says that both operands' first elements lie at multiples of 16 bytes.
pub(super) fn plan(
    kept: &Loops<3>,
    reduced: &Loops<2>,
    pack: usize,
    aligned: bool,
    multiprocessors: u32,
) -> Option<Plan> {
    let shortest = |strides: &[isize]| {
        let steps = strides.iter().map(|step| step.unsigned_abs()).enumerate();
        steps.filter(|&(_, step)| step > 0).map(|(axis, step)| (step, axis)).min()
    };
    let column = shortest(&kept.strides[1]);
    let row = shortest(&reduced.strides[0]);
    match (column, row) {
        (Some((column, axis)), Some((row, _))) if column < row => {
            columns(kept, reduced, axis, pack, aligned, multiprocessors)
        }
        (Some((_, axis)), None) => columns(kept, reduced, axis, pack, aligned, multiprocessors),
        _ => rows(kept, reduced, pack, aligned, multiprocessors),
    }
}

/// Whether all steps but those at `except` are multiples of a pack.
fn whole_packs<const N: usize>(loops: &Loops<N>, first: usize, except: Option<usize>, pack: usize) -> bool {
    let whole = |strides: &[isize]| {
        strides.iter().enumerate().all(|(axis, step)| Some(axis) == except || step.unsigned_abs().is_multiple_of(pack))
    };
    loops.strides[first..].iter().all(|strides| whole(strides))
}

fn rows(kept: &Loops<3>, reduced: &Loops<2>, pack: usize, aligned: bool, multiprocessors: u32) -> Option<Plan> {
    let (outputs, length) = (kept.len(), reduced.len());
    let last = reduced.rank().checked_sub(1);
    let packed = aligned
        && last.is_some_and(|last| reduced.strides.iter().all(|strides| strides[last] == 1))
        && (reduced.rank() == 1 || reduced.shape[reduced.rank() - 1].is_multiple_of(pack))
        && whole_packs(reduced, 0, last, pack)
        && whole_packs(kept, 1, None, pack);

    let (packs, threads) = (length.div_ceil(pack), THREADS as usize);
    let wanted = multiprocessors as usize * RESIDENT * threads;
    // A few packs to each lane of a warp; more lanes where outputs are few, as long as each has two packs or more.
    let mut lanes = packs.div_ceil(IN_FLIGHT).next_power_of_two().min(32);
    while lanes < threads && outputs.saturating_mul(lanes) < wanted && packs >= 4 * lanes {
        lanes *= 2;
    }
    let mut splits = 1;
    let mut part = length;
    if lanes == threads && outputs <= Tickets::COUNT {
        // A block of a part loads at least once as much as it can have on its way.
        let unit = threads * pack * IN_FLIGHT;
        splits = parts(outputs, multiprocessors).min(length.div_ceil(unit));
        part = length.div_ceil(splits).next_multiple_of(unit);
        splits = length.div_ceil(part);
    }
    let blocks = if splits > 1 { outputs * splits } else { outputs.div_ceil(threads / lanes) };
    Some(Plan {
        walk: if packed { Walk::RowsPacked } else { Walk::RowsStrided },
        lanes: lanes as u32,
        splits: splits as u32,
        part,
        packed,
        columns: None,
        grid: [blocks_of_grid(blocks)?, 1, 1],
    })
}

fn columns(
    kept: &Loops<3>,
    reduced: &Loops<2>,
    axis: usize,
    pack: usize,
    aligned: bool,
    multiprocessors: u32,
) -> Option<Plan> {
    let len = kept.shape[axis];
    let packed = aligned
        && kept.strides[1..].iter().all(|strides| strides[axis] == 1)
        && len.is_multiple_of(pack)
        && whole_packs(kept, 1, Some(axis), pack)
        && whole_packs(reduced, 0, None, pack);
    let packs = len.div_ceil(pack);
    let all = kept.len() / len * packs;
    let (length, threads) = (reduced.len(), THREADS as usize);

    // A warp reads neighbours; where there are few rows the block is wide instead of tall.
    let tall = length.next_power_of_two().min(threads);
    let lanes = all.next_power_of_two().min(32).max(threads / tall);
    let tall = threads / lanes;
    let blocks = all.div_ceil(lanes);
    let mut splits = 1;
    let mut part = length;
    if blocks <= Tickets::COUNT {
        let wanted = parts(blocks, multiprocessors);
        splits = wanted.min(length.div_ceil(tall * IN_FLIGHT)).min(usize::from(u16::MAX));
        part = length.div_ceil(splits).next_multiple_of(tall);
        splits = length.div_ceil(part);
    }
    Some(Plan {
        walk: Walk::Columns,
        lanes: lanes as u32,
        splits: splits as u32,
        part,
        packed,
        columns: Some(Columns { axis, packs }),
        grid: [blocks_of_grid(blocks)?, splits as u32, 1],
    })
}

/// How many parts are worth making of each of `blocks` blocks' work: as many as run at once, or where the blocks are nearly
/// enough already, so many more that the last to run leave little of the GPU idle.
fn parts(blocks: usize, multiprocessors: u32) -> usize {
    let resident = multiprocessors as usize * RESIDENT;
    if 2 * blocks <= resident { resident / blocks } else { (4 * resident).div_ceil(blocks) }
}

fn blocks_of_grid(blocks: usize) -> Option<u32> {
    i32::try_from(blocks).ok().map(|blocks| blocks as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{Layout, Order, Reduction, row_major};

    const SMS: u32 = 132;

    /// The plan for reducing a tensor of f32 (or another size of element) over `axes`.
    fn plan_of(layout: &Layout, axes: &[usize], size: usize) -> (Plan, Reduction) {
        let shape: Vec<usize> = (0..layout.rank()).filter(|a| !axes.contains(a)).map(|a| layout.shape()[a]).collect();
        let out = Layout::contiguous("test", &shape, 4).unwrap();
        let reduction = Reduction::new(&out, layout, None, axes, Order::Any);
        let plan = plan(&reduction.kept, &reduction.reduced, 16 / size, true, SMS).unwrap();
        check(&plan, &reduction, 16 / size);
        (plan, reduction)
    }

    fn dense(shape: &[usize]) -> Layout {
        Layout::contiguous("test", shape, 4).unwrap()
    }

    /// What every kernel relies on.
    fn check(plan: &Plan, reduction: &Reduction, pack: usize) {
        let (outputs, length) = (reduction.kept.len(), reduction.reduced.len());
        assert!(plan.lanes.is_power_of_two() && plan.lanes <= THREADS);
        // The parts cover the reduced elements, and none is empty.
        assert!(plan.part * plan.splits as usize >= length, "{plan:?}");
        assert!(plan.part * (plan.splits as usize - 1) < length, "{plan:?}");
        let blocks = plan.grid[0] as usize;
        match &plan.columns {
            None => {
                let at_a_time = (THREADS / plan.lanes) as usize;
                if plan.splits > 1 {
                    assert_eq!(plan.lanes, THREADS);
                    assert_eq!(blocks, outputs * plan.splits as usize);
                    assert!(outputs <= Tickets::COUNT);
                    assert_eq!(plan.part % pack, 0, "parts begin at packs: {plan:?}");
                } else {
                    assert!(blocks * at_a_time >= outputs && (blocks - 1) * at_a_time < outputs);
                }
            }
            Some(columns) => {
                let len = reduction.kept.shape[columns.axis];
                let packs = outputs / len * columns.packs;
                assert!(columns.packs * pack >= len);
                assert!(blocks * plan.lanes as usize >= packs);
                assert_eq!(plan.grid[1], plan.splits);
                assert!(plan.splits == 1 || blocks <= Tickets::COUNT);
            }
        }
    }

    #[test]
    fn a_full_sum_fills_the_gpu_once() {
        let (plan, _) = plan_of(&dense(&[100_000_000]), &[0], 4);
        assert_eq!((plan.walk, plan.lanes, plan.packed), (Walk::RowsPacked, THREADS, true));
        assert!(plan.splits > SMS * 3 && plan.splits <= SMS * RESIDENT as u32, "{plan:?}");
        // At a million, each thread loads once.
        let (plan, _) = plan_of(&dense(&[1 << 20]), &[0], 4);
        assert_eq!((plan.splits, plan.part), (256, 4096));
    }

    #[test]
    fn short_rows_share_a_block() {
        let (plan, _) = plan_of(&dense(&[1_000_000, 16]), &[1], 4);
        assert_eq!((plan.walk, plan.lanes, plan.splits), (Walk::RowsPacked, 1, 1));
        let (plan, _) = plan_of(&dense(&[16_384, 4096]), &[1], 4);
        assert_eq!((plan.lanes, plan.splits), (32, 1));
    }

    #[test]
    fn few_long_rows_are_split() {
        let (plan, _) = plan_of(&dense(&[4, 102_400]), &[1], 2);
        assert_eq!(plan.lanes, THREADS);
        assert!(plan.splits > 8, "{plan:?}");
    }

    #[test]
    fn rows_that_begin_anywhere_are_read_element_by_element() {
        let (plan, _) = plan_of(&dense(&[1000, 1029]), &[1], 4);
        assert_eq!((plan.walk, plan.packed), (Walk::RowsStrided, false));
        let (packed, _) = plan_of(&dense(&[1000, 1028]), &[1], 4);
        assert_eq!(packed.walk, Walk::RowsPacked);
        assert_eq!((packed.lanes, packed.splits), (plan.lanes, plan.splits), "the order must not depend on strides");
    }

    #[test]
    fn columns_are_chosen_where_outputs_are_neighbours() {
        let (plan, _) = plan_of(&dense(&[2048, 2048]), &[0], 4);
        assert_eq!((plan.walk, plan.lanes, plan.packed), (Walk::Columns, 32, true));
        assert_eq!(plan.grid[0], 16);
        assert!(plan.splits > 16);
        // Channels last: three columns, read side by side.
        let (plan, _) = plan_of(&dense(&[1_000_000, 3]), &[0], 4);
        assert_eq!((plan.walk, plan.lanes, plan.packed), (Walk::Columns, 1, false));
        // Few rows: wide blocks.
        let (plan, _) = plan_of(&dense(&[100_000, 4, 64]), &[1], 4);
        assert_eq!((plan.walk, plan.lanes), (Walk::Columns, 64));
    }

    #[test]
    fn a_transposed_tensor_is_walked_in_memory_order() {
        let layout = Layout::from_parts([2048, 1024].as_slice().into(), [1, 2048].as_slice().into(), 0);
        assert_eq!(plan_of(&layout, &[1], 4).0.walk, Walk::Columns);
        assert_eq!(plan_of(&layout, &[0], 4).0.walk, Walk::RowsPacked);
    }

    #[test]
    fn batch_statistics_read_packs_of_a_nest() {
        let (plan, reduction) = plan_of(&dense(&[32, 64, 56, 56]), &[0, 2, 3], 4);
        assert_eq!(reduction.reduced.rank(), 2);
        assert_eq!((plan.walk, plan.packed), (Walk::RowsPacked, true));
    }

    #[test]
    fn nothing_reduced_and_everything_broadcast() {
        let (plan, _) = plan_of(&dense(&[1000, 1]), &[1], 4);
        assert_eq!(plan.walk, Walk::Columns);
        let layout = Layout::from_parts([100, 100].as_slice().into(), [0, 0].as_slice().into(), 0);
        assert_eq!(plan_of(&layout, &[1], 4).0.walk, Walk::RowsStrided);
        assert_eq!(plan_of(&dense(&[]), &[], 4).0.walk, Walk::RowsStrided);
    }

    #[test]
    fn sizes_past_32_bits() {
        let shape = [3, 1 << 33];
        let layout = Layout::from_parts(shape.as_slice().into(), row_major(&shape), 0);
        let (plan, _) = plan_of(&layout, &[1], 2);
        assert!(plan.part * plan.splits as usize >= 1 << 33);
        assert!(plan_of(&layout, &[0], 2).0.grid[0] > 1 << 20);
    }

    proptest::proptest! {
        #[test]
        fn every_plan_is_sound(
            shape in proptest::collection::vec(1usize..70, 1..5),
            reversed: bool,
            axes: u8,
            size in proptest::sample::select(vec![1usize, 2, 4, 8]),
        ) {
            let mut layout = dense(&shape);
            if reversed {
                layout = layout.transposed();
            }
            let axes: Vec<usize> = (0..shape.len()).filter(|axis| axes >> axis & 1 == 1).collect();
            plan_of(&layout, &axes, size);
        }
    }
}
