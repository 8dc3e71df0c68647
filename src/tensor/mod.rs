//! The public [`Tensor`]: a view of elements on a device.

mod construct;
mod convert;
mod display;
mod operators;
mod view;

use std::marker::PhantomData;
use std::sync::Arc;

use crate::backend::{Buffer, Operand, unsupported};
use crate::device::Device;
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::layout::Layout;

/// An n-dimensional array of `T` on a [`Device`].
///
/// The element type is static, rank and device are dynamic. Cloning is cheap: clones and views share their elements, and an
/// in-place operation (`+=`, [`assign`](Self::assign)) on one is seen through all, as in NumPy and PyTorch; take
/// [`to_contiguous`](Self::to_contiguous) of a tensor for elements of its own.
///
/// Operations are enqueued in order and return at once; [`to_vec`](Self::to_vec), [`to_ndarray`](Self::to_ndarray) and
/// [`item`](Self::item) wait for the result. An error of the device that arrives after the operation returned is reported by
/// the next of these, or by [`Device::synchronize`].
///
/// ```
/// use tilework::{Device, Tensor};
/// use ndarray::{Axis, array, s};
///
/// let device = Device::best();
/// let x = Tensor::from_ndarray(&array![[1.0f32, -2.0, 3.0], [4.0, 5.0, -6.0]], &device)?;
/// let y = x.relu()?.slice(s![.., ..;2])?.sum_axis(Axis(1))?;
/// assert_eq!(y.to_vec()?, [4.0, 4.0]);
/// # Ok::<(), tilework::Error>(())
/// ```
pub struct Tensor<T: Element> {
    storage: Arc<Storage>,
    layout: Layout,
    element: PhantomData<T>,
}

/// Memory on a device, shared by the tensors that view it.
pub(crate) struct Storage {
    buffer: Buffer,
    device: Device,
}

impl<T: Element> Clone for Tensor<T> {
    fn clone(&self) -> Self {
        self.with_layout(self.layout.clone())
    }
}

impl<T: Element> Tensor<T> {
    /// The axis lengths; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        self.layout.shape()
    }

    /// The distance between neighbours along each axis, in elements; zero along broadcast axes, negative along reversed ones.
    pub fn strides(&self) -> &[isize] {
        self.layout.strides()
    }

    /// The number of axes.
    pub fn ndim(&self) -> usize {
        self.layout.rank()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.layout.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.layout.is_empty()
    }

    /// Whether the elements lie in row-major order without gaps.
    pub fn is_standard_layout(&self) -> bool {
        self.layout.is_contiguous()
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        T::DTYPE
    }

    /// Where the elements live.
    pub fn device(&self) -> &Device {
        &self.storage.device
    }

    /// The address of the first element on a CUDA device, valid while the tensor lives; `None` elsewhere.
    ///
    /// Hidden like `Device::cuda_stream`, and for the same use.
    #[doc(hidden)]
    pub fn cuda_pointer(&self) -> Option<u64> {
        match &self.storage.buffer {
            #[cfg(feature = "cuda")]
            Buffer::Cuda(buffer) => Some(buffer.pointer() + (self.layout.offset() * T::DTYPE.size()) as u64),
            _ => None,
        }
    }

    /// How the elements lie in the buffer.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Another view of the same elements.
    pub(crate) fn with_layout(&self, layout: Layout) -> Self {
        Self { storage: Arc::clone(&self.storage), layout, element: PhantomData }
    }

    /// The tensor as a backend sees it.
    pub(crate) fn operand(&self) -> Operand<'_> {
        self.operand_as(&self.layout)
    }

    /// The tensor as a backend sees it, under another layout of the same buffer.
    pub(crate) fn operand_as<'a>(&'a self, layout: &'a Layout) -> Operand<'a> {
        Operand { buffer: &self.storage.buffer, layout, dtype: T::DTYPE }
    }

    /// An uninitialised tensor, row-major; every element must be written before it is read.
    pub(crate) fn uninit(op: &'static str, shape: &[usize], device: &Device) -> Result<Self> {
        let layout = Layout::contiguous(op, shape, T::DTYPE.size())?;
        Self::uninit_in(op, layout, device)
    }

    /// An uninitialised tensor with `layout`, which is dense and starts at offset zero.
    pub(crate) fn uninit_in(op: &'static str, layout: Layout, device: &Device) -> Result<Self> {
        if !device.supports(T::DTYPE) {
            let reason = "the device has no such element type; cast the tensor, or use another device";
            return Err(unsupported(device.info(), op, T::DTYPE, reason));
        }
        let buffer = device.backend().allocate(layout.len() * T::DTYPE.size())?;
        Ok(Self::from_buffer(buffer, layout, device))
    }

    /// A tensor over a buffer that holds what `layout` reaches.
    pub(crate) fn from_buffer(buffer: Buffer, layout: Layout, device: &Device) -> Self {
        Self { storage: Arc::new(Storage { buffer, device: device.clone() }), layout, element: PhantomData }
    }

    /// An error unless `other` lives on the same device.
    pub(crate) fn check_device<U: Element>(&self, op: &'static str, other: &Tensor<U>) -> Result<()> {
        if self.device() == other.device() {
            return Ok(());
        }
        Err(Error::DeviceMismatch { op, lhs: self.device().to_string(), rhs: other.device().to_string() })
    }

    /// Whether both view the same memory.
    pub(crate) fn shares_storage<U: Element>(&self, other: &Tensor<U>) -> bool {
        Arc::ptr_eq(&self.storage, &other.storage)
    }
}
