//! Fewer, longer loops: axes that lie one run in every operand become one axis.
//!
//! A kernel over `[64, 3, 224, 224]` that is contiguous in every operand should see one axis of 9,633,792 elements, and a
//! transposed in-place update should too. [`collapse`] drops axes of length 1, puts the first operand's (the output's) axes in
//! memory order, walks reversed output axes forwards, and merges neighbours wherever every operand allows it.

use super::{Dims, Layout, Strides};

/// Whether the loops may be reordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Any order of elements will do: elementwise operations and commutative reductions.
    Any,
    /// Elements must be met in row-major order: `argmax` counts them.
    RowMajor,
}

/// Joint loops over `N` operands: the outermost axis first, one stride per operand and axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loops<const N: usize> {
    /// Loop lengths, all above 1; none at all for a single element.
    pub shape: Dims,
    /// Strides of each operand, in elements.
    pub strides: [Strides; N],
    /// Element offset of each operand.
    pub offsets: [usize; N],
}

impl<const N: usize> Loops<N> {
    /// The number of loops.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The layout of operand `i` under the collapsed shape.
    #[cfg(any(test, feature = "cuda", feature = "portable"))]
    pub fn layout(&self, i: usize) -> Layout {
        Layout::from_parts(self.shape.clone(), self.strides[i].clone(), self.offsets[i])
    }
}

/// The joint loops over layouts of one shape without empty axes; the first is the output.
pub(crate) fn collapse<const N: usize>(layouts: [&Layout; N], order: Order) -> Loops<N> {
    let axes: Dims = (0..layouts[0].rank()).collect();
    collapse_axes(layouts, &axes, order)
}

/// As [`collapse`], over the named axes only.
pub(crate) fn collapse_axes<const N: usize>(layouts: [&Layout; N], axes: &[usize], order: Order) -> Loops<N> {
    let mut offsets = layouts.map(Layout::offset);
    let mut kept: smallvec::SmallVec<[(usize, [isize; N]); 6]> = axes
        .iter()
        .filter(|&&axis| layouts[0].shape()[axis] != 1)
        .map(|&axis| (layouts[0].shape()[axis], layouts.map(|l| l.strides()[axis])))
        .collect();
    if order == Order::Any {
        for (n, strides) in &mut kept {
            if strides[0] < 0 {
                for (offset, stride) in offsets.iter_mut().zip(strides) {
                    *offset = (*offset as isize + (*n as isize - 1) * *stride) as usize;
                    *stride = -*stride;
                }
            }
        }
        // Stable, so that axes a broadcast output gives no order keep row-major order.
        kept.sort_by_key(|(_, strides)| std::cmp::Reverse(strides[0]));
    }
    let mut loops = Loops { shape: Dims::new(), strides: [(); N].map(|()| Strides::new()), offsets };
    for (n, strides) in kept {
        let mergeable =
            !loops.shape.is_empty() && (0..N).all(|i| loops.strides[i].last() == Some(&(strides[i] * n as isize)));
        if mergeable {
            if let Some(last) = loops.shape.last_mut() {
                *last *= n;
            }
        } else {
            loops.shape.push(n);
        }
        for (all, stride) in loops.strides.iter_mut().zip(strides) {
            if mergeable {
                all.pop();
            }
            all.push(stride);
        }
    }
    loops
}

/// A reduction as two nests: the kept axes, over operand and output, and the reduced axes, over the operands.
///
/// The operands of the kept nest are `[output, x, y]`, those of the reduced nest `[x, y]`; without a second operand `y` is `x`.
/// The reduced nest's offsets are zero: they are relative to an element of the kept nest.
#[derive(Clone, Debug)]
pub(crate) struct Reduction {
    /// Loops over the kept axes.
    pub kept: Loops<3>,
    /// Loops over the reduced axes.
    pub reduced: Loops<2>,
}

impl Reduction {
    /// The plan for reducing `x` (and `y`, of the same shape) over `axes` (sorted, distinct) into `out`, which has the kept axes only.
    pub fn new(out: &Layout, x: &Layout, y: Option<&Layout>, axes: &[usize], order: Order) -> Self {
        let y = y.unwrap_or(x);
        let drop = |layout: &Layout| {
            let keep = |axis: &usize| !axes.contains(axis);
            Layout::from_parts(
                (0..layout.rank()).filter(keep).map(|a| layout.shape()[a]).collect(),
                (0..layout.rank()).filter(keep).map(|a| layout.strides()[a]).collect(),
                layout.offset(),
            )
        };
        let mut reduced = collapse_axes([x, y], axes, order);
        // A reversed axis was turned round: what that did to the offsets belongs to the kept nest's start.
        let turned = [reduced.offsets[0], reduced.offsets[1]];
        reduced.offsets = [0, 0];
        let mut kept = collapse([out, &drop(x), &drop(y)], Order::Any);
        for (i, (layout, turned)) in [(x, turned[0]), (y, turned[1])].into_iter().enumerate() {
            let shift = turned as isize - layout.offset() as isize;
            kept.offsets[i + 1] = (kept.offsets[i + 1] as isize + shift) as usize;
        }
        Self { kept, reduced }
    }
}
