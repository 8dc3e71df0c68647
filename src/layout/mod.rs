//! How a tensor's elements lie in its buffer: shape, strides, offset, and everything that can be said of them on the host.
//!
//! A [`Layout`] maps an index to an element offset: `offset + Σ index[i] · stride[i]`. Strides count elements, may be zero
//! (broadcast) and may be negative (reversed). Views change the layout and share the buffer; nothing here touches memory,
//! a device or FFI. Every constructor checks that no reachable offset leaves the address space, so that the arithmetic
//! that follows may be plain.

mod collapse;
mod overlap;
#[cfg(any(test, feature = "cuda", feature = "portable"))]
mod split;
mod view;

pub(crate) use collapse::{Loops, Order, Reduction, collapse, collapse_axes};
#[cfg(any(test, feature = "cuda", feature = "portable"))]
pub(crate) use split::split;
pub(crate) use view::broadcast_shape;

use smallvec::SmallVec;

use crate::error::{Error, Result};

/// Axis lengths, without an allocation up to rank 6.
pub(crate) type Dims = SmallVec<[usize; 6]>;
/// Strides in elements, without an allocation up to rank 6.
pub(crate) type Strides = SmallVec<[isize; 6]>;

/// Shape, strides and offset of a tensor, in elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    shape: Dims,
    strides: Strides,
    offset: usize,
}

impl Layout {
    /// The row-major layout of `shape` for elements of `size` bytes.
    pub fn contiguous(op: &'static str, shape: &[usize], size: usize) -> Result<Self> {
        let overflow = || Error::ShapeOverflow { op, shape: shape.to_vec() };
        // Zero-length axes are left out of the product: the other strides must still be representable.
        let elements = shape
            .iter()
            .filter(|&&n| n != 0)
            .try_fold(1usize, |product, &n| product.checked_mul(n))
            .ok_or_else(overflow)?;
        match elements.checked_mul(size) {
            Some(bytes) if isize::try_from(bytes).is_ok() => {}
            _ => return Err(overflow()),
        }
        Ok(Self { shape: shape.into(), strides: row_major(shape), offset: 0 })
    }

    /// A layout from its parts. The caller vouches that every reachable offset is inside the buffer.
    pub fn from_parts(shape: Dims, strides: Strides, offset: usize) -> Self {
        debug_assert_eq!(shape.len(), strides.len());
        Self { shape, strides, offset }
    }

    /// The axis lengths.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The strides, in elements.
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }

    /// The element offset of index zero.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.shape.contains(&0)
    }

    /// Whether the elements lie in row-major order without gaps (axes of length 1 may have any stride).
    pub fn is_contiguous(&self) -> bool {
        if self.is_empty() {
            return true;
        }
        let mut expected = 1isize;
        for (&n, &stride) in self.shape.iter().zip(&self.strides).rev() {
            if n != 1 {
                if stride != expected {
                    return false;
                }
                expected *= n as isize;
            }
        }
        true
    }

    /// The first and the last reachable element offset, or `None` without elements.
    pub fn span(&self) -> Option<(usize, usize)> {
        if self.is_empty() {
            return None;
        }
        let (mut low, mut high) = (self.offset as isize, self.offset as isize);
        for (&n, &stride) in self.shape.iter().zip(&self.strides) {
            let reach = (n as isize - 1) * stride;
            if reach < 0 { low += reach } else { high += reach }
        }
        Some((low as usize, high as usize))
    }

    /// A gap-free layout of the same shape whose axes lie in memory in the order of this layout's,
    /// so that an elementwise result of a transposed tensor is transposed too, and the kernel sees one flat run.
    pub fn dense_like(&self) -> Self {
        let mut order: SmallVec<[usize; 6]> = (0..self.rank()).collect();
        order.sort_by_key(|&axis| (std::cmp::Reverse(self.strides[axis].unsigned_abs()), axis));
        let mut strides: Strides = smallvec::smallvec![0; self.rank()];
        let mut step = 1isize;
        for &axis in order.iter().rev() {
            strides[axis] = step;
            step *= self.shape[axis].max(1) as isize;
        }
        Self { shape: self.shape.clone(), strides, offset: 0 }
    }

    /// The element offset of the `n`-th element in row-major order.
    #[cfg(test)]
    pub fn offset_of(&self, mut n: usize) -> usize {
        let mut offset = self.offset as isize;
        for (&len, &stride) in self.shape.iter().zip(&self.strides).rev() {
            offset += (n % len) as isize * stride;
            n /= len;
        }
        offset as usize
    }
}

/// Row-major strides; axes around a zero-length one are counted as if it had length 1.
pub(crate) fn row_major(shape: &[usize]) -> Strides {
    let mut strides: Strides = smallvec::smallvec![0; shape.len()];
    let mut step = 1isize;
    for (stride, &n) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step *= n.max(1) as isize;
    }
    strides
}

#[cfg(test)]
mod tests;
