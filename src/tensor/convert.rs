//! Tensors to host data, other devices and other element types.

use std::marker::PhantomData;
use std::sync::Arc;

use ndarray::{ArrayD, IxDyn, ShapeBuilder, StrideShape};

use super::{Storage, Tensor};
use crate::backend::Buffer;
use crate::device::Device;
use crate::dtype::{Element, Sealed};
use crate::error::{Error, Result};
use crate::layout::Layout;

impl<T: Element> Tensor<T> {
    /// The elements in row-major order. Waits for the tensor to be computed.
    ///
    /// # Errors
    /// [`Error::Driver`] or [`Error::DeviceLost`] for a failure of earlier work; [`Error::OutOfMemory`] if a strided view has
    /// to be gathered first and there is no room.
    pub fn to_vec(&self) -> Result<Vec<T>> {
        let gathered = self.to_standard_layout()?;
        let start = gathered.layout.offset();
        gathered.read(start, gathered.len())
    }

    /// The elements as an ndarray array of the same shape. Waits for the tensor to be computed.
    ///
    /// A tensor without gaps keeps its memory order: a transposed one becomes a transposed (Fortran-order) array.
    ///
    /// # Errors
    /// As [`to_vec`](Self::to_vec).
    pub fn to_ndarray(&self) -> Result<ArrayD<T>> {
        let dense = match self.layout.span() {
            Some((low, high)) if high - low + 1 == self.len() && self.strides().iter().all(|&s| s > 0) => self.clone(),
            _ => self.to_standard_layout()?,
        };
        let elements = dense.read(dense.layout.offset(), dense.len())?;
        if dense.is_standard_layout() {
            return to_array(IxDyn(dense.shape()).into(), elements);
        }
        let strides: Vec<usize> = dense.strides().iter().map(|s| s.unsigned_abs()).collect();
        to_array(IxDyn(dense.shape()).strides(IxDyn(&strides)), elements)
    }

    /// As [`to_ndarray`](Self::to_ndarray), but a CPU tensor that is the only view of its memory gives up its elements
    /// without a copy.
    ///
    /// # Errors
    /// As [`to_vec`](Self::to_vec).
    pub fn into_ndarray(self) -> Result<ArrayD<T>> {
        if !self.is_standard_layout() || self.layout.offset() != 0 {
            return self.to_ndarray();
        }
        let layout = self.layout;
        let Storage { buffer, device } = match Arc::try_unwrap(self.storage) {
            Ok(storage) => storage,
            Err(storage) => return Self { storage, layout, element: PhantomData }.to_ndarray(),
        };
        let buffer = match buffer {
            Buffer::Cpu(buffer) => match buffer.try_into_vec::<T>() {
                Ok(mut elements) => {
                    elements.truncate(layout.len());
                    return to_array(IxDyn(layout.shape()).into(), elements);
                }
                Err(buffer) => Buffer::Cpu(buffer),
            },
            #[cfg(any(feature = "cuda", feature = "portable"))]
            buffer => buffer,
        };
        Self::from_buffer(buffer, layout, &device).to_ndarray()
    }

    /// The element of a tensor with exactly one. Waits for it to be computed.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`] if there are none or several.
    pub fn item(&self) -> Result<T> {
        if self.len() != 1 {
            let reason = "only a tensor with one element is an item";
            return Err(Error::ShapeMismatch { op: "item", lhs: self.shape().to_vec(), rhs: vec![], reason });
        }
        Ok(self.read(self.layout.offset(), 1)?[0])
    }

    /// The tensor on `device`: itself if it is there already, else a copy through the host.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the device has no such element type, [`Error::OutOfMemory`].
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        if self.device() == device {
            return Ok(self.clone());
        }
        if !device.supports(T::DTYPE) {
            // Refused before the elements are fetched.
            return Self::uninit("to_device", &[], device);
        }
        Self::from_vec(self.to_vec()?, self.shape(), device)
    }

    /// The elements as another type, as Rust's `as` converts: floats to integers truncate and saturate (NaN is 0), integers to
    /// narrower ones wrap, to floats round to nearest even; to `bool` is `v != 0`.
    ///
    /// ```
    /// use tilework::{Device, Tensor};
    /// let x = Tensor::from_vec(vec![1.9f32, -3.0, f32::NAN], 3, &Device::cpu())?;
    /// assert_eq!(x.cast::<u8>()?.to_vec()?, [1, 0, 0]);
    /// # Ok::<(), tilework::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the device has no such element type, [`Error::OutOfMemory`].
    pub fn cast<U: Element>(&self) -> Result<Tensor<U>> {
        let op = "cast";
        let layout = self.output_layout::<U>(op)?;
        let out = Tensor::<U>::uninit_in(op, layout, self.device())?;
        if !out.is_empty() {
            self.device().backend().copy(self.operand(), out.operand())?;
        }
        Ok(out)
    }

    /// A copy in row-major order with memory of its own.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; [`Error::ShapeOverflow`] for a broadcast view too large to be stored.
    pub fn to_contiguous(&self) -> Result<Self> {
        let out = Self::uninit("to_contiguous", self.shape(), self.device())?;
        if !out.is_empty() {
            self.device().backend().copy(self.operand(), out.operand())?;
        }
        Ok(out)
    }

    /// The tensor itself if it is in row-major order without gaps, else a copy that is.
    ///
    /// # Errors
    /// As [`to_contiguous`](Self::to_contiguous).
    pub fn to_standard_layout(&self) -> Result<Self> {
        if self.is_standard_layout() { Ok(self.clone()) } else { self.to_contiguous() }
    }

    /// The layout of an elementwise result with elements of `U`: dense, in this tensor's memory order.
    pub(crate) fn output_layout<U: Element>(&self, op: &'static str) -> Result<Layout> {
        let standard = Layout::contiguous(op, self.shape(), U::DTYPE.size())?;
        Ok(if self.is_standard_layout() { standard } else { self.layout.dense_like() })
    }

    /// `len` elements of the buffer from element `start` on.
    fn read(&self, start: usize, len: usize) -> Result<Vec<T>> {
        let mut bits = vec![<<T as Sealed>::Bits as bytemuck::Zeroable>::zeroed(); len];
        if len > 0 {
            let size = T::DTYPE.size();
            let range = start * size..(start + len) * size;
            self.device().backend().read(self.operand().buffer, range, bytemuck::cast_slice_mut(&mut bits))?;
        }
        Ok(<T as Sealed>::from_bits(bits))
    }
}

/// The array of `elements` that `shape` (with strides, where not in row-major order) describes.
fn to_array<T>(shape: StrideShape<IxDyn>, elements: Vec<T>) -> Result<ArrayD<T>> {
    ArrayD::from_shape_vec(shape, elements)
        .map_err(|error| Error::InvalidArgument { op: "to_ndarray", reason: error.to_string() })
}
