//! Layouts against ndarray: a layout over a buffer that holds its own offsets must read what ndarray makes of that buffer.

use ndarray::{ArrayD, Axis, IxDyn, SliceInfoElem};
use proptest::prelude::*;

use super::*;
use crate::error::Error;

/// Every element's offset, in row-major order.
fn offsets(layout: &Layout) -> Vec<usize> {
    (0..layout.len()).map(|n| layout.offset_of(n)).collect()
}

/// The buffer in which every element is its own offset, and the layout of `shape` over it.
fn identity(shape: &[usize]) -> (ArrayD<usize>, Layout) {
    let len = shape.iter().product();
    let array = ArrayD::from_shape_vec(IxDyn(shape), (0..len).collect()).unwrap();
    (array, Layout::contiguous("test", shape, 4).unwrap())
}

fn assert_same(layout: &Layout, model: &ArrayD<usize>) {
    let all = offsets(layout);
    assert_eq!(layout.shape(), model.shape());
    assert_eq!(all, model.iter().copied().collect::<Vec<_>>());
    let consecutive = all.windows(2).all(|pair| pair[1] == pair[0] + 1);
    assert_eq!(layout.is_contiguous(), consecutive, "{layout:?}");
}

/// One step of making a view; numbers are taken modulo what the view allows.
#[derive(Clone, Debug)]
enum Step {
    Transpose,
    Permute(u64),
    Slice(usize, usize, usize, isize),
    Insert(usize),
    Index(usize, usize),
    Broadcast(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let n = any::<usize>;
    prop_oneof![
        Just(Step::Transpose),
        any::<u64>().prop_map(Step::Permute),
        (n(), n(), n(), prop_oneof![-3isize..0, 1isize..4]).prop_map(|(a, b, c, d)| Step::Slice(a, b, c, d)),
        n().prop_map(Step::Insert),
        (n(), n()).prop_map(|(a, b)| Step::Index(a, b)),
        (1usize..4).prop_map(Step::Broadcast),
    ]
}

/// Applies a step to both; steps that the view has no room for do nothing.
fn apply(step: &Step, layout: &mut Layout, model: &mut ArrayD<usize>) {
    let rank = layout.rank();
    match *step {
        Step::Transpose => {
            *layout = layout.transposed();
            *model = model.clone().reversed_axes();
        }
        Step::Permute(mut seed) => {
            let mut axes: Vec<usize> = (0..rank).collect();
            for i in (1..rank).rev() {
                axes.swap(i, (seed % (i as u64 + 1)) as usize);
                seed /= i as u64 + 1;
            }
            *layout = layout.permuted("test", &axes).unwrap();
            *model = model.clone().permuted_axes(IxDyn(&axes));
        }
        Step::Slice(axis, start, len, step) if rank > 0 => {
            let axis = axis % rank;
            let start = start % (layout.shape()[axis] + 1);
            let end = start + len % (layout.shape()[axis] - start + 1);
            let info: Vec<SliceInfoElem> = (0..=axis)
                .map(|a| match a == axis {
                    true => SliceInfoElem::Slice { start: start as isize, end: Some(end as isize), step },
                    false => SliceInfoElem::Slice { start: 0, end: None, step: 1 },
                })
                .collect();
            *layout = layout.sliced("test", &info).unwrap();
            model.slice_axis_inplace(Axis(axis), ndarray::Slice::new(start as isize, Some(end as isize), step));
        }
        Step::Insert(axis) if rank < 7 => {
            *layout = layout.insert_axis("test", axis % (rank + 1)).unwrap();
            *model = model.clone().insert_axis(Axis(axis % (rank + 1)));
        }
        Step::Index(axis, index) if rank > 0 && layout.shape()[axis % rank] > 0 => {
            let (axis, index) = (axis % rank, index % layout.shape()[axis % rank]);
            *layout = layout.index_axis("test", axis, index).unwrap();
            model.index_axis_inplace(Axis(axis), index);
        }
        Step::Broadcast(n) if rank < 7 && layout.len() < 2000 => {
            let mut shape = layout.shape().to_vec();
            if let Some(one) = shape.iter_mut().find(|n| **n == 1) {
                *one = n;
            }
            shape.insert(0, n);
            *layout = layout.broadcast("test", &shape).unwrap();
            *model = model.broadcast(shape).unwrap().to_owned();
        }
        _ => {}
    }
}

fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![8 => 1usize..5, 1 => Just(0usize)], 0..5)
}

/// A layout made by random steps.
fn view_of_something() -> impl Strategy<Value = Layout> {
    (shape(), prop::collection::vec(step(), 0..6)).prop_map(|(shape, steps)| {
        let (mut model, mut layout) = identity(&shape);
        for step in &steps {
            apply(step, &mut layout, &mut model);
        }
        layout
    })
}

/// As [`view_of_something`], with at least one element.
fn view_of_elements() -> impl Strategy<Value = Layout> {
    view_of_something().prop_map(|layout| if layout.is_empty() { identity(&[2, 3]).1 } else { layout })
}

proptest! {
    #[test]
    fn views_are_ndarrays(shape in shape(), steps in prop::collection::vec(step(), 0..7)) {
        let (mut model, mut layout) = identity(&shape);
        for step in &steps {
            apply(step, &mut layout, &mut model);
            assert_same(&layout, &model);
        }
    }

    #[test]
    fn the_span_is_the_smallest_and_the_largest_offset(layout in view_of_something()) {
        let all = offsets(&layout);
        prop_assert_eq!(layout.span(), all.iter().min().copied().zip(all.iter().max().copied()));
    }

    #[test]
    fn loops_visit_every_element_once_and_in_step(layout in view_of_elements(), row_major in any::<bool>()) {
        let other = Layout::contiguous("test", layout.shape(), 1).unwrap();
        let order = if row_major { Order::RowMajor } else { Order::Any };
        let loops = collapse([&other, &layout], order);
        let (a, b) = (offsets(&loops.layout(0)), offsets(&loops.layout(1)));
        let expected: Vec<_> = offsets(&other).into_iter().zip(offsets(&layout)).collect();
        let mut visited: Vec<_> = a.into_iter().zip(b).collect();
        if !row_major {
            visited.sort_unstable();
        }
        prop_assert_eq!(visited, expected);
        prop_assert_eq!(loops.len(), layout.len());
        prop_assert!(loops.shape.iter().all(|&n| n > 1));
        for axis in 1..loops.rank() {
            let joined = |s: &Strides| s[axis - 1] == s[axis] * loops.shape[axis] as isize;
            prop_assert!(!loops.strides.iter().all(joined), "axes {axis} could be merged: {loops:?}");
        }
    }

    #[test]
    fn a_reduction_pairs_every_output_with_its_elements(layout in view_of_elements(), mask in any::<u8>(), ordered in any::<bool>()) {
        let axes: Vec<usize> = (0..layout.rank()).filter(|a| mask >> a & 1 == 1).collect();
        let kept: Vec<usize> = (0..layout.rank()).filter(|a| !axes.contains(a)).collect();
        let kept_shape: Vec<usize> = kept.iter().map(|&a| layout.shape()[a]).collect();
        let out = Layout::contiguous("test", &kept_shape, 1).unwrap();
        let order = if ordered { Order::RowMajor } else { Order::Any };
        let plan = Reduction::new(&out, &layout, None, &axes, order);
        // The same by permuting the kept axes to the front.
        let front = layout.permuted("test", &[kept, axes].concat()).unwrap();
        let count = plan.reduced.len();
        let expected = offsets(&front);
        let inner = offsets_from_zero(&plan.reduced.layout(0));
        let kept_offsets: Vec<_> = offsets(&plan.kept.layout(0)).into_iter().zip(offsets(&plan.kept.layout(1))).collect();
        prop_assert_eq!(kept_offsets.len() * count, expected.len());
        for (target, start) in kept_offsets {
            let mut found: Vec<usize> = inner.iter().map(|&o| (start as isize + o) as usize).collect();
            let mut wanted = expected[target * count..][..count].to_vec();
            if !ordered {
                found.sort_unstable();
                wanted.sort_unstable();
            }
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn a_reshaped_view_reads_the_same_order(layout in view_of_something(), seed in any::<u64>()) {
        let shape = refactored(layout.len(), seed);
        if let Some(view) = layout.reshaped(&shape) {
            prop_assert_eq!(view.shape(), &shape[..]);
            prop_assert_eq!(offsets(&view), offsets(&layout));
        } else {
            prop_assert!(!layout.is_contiguous());
        }
    }

    #[test]
    fn overlap_with_itself_is_never_missed(layout in view_of_something()) {
        let mut all = offsets(&layout);
        all.sort_unstable();
        let repeats = all.windows(2).any(|pair| pair[0] == pair[1]);
        prop_assert!(!repeats || layout.overlaps_itself());
        // Views of one dense buffer are never so exotic that the answer errs.
        prop_assert_eq!(layout.overlaps_itself(), repeats);
    }

    #[test]
    fn conflicts_are_never_missed(shape in shape(), a in prop::collection::vec(step(), 0..5), b in prop::collection::vec(step(), 0..5)) {
        let (array, base) = identity(&shape);
        let [a, b] = [a, b].map(|steps| {
            let (mut layout, mut model) = (base.clone(), array.clone());
            steps.iter().for_each(|step| apply(step, &mut layout, &mut model));
            layout
        });
        let (one, two) = (offsets(&a), offsets(&b));
        let shared = one.iter().any(|o| two.contains(o));
        let in_step = a.shape() == b.shape() && one == two;
        prop_assert!(!shared || in_step || a.conflicts_with(&b), "{a:?} {b:?}");
        prop_assert!(!(in_step && a.same_elements(&b) && a.conflicts_with(&b)));
    }

    #[test]
    fn parts_cover_the_whole_in_order(layout in view_of_something(), most in 1usize..9) {
        let axes: Vec<usize> = (0..layout.rank()).collect();
        let mut seen = Vec::new();
        split([layout.clone()], &axes, &|[part]: &[Layout; 1]| part.len() <= most, &mut |[part]| {
            assert!(part.len() <= most);
            seen.extend(offsets(part));
            Ok(())
        }).unwrap();
        let mut expected = offsets(&layout);
        expected.sort_unstable();
        seen.sort_unstable();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn dense_like_is_dense_in_the_same_order(layout in view_of_something()) {
        let dense = layout.dense_like();
        let mut all = offsets(&dense);
        all.sort_unstable();
        prop_assert_eq!(all, (0..layout.len()).collect::<Vec<_>>());
    }
}

/// Offsets of a layout whose strides may lead below its start, as signed numbers.
fn offsets_from_zero(layout: &Layout) -> Vec<isize> {
    let far = 1 << 20;
    let shifted = Layout::from_parts(layout.shape().into(), layout.strides().into(), far);
    offsets(&shifted).into_iter().map(|o| o as isize - far as isize).collect()
}

/// A shape with `len` elements, chosen by `seed`.
fn refactored(mut len: usize, mut seed: u64) -> Vec<usize> {
    let mut shape = vec![];
    if len == 0 {
        return vec![0, 2];
    }
    while len > 1 {
        let divisors: Vec<usize> = (2..=len).filter(|d| len.is_multiple_of(*d)).collect();
        let d = divisors[(seed % divisors.len() as u64) as usize];
        seed = seed.rotate_right(7) ^ 0x9e37;
        shape.push(d);
        len /= d;
    }
    shape.insert((seed % (shape.len() as u64 + 1)) as usize, 1);
    shape
}

#[test]
fn shapes_beyond_the_address_space_are_refused() {
    let refused =
        |shape: &[usize], size| matches!(Layout::contiguous("test", shape, size), Err(Error::ShapeOverflow { .. }));
    assert!(refused(&[usize::MAX, 2], 1));
    assert!(refused(&[1 << 62], 4));
    assert!(refused(&[0, 1 << 40, 1 << 40], 1), "a zero-length axis does not excuse the others");
    assert!(!refused(&[1 << 40], 4));
    assert!(!refused(&[0, 1 << 20], 8));
}

#[test]
fn broadcasting_follows_the_last_axis() {
    assert_eq!(&broadcast_shape("test", &[3, 1], &[2, 1, 4]).unwrap()[..], [2, 3, 4]);
    assert_eq!(&broadcast_shape("test", &[0], &[1]).unwrap()[..], [0]);
    assert!(matches!(broadcast_shape("test", &[2], &[3]), Err(Error::ShapeMismatch { op: "test", .. })));
    assert!(broadcast_shape("test", &[0], &[2]).is_err());
}

#[test]
fn slices_out_of_range_are_refused() {
    let layout = Layout::contiguous("test", &[3, 4], 4).unwrap();
    let slice = |elem| layout.sliced("test", &[elem]);
    assert!(matches!(slice(SliceInfoElem::Index(3)), Err(Error::OutOfBounds { .. })));
    assert!(matches!(slice(SliceInfoElem::Index(-4)), Err(Error::OutOfBounds { .. })));
    assert!(slice(SliceInfoElem::Slice { start: 0, end: Some(4), step: 1 }).is_err());
    assert!(slice(SliceInfoElem::Slice { start: -4, end: None, step: 1 }).is_err());
    assert!(slice(SliceInfoElem::Slice { start: 0, end: None, step: 0 }).is_err());
    let far = slice(SliceInfoElem::Slice { start: 1, end: None, step: isize::MAX }).unwrap();
    assert_eq!((far.shape(), far.offset()), (&[1, 4][..], 4));
    assert!(matches!(layout.sliced("test", &[SliceInfoElem::Index(0); 3]), Err(Error::InvalidAxis { .. })));
}

#[test]
fn permutations_name_every_axis_once() {
    let layout = Layout::contiguous("test", &[3, 4], 4).unwrap();
    for axes in [&[0][..], &[0, 0], &[0, 2], &[0, 1, 1]] {
        assert!(matches!(layout.permuted("test", axes), Err(Error::InvalidAxis { .. })), "{axes:?}");
    }
}

#[test]
fn interleaved_columns_do_not_conflict() {
    let matrix = Layout::contiguous("test", &[4, 6], 4).unwrap();
    let columns = |start| {
        let every_other = SliceInfoElem::Slice { start, end: None, step: 2 };
        matrix.sliced("test", &[SliceInfoElem::Slice { start: 0, end: None, step: 1 }, every_other]).unwrap()
    };
    assert!(!columns(0).conflicts_with(&columns(1)));
    assert!(columns(0).same_elements(&columns(0)) && !columns(0).conflicts_with(&columns(0)));
    assert!(matrix.conflicts_with(&columns(0)));
}
