//! Tensors from host data and from rules.

use ndarray::{ArrayBase, Data, Dimension, IntoDimension};

use super::Tensor;
use crate::device::Device;
use crate::dtype::{Element, Number, Scalar};
use crate::error::{Error, Result};
use crate::layout::{Dims, Layout, Strides};

impl<T: Element> Tensor<T> {
    /// Copies an ndarray array or view of any rank and strides to `device`.
    ///
    /// An array without gaps keeps its memory order (a transposed one stays transposed) and is copied in one piece.
    ///
    /// ```
    /// use tilework::{Device, Tensor};
    /// let array = ndarray::array![[1, 2], [3, 4]];
    /// let x = Tensor::from_ndarray(&array.t(), &Device::cpu())?;
    /// assert_eq!(x.to_vec()?, [1, 3, 2, 4]);
    /// # Ok::<(), tilework::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the device has no such element type, [`Error::OutOfMemory`].
    pub fn from_ndarray<S, D>(array: &ArrayBase<S, D>, device: &Device) -> Result<Self>
    where
        S: Data<Elem = T>,
        D: Dimension,
    {
        let op = "from_ndarray";
        let standard = Layout::contiguous(op, array.shape(), T::DTYPE.size())?;
        if let Some(elements) = array.as_slice() {
            return Self::upload(op, elements, standard, device);
        }
        match array.as_slice_memory_order() {
            Some(elements) => Self::upload(op, elements, dense(array.shape(), array.strides()), device),
            None => Self::upload(op, &array.iter().copied().collect::<Vec<_>>(), standard, device),
        }
    }

    /// A tensor of `shape` with the elements of `elements` in row-major order.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if there are more or fewer elements than the shape has.
    pub fn from_vec(elements: Vec<T>, shape: impl IntoDimension, device: &Device) -> Result<Self> {
        let shape = shape.into_dimension();
        let layout = Layout::contiguous("from_vec", shape.slice(), T::DTYPE.size())?;
        if layout.len() != elements.len() {
            return Err(Error::ShapeMismatch {
                op: "from_vec",
                lhs: vec![elements.len()],
                rhs: shape.slice().to_vec(),
                reason: "the shape must have as many elements as the vector",
            });
        }
        Self::upload("from_vec", &elements, layout, device)
    }

    /// A rank-0 tensor.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the device has no such element type, [`Error::OutOfMemory`].
    pub fn scalar(value: T, device: &Device) -> Result<Self> {
        Self::full((), value, device)
    }

    /// A tensor of `shape` with every element `value`.
    ///
    /// # Errors
    /// [`Error::ShapeOverflow`], [`Error::Unsupported`], [`Error::OutOfMemory`].
    pub fn full(shape: impl IntoDimension, value: T, device: &Device) -> Result<Self> {
        let out = Self::uninit("full", shape.into_dimension().slice(), device)?;
        if !out.is_empty() {
            device.backend().fill(value.scalar(), out.operand())?;
        }
        Ok(out)
    }

    /// A tensor of `shape` with every element zero (`false`).
    ///
    /// # Errors
    /// As [`full`](Self::full).
    pub fn zeros(shape: impl IntoDimension, device: &Device) -> Result<Self> {
        Self::full(shape, T::ZERO, device)
    }

    /// A tensor of `shape` with every element one (`true`).
    ///
    /// # Errors
    /// As [`full`](Self::full).
    pub fn ones(shape: impl IntoDimension, device: &Device) -> Result<Self> {
        Self::full(shape, T::ONE, device)
    }

    /// The identity matrix of `n` rows.
    ///
    /// # Errors
    /// As [`full`](Self::full).
    pub fn eye(n: usize, device: &Device) -> Result<Self> {
        let out = Self::zeros((n, n), device)?;
        if n > 0 {
            let diagonal = Layout::from_parts(Dims::from_slice(&[n]), Strides::from_slice(&[n as isize + 1]), 0);
            device.backend().fill(T::ONE.scalar(), out.operand_as(&diagonal))?;
        }
        Ok(out)
    }

    /// Copies `elements`, which lie as `layout` says, to the device.
    fn upload(op: &'static str, elements: &[T], layout: Layout, device: &Device) -> Result<Self> {
        let out = Self::uninit_in(op, layout, device)?;
        if !out.is_empty() {
            device.backend().write(out.operand().buffer, bytemuck::cast_slice(elements))?;
        }
        Ok(out)
    }
}

impl<T: Number> Tensor<T> {
    /// `start, start + step, start + 2 step, ..` up to but without `end`; the arithmetic is f64 or i64.
    ///
    /// ```
    /// use tilework::{Device, Tensor};
    /// assert_eq!(Tensor::arange(1.0f32, 2.0, 0.25, &Device::cpu())?.to_vec()?, [1.0, 1.25, 1.5, 1.75]);
    /// assert_eq!(Tensor::arange(5i64, 0, -2, &Device::cpu())?.to_vec()?, [5, 3, 1]);
    /// # Ok::<(), tilework::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if `step` is zero or a bound is not finite, [`Error::ShapeOverflow`].
    pub fn arange(start: T, end: T, step: T, device: &Device) -> Result<Self> {
        let op = "arange";
        let invalid = |reason: &str| Error::InvalidArgument { op, reason: reason.into() };
        let elements: Vec<T> = match (start.scalar(), end.scalar(), step.scalar()) {
            (Scalar::Int(start), Scalar::Int(end), Scalar::Int(step)) => {
                // i128, so that a range across all of i64 can be counted.
                let (start, distance, step) =
                    (i128::from(start), i128::from(end) - i128::from(start), i128::from(step));
                if step == 0 {
                    return Err(invalid("step must not be zero"));
                }
                let count = if (distance > 0) == (step > 0) { distance.abs() + step.abs() - 1 } else { 0 } / step.abs();
                let count = checked_count::<T>(op, count as f64)?;
                (0..count).map(|i| T::from_int((start + i as i128 * step) as i64)).collect()
            }
            (start, end, step) => {
                let (start, end, step) = (start.to_f64(), end.to_f64(), step.to_f64());
                if step == 0.0 || !(start.is_finite() && end.is_finite() && step.is_finite()) {
                    return Err(invalid("start, end and step must be finite and step not zero"));
                }
                let count = checked_count::<T>(op, ((end - start) / step).ceil().max(0.0))?;
                (0..count).map(|i| T::from_f64(start + i as f64 * step)).collect()
            }
        };
        let count = elements.len();
        Self::from_vec(elements, count, device)
    }
}

/// `count` as a length whose bytes can be addressed.
fn checked_count<T: Element>(op: &'static str, count: f64) -> Result<usize> {
    Layout::contiguous(op, &[count as usize], T::DTYPE.size()).map(|layout| layout.len())
}

/// The layout of a gap-free array with ndarray's shape and strides, from the lowest address on.
fn dense(shape: &[usize], strides: &[isize]) -> Layout {
    let reversed = |(&n, &stride): (&usize, &isize)| if stride < 0 { (n - 1) * stride.unsigned_abs() } else { 0 };
    let offset = shape.iter().zip(strides).map(reversed).sum();
    Layout::from_parts(Dims::from_slice(shape), Strides::from_slice(strides), offset)
}
