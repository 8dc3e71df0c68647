//! Softmax and its logarithm along an axis.

use ndarray::Axis;

use crate::backend::op::Softmax;
use crate::dtype::Float;
use crate::error::Result;
use crate::layout::Layout;
use crate::tensor::Tensor;

impl<T: Float> Tensor<T> {
    /// `e^(x - max) / Σ e^(x - max)` along `axis`; half types compute in f32. A slice of nothing but `-inf`, or with a NaN, is NaN.
    ///
    /// # Errors
    /// [`Error::InvalidAxis`](crate::Error::InvalidAxis), [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn softmax(&self, axis: Axis) -> Result<Self> {
        along(Softmax::Softmax, self, axis)
    }

    /// `x - max - log Σ e^(x - max)` along `axis`; half types compute in f32.
    ///
    /// # Errors
    /// [`Error::InvalidAxis`](crate::Error::InvalidAxis), [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn log_softmax(&self, axis: Axis) -> Result<Self> {
        along(Softmax::LogSoftmax, self, axis)
    }
}

/// The operation with `axis` put last in operand and result.
fn along<T: Float>(op: Softmax, x: &Tensor<T>, axis: Axis) -> Result<Tensor<T>> {
    let name = op.name();
    let axis = x.layout().check_axis(name, axis.index())?;
    let out = Tensor::uninit_in(name, x.output_layout::<T>(name)?, x.device())?;
    if !out.is_empty() {
        let (source, target) = (axis_last(x.layout(), axis), axis_last(out.layout(), axis));
        x.device().backend().softmax(op, x.operand_as(&source), out.operand_as(&target))?;
    }
    Ok(out)
}

/// `layout` with `axis` moved to the end.
fn axis_last(layout: &Layout, axis: usize) -> Layout {
    let order = || (0..layout.rank()).filter(|&a| a != axis).chain([axis]);
    let shape = order().map(|a| layout.shape()[a]).collect();
    let strides = order().map(|a| layout.strides()[a]).collect();
    Layout::from_parts(shape, strides, layout.offset())
}
