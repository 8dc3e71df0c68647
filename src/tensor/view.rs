//! Views: other shapes over the same elements, at no cost on the device.

use ndarray::{Axis, Dimension, IntoDimension, SliceInfoElem};

use super::Tensor;
use crate::dtype::Element;
use crate::error::{Error, Result};
use crate::layout::Layout;

impl<T: Element> Tensor<T> {
    /// All axes in reverse order; the transpose of a matrix.
    pub fn t(&self) -> Self {
        self.with_layout(self.layout.transposed())
    }

    /// Axis `i` of the result is axis `axes[i]` of `self`.
    ///
    /// # Errors
    /// [`Error::InvalidAxis`] unless every axis is named exactly once.
    pub fn permuted_axes(&self, axes: impl IntoDimension) -> Result<Self> {
        Ok(self.with_layout(self.layout.permuted("permuted_axes", axes.into_dimension().slice())?))
    }

    /// The part that ndarray's [`s!`](ndarray::s) names: ranges with steps, single indices, new axes.
    ///
    /// ```
    /// use tilework::{Device, Tensor};
    /// use ndarray::s;
    /// let x = Tensor::arange(0, 12, 1, &Device::cpu())?.reshape((3, 4))?;
    /// assert_eq!(x.slice(s![1.., ..;-2])?.to_vec()?, [7, 5, 11, 9]);
    /// # Ok::<(), tilework::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OutOfBounds`] for an index or range outside, [`Error::InvalidAxis`] for more axes than there are.
    pub fn slice(&self, info: impl AsRef<[SliceInfoElem]>) -> Result<Self> {
        Ok(self.with_layout(self.layout.sliced("slice", info.as_ref())?))
    }

    /// The same elements in row-major order under another shape; a view where strides allow it, else a copy.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the shape has another number of elements.
    pub fn reshape(&self, shape: impl IntoDimension) -> Result<Self> {
        let op = "reshape";
        let shape = shape.into_dimension();
        let target = Layout::contiguous(op, shape.slice(), T::DTYPE.size())?;
        if target.len() != self.len() {
            let reason = "both shapes must have the same number of elements";
            return Err(Error::ShapeMismatch { op, lhs: self.shape().to_vec(), rhs: shape.slice().to_vec(), reason });
        }
        match self.layout.reshaped(shape.slice()) {
            Some(view) => Ok(self.with_layout(view)),
            None => Ok(self.to_contiguous()?.with_layout(target)),
        }
    }

    /// Stretched to `shape`: axes are aligned at the last one, and length 1 repeats without being copied.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if the shapes do not fit.
    pub fn broadcast(&self, shape: impl IntoDimension) -> Result<Self> {
        Ok(self.with_layout(self.layout.broadcast("broadcast", shape.into_dimension().slice())?))
    }

    /// With a new axis of length 1 before `axis`.
    ///
    /// # Errors
    /// [`Error::InvalidAxis`] if `axis` is beyond the rank.
    pub fn insert_axis(&self, axis: Axis) -> Result<Self> {
        Ok(self.with_layout(self.layout.insert_axis("insert_axis", axis.index())?))
    }

    /// Without `axis`, which must have length 1 (for another length, take [`index_axis`](Self::index_axis)).
    ///
    /// # Errors
    /// [`Error::InvalidAxis`] if there is no such axis or its length is not 1.
    pub fn remove_axis(&self, axis: Axis) -> Result<Self> {
        let op = "remove_axis";
        if self.layout.check_axis(op, axis.index()).is_ok_and(|axis| self.shape()[axis] != 1) {
            let reason = "only an axis of length 1 can be removed";
            return Err(Error::InvalidAxis { op, axis: axis.index(), shape: self.shape().to_vec(), reason });
        }
        Ok(self.with_layout(self.layout.index_axis(op, axis.index(), 0)?))
    }

    /// The sub-tensor at `index` of `axis`; the axis disappears.
    ///
    /// # Errors
    /// [`Error::InvalidAxis`], [`Error::OutOfBounds`].
    pub fn index_axis(&self, axis: Axis, index: usize) -> Result<Self> {
        Ok(self.with_layout(self.layout.index_axis("index_axis", axis.index(), index)?))
    }

    /// The parts before and from `index` on along `axis`.
    ///
    /// # Errors
    /// [`Error::InvalidAxis`], [`Error::OutOfBounds`] if `index` is beyond the axis's length.
    pub fn split_at(&self, axis: Axis, index: usize) -> Result<(Self, Self)> {
        let op = "split_at";
        let axis = self.layout.check_axis(op, axis.index())?;
        let len = self.shape()[axis];
        if index > len {
            return Err(Error::OutOfBounds {
                op,
                what: format!("split point {index} of axis {axis}"),
                shape: self.shape().to_vec(),
            });
        }
        let (head, tail) = (self.layout.narrow(axis, 0, index), self.layout.narrow(axis, index, len - index));
        Ok((self.with_layout(head), self.with_layout(tail)))
    }
}
