//! The same elements, laid out in memory in every way a view can: results must not depend on it.

use ndarray::{ArrayD, ArrayViewD, IxDyn, Slice, SliceInfoElem};
use tilework::{Device, Result, Tensor};

use crate::element::TestElement;

/// How the elements of a tensor lie in its buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Physical {
    /// Row-major, from the start of the buffer.
    Contiguous,
    /// Column-major.
    Transposed,
    /// Every second element along the last two axes; canaries between.
    Gaps,
    /// Away from the start of the buffer and of every row, so that no vector load is aligned; canaries around.
    Offset,
    /// Every axis backwards, from the end of the buffer.
    Reversed,
    /// One slab repeated along the first axis by stride 0.
    BroadcastFirst,
    /// One element repeated along the last axis by stride 0.
    BroadcastLast,
}

impl Physical {
    pub const ALL: [Physical; 7] = [
        Physical::Contiguous,
        Physical::Transposed,
        Physical::Gaps,
        Physical::Offset,
        Physical::Reversed,
        Physical::BroadcastFirst,
        Physical::BroadcastLast,
    ];

    /// All but the row-major one.
    pub const STRIDED: &[Physical] = Self::ALL.split_at(1).1;

    pub fn name(self) -> &'static str {
        match self {
            Physical::Contiguous => "contiguous",
            Physical::Transposed => "transposed",
            Physical::Gaps => "gaps",
            Physical::Offset => "offset",
            Physical::Reversed => "negative strides",
            Physical::BroadcastFirst => "stride 0 on the first axis",
            Physical::BroadcastLast => "stride 0 on the last axis",
        }
    }
}

/// The elements as seen through the view: the given ones, or, where an axis has stride 0, those at its index 0 repeated.
pub fn logical<T: TestElement>(shape: &[usize], elements: &[T], physical: Physical) -> Vec<T> {
    let array = view(shape, elements);
    let axis = match physical {
        Physical::BroadcastFirst => 0,
        Physical::BroadcastLast => shape.len().wrapping_sub(1),
        _ => return elements.to_vec(),
    };
    if array.is_empty() || shape.is_empty() {
        return elements.to_vec();
    }
    let slab = array.slice_axis(ndarray::Axis(axis), Slice::from(..1));
    slab.broadcast(shape).expect("one index of an axis stretches along it").iter().copied().collect()
}

/// A tensor of `shape` whose elements are `elements`, which [`logical`] made for the same layout, and lie as `physical` says.
pub fn place<T: TestElement>(
    device: &Device,
    shape: &[usize],
    elements: &[T],
    physical: Physical,
) -> Result<Tensor<T>> {
    let array = view(shape, elements);
    let rank = shape.len();
    let whole = SliceInfoElem::Slice { start: 0, end: None, step: 1 };
    match physical {
        Physical::Contiguous => Tensor::from_vec(elements.to_vec(), shape, device),
        Physical::Transposed => Ok(upload(&array.t(), device)?.t()),
        Physical::Reversed => {
            let mut reversed = array;
            (0..rank).for_each(|axis| reversed.invert_axis(ndarray::Axis(axis)));
            let backwards = SliceInfoElem::Slice { start: 0, end: None, step: -1 };
            upload(&reversed, device)?.slice(vec![backwards; rank])
        }
        Physical::Gaps => embed(device, array, |axis, n| {
            if axis + 2 >= rank { (2 * n + 1, Slice::new(1, None, 2)) } else { (n, Slice::from(..)) }
        }),
        Physical::Offset => embed(device, array, |axis, n| {
            if axis + 2 >= rank { (n + 3, Slice::from(1..n as isize + 1)) } else { (n, Slice::from(..)) }
        }),
        Physical::BroadcastFirst | Physical::BroadcastLast if array.is_empty() || rank == 0 => {
            Tensor::from_vec(elements.to_vec(), shape, device)
        }
        Physical::BroadcastFirst => {
            let mut index = vec![whole; rank];
            index[0] = SliceInfoElem::Slice { start: 0, end: Some(1), step: 1 };
            upload(&array, device)?.slice(index)?.broadcast(shape)
        }
        Physical::BroadcastLast => {
            let mut index = vec![whole; rank];
            index[rank - 1] = SliceInfoElem::Slice { start: 0, end: Some(1), step: 1 };
            upload(&array, device)?.slice(index)?.broadcast(shape)
        }
    }
}

/// `array` inside a larger one of canaries: `window` says for each axis how long that one is and which part of it is `array`.
fn embed<T: TestElement>(
    device: &Device,
    array: ArrayViewD<T>,
    window: impl Fn(usize, usize) -> (usize, Slice),
) -> Result<Tensor<T>> {
    if array.ndim() == 0 {
        let element = array.first().copied().expect("a scalar has one element");
        return upload(&view(&[3], &[T::canary(), element, T::canary()]), device)?.index_axis(ndarray::Axis(0), 1);
    }
    let windows: Vec<(usize, Slice)> = array.shape().iter().enumerate().map(|(axis, &n)| window(axis, n)).collect();
    let lengths: Vec<usize> = windows.iter().map(|w| w.0).collect();
    let mut around = ArrayD::from_elem(lengths, T::canary());
    around.slice_each_axis_mut(|axis| windows[axis.axis.index()].1).assign(&array);
    let index: Vec<SliceInfoElem> = windows
        .iter()
        .map(|(_, slice)| SliceInfoElem::Slice { start: slice.start, end: slice.end, step: slice.step })
        .collect();
    upload(&around.view(), device)?.slice(index)
}

/// Uploads in row-major order, whatever the view's strides are.
fn upload<T: TestElement>(array: &ArrayViewD<T>, device: &Device) -> Result<Tensor<T>> {
    Tensor::from_vec(array.iter().copied().collect(), array.shape(), device)
}

fn view<'a, T>(shape: &[usize], elements: &'a [T]) -> ArrayViewD<'a, T> {
    ArrayViewD::from_shape(IxDyn(shape), elements).expect("as many elements as the shape has")
}
