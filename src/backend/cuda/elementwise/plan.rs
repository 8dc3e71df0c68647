//! From operands to a launch: which of an operation's two kernels, and its parameters. Numbers in, numbers out: no device.
//!
//! The loops are collapsed first, so what is contiguous is one axis. If along the innermost axis every operand is contiguous or
//! constant, and every row starts at a multiple of the vector, the kernel over vectors is taken; else the one over elements.
//! What the kernels' 32-bit item numbers, 32-bit strides or 8 axes cannot express is split into several launches.

use smallvec::SmallVec;

use crate::backend::cuda::abi::{TW_MAX_INPUTS, TW_MAX_RANK, TwDivisor, TwElementwise};
use crate::error::Result;
use crate::layout::{Layout, Loops, Order, collapse, split};

/// Bytes of the widest operand's vector.
const VECTOR: usize = 16;
const MAX_RANK: usize = TW_MAX_RANK as usize;

/// The output (first) or an input: where it is, and the size of its elements.
#[derive(Clone, Copy, Debug)]
pub(super) enum Slot {
    /// The buffer's address (before the layout's offset).
    Tensor { buffer: u64, size: usize },
    /// One value for all elements: the bits of the type computed in.
    Value { bits: u64, size: usize },
}

impl Slot {
    fn size(self) -> usize {
        match self {
            Slot::Tensor { size, .. } | Slot::Value { size, .. } => size,
        }
    }
}

/// Which of an operation's two kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mapping {
    /// A thread handles vectors along the innermost axis.
    Vectors,
    /// Neighbouring threads handle neighbouring elements.
    Elements,
}

/// Calls `run` with the parts of the loops over `layouts` that one launch can do, and with their mapping.
pub(super) fn for_each_part<const N: usize>(
    layouts: [&Layout; N],
    slots: &[Slot; N],
    run: &mut impl FnMut(&Loops<N>, Mapping) -> Result<()>,
) -> Result<()> {
    let loops = collapse(layouts, Order::Any);
    let mapping = mapping(&loops, slots);
    if fits(&loops, mapping, slots) {
        return run(&loops, mapping);
    }
    let mut part = |layouts: &[Layout; N]| {
        let loops = collapse(layouts.each_ref(), Order::Any);
        let mapping = self::mapping(&loops, slots);
        run(&loops, mapping)
    };
    let fits = |layouts: &[Layout; N]| {
        let loops = collapse(layouts.each_ref(), Order::Any);
        fits(&loops, self::mapping(&loops, slots), slots)
    };
    split(std::array::from_fn(|i| loops.layout(i)), &axes_to_split(&loops), &fits, &mut part)
}

/// The parameters of one launch. Unary operations add theirs to `values`.
pub(super) fn parameters<const N: usize>(loops: &Loops<N>, mapping: Mapping, slots: &[Slot; N]) -> TwElementwise {
    const { assert!(N >= 1 && N <= 1 + TW_MAX_INPUTS as usize) };
    let rank = loops.rank();
    let mut parameters = TwElementwise {
        out: address(loops, slots, 0),
        row: loops.shape.last().map_or(1, |&n| n as u64),
        items: items(loops, mapping, slots) as u32,
        rank: rank.max(1) as u32,
        ..TwElementwise::default()
    };
    for (i, &slot) in slots.iter().enumerate().skip(1) {
        parameters.inputs[i - 1] = address(loops, slots, i);
        if let Slot::Value { bits, .. } = slot {
            parameters.values[i - 1] = bits;
        }
    }
    for axis in 0..rank {
        // Loops count from the outermost axis, parameters from the innermost.
        let n = loops.shape[rank - 1 - axis];
        let items = if axis == 0 && mapping == Mapping::Vectors { n.div_ceil(vector(slots)) } else { n };
        // `fits` has seen that lengths and strides are narrow enough.
        parameters.lengths[axis] = TwDivisor::new(items as u32);
        parameters.out_strides[axis] = loops.strides[0][rank - 1 - axis] as i32;
        for (i, slot) in slots.iter().enumerate().skip(1) {
            if matches!(slot, Slot::Tensor { .. }) {
                parameters.strides[i - 1][axis] = loops.strides[i][rank - 1 - axis] as i32;
            }
        }
    }
    parameters
}

/// Elements of a vector.
fn vector<const N: usize>(slots: &[Slot; N]) -> usize {
    VECTOR / slots.iter().map(|slot| slot.size()).max().unwrap_or(1)
}

/// The address of operand `i`'s first element, or 0 for a value.
fn address<const N: usize>(loops: &Loops<N>, slots: &[Slot; N], i: usize) -> u64 {
    match slots[i] {
        Slot::Tensor { buffer, size } => buffer + (loops.offsets[i] * size) as u64,
        Slot::Value { .. } => 0,
    }
}

fn mapping<const N: usize>(loops: &Loops<N>, slots: &[Slot; N]) -> Mapping {
    let vector = vector(slots);
    let suits = |i: usize| {
        let Slot::Tensor { size, .. } = slots[i] else {
            return true;
        };
        let Some((&inner, outer)) = loops.strides[i].split_last() else {
            return false;
        };
        let aligned = || {
            address(loops, slots, i).is_multiple_of((vector * size) as u64)
                && outer.iter().all(|stride| stride.unsigned_abs().is_multiple_of(vector))
        };
        (inner == 0 && i > 0) || (inner == 1 && aligned())
    };
    if (0..N).all(suits) { Mapping::Vectors } else { Mapping::Elements }
}

/// The number of work items of a launch.
fn items<const N: usize>(loops: &Loops<N>, mapping: Mapping, slots: &[Slot; N]) -> usize {
    match (mapping, loops.shape.split_last()) {
        (Mapping::Vectors, Some((&inner, outer))) => outer.iter().product::<usize>() * inner.div_ceil(vector(slots)),
        _ => loops.len(),
    }
}

fn fits<const N: usize>(loops: &Loops<N>, mapping: Mapping, slots: &[Slot; N]) -> bool {
    loops.rank() <= MAX_RANK
        && items(loops, mapping, slots) <= TwDivisor::MAX_DIVIDEND as usize
        && loops.strides.iter().flatten().all(is_narrow)
}

fn is_narrow(stride: &isize) -> bool {
    i32::try_from(*stride).is_ok()
}

/// The axes along which to split: those too many, those with too wide a stride, or any.
fn axes_to_split<const N: usize>(loops: &Loops<N>) -> SmallVec<[usize; 8]> {
    let too_many = loops.rank().saturating_sub(MAX_RANK);
    if too_many > 0 {
        return (0..too_many).collect();
    }
    let wide = |axis: &usize| loops.strides.iter().any(|strides| !is_narrow(&strides[*axis]));
    let wide: SmallVec<[usize; 8]> = (0..loops.rank()).filter(wide).collect();
    if wide.is_empty() { (0..loops.rank()).collect() } else { wide }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: u64 = 1 << 20;

    fn tensor(size: usize) -> Slot {
        Slot::Tensor { buffer: BASE, size }
    }

    fn layout(shape: &[usize], strides: &[isize], offset: usize) -> Layout {
        Layout::from_parts(shape.into(), strides.into(), offset)
    }

    fn dense(shape: &[usize]) -> Layout {
        Layout::contiguous("test", shape, 4).unwrap()
    }

    fn parts<const N: usize>(layouts: [&Layout; N], slots: [Slot; N]) -> Vec<(Mapping, TwElementwise)> {
        let mut parts = Vec::new();
        let mut push = |loops: &Loops<N>, mapping| {
            parts.push((mapping, parameters(loops, mapping, &slots)));
            Ok(())
        };
        for_each_part(layouts, &slots, &mut push).unwrap();
        parts
    }

    fn one<const N: usize>(layouts: [&Layout; N], slots: [Slot; N]) -> (Mapping, TwElementwise) {
        let parts = parts(layouts, slots);
        assert_eq!(parts.len(), 1);
        parts[0]
    }

    /// What a kernel does with the parameters: the offsets of each operand's element, in bytes, for every element.
    fn visited(mapping: Mapping, p: &TwElementwise, sizes: &[usize]) -> Vec<Vec<u64>> {
        let vector = if mapping == Mapping::Vectors { VECTOR / sizes.iter().max().unwrap() } else { 1 };
        let mut all = Vec::new();
        for item in 0..u64::from(p.items) {
            let (mut rest, mut coordinates) = (item, [0u64; MAX_RANK]);
            for (axis, coordinate) in coordinates.iter_mut().enumerate().take(p.rank as usize) {
                let n = u64::from(p.lengths[axis].divisor);
                *coordinate = if axis + 1 == p.rank as usize { rest } else { rest % n };
                rest /= n.max(1);
            }
            let first = coordinates[0] * vector as u64;
            for column in first..p.row.min(first + vector as u64) {
                let at = |base: u64, strides: &[i32; MAX_RANK], size: usize| {
                    let outer: i64 = (1..MAX_RANK).map(|a| coordinates[a] as i64 * i64::from(strides[a])).sum();
                    base.wrapping_add_signed((outer + column as i64 * i64::from(strides[0])) * size as i64)
                };
                let out = at(p.out, &p.out_strides, sizes[0]);
                let inputs = (1..sizes.len()).map(|i| at(p.inputs[i - 1], &p.strides[i - 1], sizes[i]));
                all.push(std::iter::once(out).chain(inputs).collect());
            }
        }
        all.sort();
        all
    }

    #[test]
    fn contiguous_operands_are_one_row_of_vectors() {
        let x = dense(&[64, 3, 224]);
        let (mapping, p) = one([&x, &x, &x], [tensor(4); 3]);
        assert_eq!((mapping, p.rank, p.row, p.items), (Mapping::Vectors, 1, 43_008, 10_752));
        assert_eq!((p.out_strides[0], p.strides[0][0], p.strides[1][0]), (1, 1, 1));
    }

    #[test]
    fn a_value_has_no_address_and_no_stride() {
        let x = dense(&[100]);
        let (mapping, p) = one([&x, &x, &x], [tensor(2), tensor(2), Slot::Value { bits: 7, size: 2 }]);
        assert_eq!((mapping, p.items), (Mapping::Vectors, 13));
        assert_eq!((p.inputs, p.values, p.strides[1]), ([BASE, 0, 0], [0, 7, 0], [0; MAX_RANK]));
    }

    #[test]
    fn the_widest_operand_fixes_the_vector() {
        let x = dense(&[64]);
        assert_eq!(one([&x, &x], [tensor(1), tensor(8)]).1.items, 32);
        assert_eq!(one([&x, &x], [tensor(1), tensor(1)]).1.items, 4);
    }

    #[test]
    fn rows_and_columns_broadcast_by_vectors() {
        let (out, row, column) = (dense(&[30, 64]), layout(&[30, 64], &[0, 1], 0), layout(&[30, 64], &[1, 0], 3));
        let (mapping, p) = one([&out, &row, &column], [tensor(4); 3]);
        assert_eq!((mapping, p.rank, p.row, p.items), (Mapping::Vectors, 2, 64, 480));
        assert_eq!((p.strides[0][..2].to_vec(), p.strides[1][..2].to_vec()), (vec![1, 0], vec![0, 1]));
    }

    #[test]
    fn misaligned_or_strided_operands_go_by_elements() {
        let out = dense(&[64]);
        for x in [layout(&[64], &[1], 1), layout(&[64], &[2], 0), layout(&[64], &[-1], 63)] {
            assert_eq!(one([&out, &x], [tensor(4); 2]).0, Mapping::Elements);
        }
        let (odd, row) = (dense(&[30, 33]), layout(&[30, 33], &[0, 1], 0));
        assert_eq!(one([&odd, &row], [tensor(4); 2]).0, Mapping::Elements);
        assert_eq!(one([&layout(&[64], &[1], 4), &layout(&[64], &[1], 8)], [tensor(4); 2]).0, Mapping::Vectors);
    }

    #[test]
    fn a_single_element_is_one_item() {
        let x = dense(&[]);
        let (mapping, p) = one([&x, &x], [tensor(4); 2]);
        assert_eq!((mapping, p.rank, p.items, p.row), (Mapping::Elements, 1, 1, 1));
    }

    #[test]
    fn rank_nine_is_split_along_its_outermost_axis() {
        let shape = [2; 9];
        let strides: Vec<isize> = (0..9).map(|i| 3isize.pow(i)).collect();
        let (out, x) = (dense(&shape), layout(&shape, &strides, 0));
        let parts = parts([&out, &x], [tensor(4); 2]);
        assert_eq!(parts.len(), 2);
        let seen: Vec<_> = parts.iter().flat_map(|(mapping, p)| visited(*mapping, p, &[4, 4])).collect();
        let expected: Vec<_> =
            (0..512).map(|n| vec![BASE + 4 * n, BASE + 4 * x.offset_of(n as usize) as u64]).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn more_than_two_to_the_31_elements_are_split() {
        let n = 5usize << 31;
        let (out, x) = (layout(&[n], &[1], 0), layout(&[n], &[2], 0));
        let parts = parts([&out, &x], [tensor(1); 2]);
        let total: u64 = parts.iter().map(|(_, p)| u64::from(p.items)).sum();
        assert!(parts.iter().all(|(_, p)| p.items <= TwDivisor::MAX_DIVIDEND));
        assert_eq!(total, n as u64);
    }

    #[test]
    fn flat_vectors_pass_two_to_the_31_elements_in_one_launch() {
        let x = layout(&[1 << 32], &[1], 0);
        let (mapping, p) = one([&x, &x], [tensor(4); 2]);
        assert_eq!((mapping, p.row, p.items), (Mapping::Vectors, 1 << 32, 1 << 30));
    }

    #[test]
    fn a_wide_stride_is_split_off() {
        let (out, x) = (dense(&[3, 100]), layout(&[3, 100], &[1 << 32, 1], 0));
        let parts = parts([&out, &x], [tensor(4); 2]);
        assert_eq!(parts.len(), 3);
        assert!(parts.iter().all(|(mapping, p)| (*mapping, p.rank) == (Mapping::Vectors, 1)));
        assert_eq!(parts[2].1.inputs[0], BASE + (4u64 << 33));
    }

    proptest! {
        /// Whatever the layouts, the kernels visit each element once, at its place in every operand.
        #[test]
        fn every_element_is_visited_once(
            shape in prop::collection::vec(1usize..6, 0..5),
            order in any::<u64>(),
            steps in prop::collection::vec(-3isize..4, 5),
            sizes in prop::array::uniform2(prop::sample::select(vec![1usize, 2, 4, 8])),
        ) {
            let rank = shape.len();
            // The output is dense with its axes in some order; the input has arbitrary strides, zero and negative ones too.
            let mut axes: Vec<usize> = (0..rank).collect();
            axes.sort_by_key(|axis| order.rotate_left(7 * *axis as u32) % 97);
            let mut out_strides = vec![0isize; rank];
            let mut step = 1;
            for &axis in axes.iter().rev() {
                out_strides[axis] = step;
                step *= shape[axis] as isize;
            }
            let strides: Vec<isize> = (0..rank).map(|a| steps[a] * if a % 2 == 0 { 1 } else { 8 }).collect();
            let low: isize = shape.iter().zip(&strides).map(|(&n, &s)| ((n as isize - 1) * s).min(0)).sum();
            let (out, x) = (layout(&shape, &out_strides, 0), layout(&shape, &strides, low.unsigned_abs()));
            let (mapping, p) = one([&out, &x], sizes.map(tensor));
            let mut expected: Vec<Vec<u64>> = (0..out.len())
                .map(|n| vec![BASE + (out.offset_of(n) * sizes[0]) as u64, BASE + (x.offset_of(n) * sizes[1]) as u64])
                .collect();
            expected.sort();
            prop_assert_eq!(visited(mapping, &p, &sizes), expected);
        }
    }
}
