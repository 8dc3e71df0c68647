//! Views: layouts made from a layout, over the same buffer.

use ndarray::SliceInfoElem;

use super::{Dims, Layout, Strides, row_major};
use crate::error::{Error, Result};

/// The shape that `lhs` and `rhs` broadcast to: axes are matched from the last one, and length 1 stretches.
pub(crate) fn broadcast_shape(op: &'static str, lhs: &[usize], rhs: &[usize]) -> Result<Dims> {
    let rank = lhs.len().max(rhs.len());
    let from_end = |shape: &[usize], i: usize| shape.len().checked_sub(i).map_or(1, |axis| shape[axis]);
    let mut shape: Dims = smallvec::smallvec![0; rank];
    for i in 1..=rank {
        shape[rank - i] = match (from_end(lhs, i), from_end(rhs, i)) {
            (a, b) if a == b => a,
            (1, b) => b,
            (a, 1) => a,
            _ => {
                return Err(Error::ShapeMismatch {
                    op,
                    lhs: lhs.to_vec(),
                    rhs: rhs.to_vec(),
                    reason: "aligned at the last axis, lengths must be equal or 1",
                });
            }
        };
    }
    Ok(shape)
}

impl Layout {
    /// The axis checked against the rank.
    pub fn check_axis(&self, op: &'static str, axis: usize) -> Result<usize> {
        if axis < self.rank() {
            return Ok(axis);
        }
        Err(Error::InvalidAxis {
            op,
            axis,
            shape: self.shape.to_vec(),
            reason: "the axis must be smaller than the rank",
        })
    }

    /// All axes in reverse order.
    pub fn transposed(&self) -> Self {
        let mut view = self.clone();
        view.shape.reverse();
        view.strides.reverse();
        view
    }

    /// Axis `i` of the result is axis `axes[i]` of `self`; every axis exactly once.
    pub fn permuted(&self, op: &'static str, axes: &[usize]) -> Result<Self> {
        let invalid = |axis, reason| Error::InvalidAxis { op, axis, shape: self.shape.to_vec(), reason };
        if axes.len() != self.rank() {
            return Err(invalid(axes.len(), "a permutation must name every axis once"));
        }
        for (i, &axis) in axes.iter().enumerate() {
            self.check_axis(op, axis)?;
            if axes[..i].contains(&axis) {
                return Err(invalid(axis, "a permutation must name every axis once"));
            }
        }
        Ok(Self {
            shape: axes.iter().map(|&a| self.shape[a]).collect(),
            strides: axes.iter().map(|&a| self.strides[a]).collect(),
            offset: self.offset,
        })
    }

    /// Stretched to `shape` by stride 0 (lengths must be equal or 1, aligned at the last axis).
    pub fn broadcast(&self, op: &'static str, shape: &[usize]) -> Result<Self> {
        if broadcast_shape(op, &self.shape, shape)?.as_slice() != shape {
            return Err(Error::ShapeMismatch {
                op,
                lhs: self.shape.to_vec(),
                rhs: shape.to_vec(),
                reason: "only axes of length 1 can be stretched, and no axis can be dropped",
            });
        }
        let new = shape.len() - self.rank();
        let mut strides: Strides = smallvec::smallvec![0; shape.len()];
        for axis in 0..self.rank() {
            if self.shape[axis] == shape[axis + new] {
                strides[axis + new] = self.strides[axis];
            }
        }
        Ok(Self { shape: shape.into(), strides, offset: self.offset })
    }

    /// A new axis of length 1 before `axis` (which may equal the rank).
    pub fn insert_axis(&self, op: &'static str, axis: usize) -> Result<Self> {
        if axis > self.rank() {
            let reason = "a new axis can stand at 0 to the rank";
            return Err(Error::InvalidAxis { op, axis, shape: self.shape.to_vec(), reason });
        }
        let mut view = self.clone();
        view.shape.insert(axis, 1);
        view.strides.insert(axis, 0);
        Ok(view)
    }

    /// The sub-tensor at `index` of `axis`; the axis disappears.
    pub fn index_axis(&self, op: &'static str, axis: usize, index: usize) -> Result<Self> {
        self.check_axis(op, axis)?;
        if index >= self.shape[axis] {
            return Err(Error::OutOfBounds {
                op,
                what: format!("index {index} of axis {axis}"),
                shape: self.shape.to_vec(),
            });
        }
        let mut view = self.narrow(axis, index, 1);
        view.shape.remove(axis);
        view.strides.remove(axis);
        Ok(view)
    }

    /// `len` elements of `axis` from `start` on; the caller has checked the range.
    pub fn narrow(&self, axis: usize, start: usize, len: usize) -> Self {
        debug_assert!(start + len <= self.shape[axis]);
        let mut view = self.clone();
        view.shape[axis] = len;
        // An empty range may start one past the end, where no offset is needed.
        if len > 0 {
            view.offset = (view.offset as isize + start as isize * view.strides[axis]) as usize;
        }
        view
    }

    /// ndarray's slicing: ranges with steps (negative ones reverse), single indices, new axes; missing axes are taken whole.
    pub fn sliced(&self, op: &'static str, info: &[SliceInfoElem]) -> Result<Self> {
        let consumed = info.iter().filter(|e| !matches!(e, SliceInfoElem::NewAxis)).count();
        if consumed > self.rank() {
            let reason = "the slice names more axes than the tensor has";
            return Err(Error::InvalidAxis { op, axis: consumed - 1, shape: self.shape.to_vec(), reason });
        }
        let mut view = self.clone();
        let mut axis = 0;
        for elem in info {
            match *elem {
                SliceInfoElem::NewAxis => {
                    view = view.insert_axis(op, axis)?;
                    axis += 1;
                }
                SliceInfoElem::Index(index) => {
                    let len = view.shape[axis];
                    let at = from_end(index, len).filter(|&at| at < len).ok_or_else(|| Error::OutOfBounds {
                        op,
                        what: format!("index {index} of axis {axis}"),
                        shape: self.shape.to_vec(),
                    })?;
                    view = view.index_axis(op, axis, at)?;
                }
                SliceInfoElem::Slice { start, end, step } => {
                    let len = view.shape[axis];
                    let range = || Error::OutOfBounds {
                        op,
                        what: format!(
                            "range {start}..{}, step {step}, of axis {axis}",
                            end.map_or(String::new(), |e| e.to_string())
                        ),
                        shape: self.shape.to_vec(),
                    };
                    let first = from_end(start, len).filter(|&i| i <= len).ok_or_else(range)?;
                    let last = end.map_or(Some(len), |e| from_end(e, len)).filter(|&i| i <= len).ok_or_else(range)?;
                    if step == 0 {
                        return Err(Error::InvalidArgument { op, reason: "the step of a slice must not be 0".into() });
                    }
                    view = view.narrow(axis, first.min(last), last.saturating_sub(first)).stepped(axis, step);
                    axis += 1;
                }
            }
        }
        Ok(view)
    }

    /// Every `|step|`-th element of `axis`; a negative step starts at the last one.
    fn stepped(mut self, axis: usize, step: isize) -> Self {
        let len = self.shape[axis];
        if step < 0 && len > 0 {
            self.offset = (self.offset as isize + (len as isize - 1) * self.strides[axis]) as usize;
        }
        self.shape[axis] = len.div_ceil(step.unsigned_abs());
        // An axis of at most one element is never stepped along; its stride stays small, so the product can't overflow.
        self.strides[axis] = if self.shape[axis] > 1 { self.strides[axis] * step } else { 0 };
        self
    }

    /// The same elements in row-major order under another shape, where strides can express it without a copy.
    ///
    /// The caller has checked that the lengths' products are equal.
    pub fn reshaped(&self, shape: &[usize]) -> Option<Self> {
        if self.is_empty() || self.is_contiguous() {
            return Some(Self { shape: shape.into(), strides: row_major(shape), offset: self.offset });
        }
        // Old and new axes are matched in groups of equal product; inside a group the old axes must be one run.
        let old: Vec<(usize, isize)> =
            self.shape.iter().copied().zip(self.strides.iter().copied()).filter(|&(n, _)| n != 1).collect();
        let mut strides: Strides = smallvec::smallvec![0; shape.len()];
        let (mut i, mut j) = (0, 0);
        while i < old.len() {
            let (first_new, mut n_old, mut n_new) = (j, old[i].0, 1);
            while n_new != n_old {
                if n_new < n_old {
                    n_new *= shape[j];
                    j += 1;
                } else {
                    let (n, stride) = old[i + 1];
                    if old[i].1 != stride * n as isize {
                        return None;
                    }
                    n_old *= n;
                    i += 1;
                }
            }
            let mut step = old[i].1;
            for axis in (first_new..j).rev() {
                strides[axis] = step;
                step *= shape[axis] as isize;
            }
            i += 1;
        }
        Some(Self { shape: shape.into(), strides, offset: self.offset })
    }
}

/// A Python-like index: negative ones count from the end. `None` when it lies before the start.
fn from_end(index: isize, len: usize) -> Option<usize> {
    if index >= 0 { Some(index as usize) } else { len.checked_sub(index.unsigned_abs()) }
}
