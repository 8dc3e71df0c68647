//! The one error type: every variant names the operation, the shapes and the dtypes it can know, and says the remedy.

use crate::dtype::DType;

/// The result of every fallible operation.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation was refused or failed.
///
/// An operation that returns an error has changed nothing: its inputs and any in-place target hold what they held before.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Shapes that the operation cannot combine.
    #[error("{op}: shapes {lhs:?} and {rhs:?} do not fit: {reason}")]
    ShapeMismatch {
        /// The operation.
        op: &'static str,
        /// Shape of the left (or only tensor) operand.
        lhs: Vec<usize>,
        /// Shape of the right operand, or the shape asked for.
        rhs: Vec<usize>,
        /// The rule that is broken.
        reason: &'static str,
    },
    /// An axis outside the tensor's rank, or named twice.
    #[error("{op}: axis {axis} is not usable for a tensor of shape {shape:?}: {reason}")]
    InvalidAxis {
        /// The operation.
        op: &'static str,
        /// The axis asked for.
        axis: usize,
        /// Shape of the tensor.
        shape: Vec<usize>,
        /// The rule that is broken.
        reason: &'static str,
    },
    /// A slice or an index outside the tensor.
    #[error("{op}: {what} is outside a tensor of shape {shape:?}")]
    OutOfBounds {
        /// The operation.
        op: &'static str,
        /// The index or range, as text.
        what: String,
        /// Shape of the tensor.
        shape: Vec<usize>,
    },
    /// The number of elements or bytes of this shape does not fit in the address space.
    #[error("{op}: a tensor of shape {shape:?} has more bytes than can be addressed; use smaller or fewer axes")]
    ShapeOverflow {
        /// The operation.
        op: &'static str,
        /// The shape asked for.
        shape: Vec<usize>,
    },
    /// An argument outside its domain.
    #[error("{op}: {reason}")]
    InvalidArgument {
        /// The operation.
        op: &'static str,
        /// What is wrong with it and what is allowed.
        reason: String,
    },
    /// An equation of labelled axes that cannot be read, or that does not fit the operands.
    #[error("{op}: the equation {equation:?} is not usable: {reason}")]
    InvalidEquation {
        /// The operation.
        op: &'static str,
        /// The equation.
        equation: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A reduction without identity (`max`, `argmin`, ...) over zero elements.
    #[error("{op}: no elements to reduce in shape {shape:?} over axes {axes:?}, and {op} has no value for none")]
    EmptyReduction {
        /// The operation.
        op: &'static str,
        /// Shape of the tensor.
        shape: Vec<usize>,
        /// The axes reduced over.
        axes: Vec<usize>,
    },
    /// Operands that live on different devices.
    #[error("{op}: operands live on {lhs} and {rhs}; move one with `to_device`")]
    DeviceMismatch {
        /// The operation.
        op: &'static str,
        /// Device of the left operand.
        lhs: String,
        /// Device of the right operand.
        rhs: String,
    },
    /// An in-place operation whose target overlaps itself or an operand.
    #[error("{op}: the target of shape {shape:?} {reason}; copy the operand first with `to_contiguous`")]
    Overlap {
        /// The operation.
        op: &'static str,
        /// Shape of the in-place target.
        shape: Vec<usize>,
        /// What overlaps.
        reason: &'static str,
    },
    /// The device has no implementation of this operation for this element type.
    #[error("{op} on {dtype} is not supported on {device}: {reason}")]
    Unsupported {
        /// The operation.
        op: &'static str,
        /// The element type.
        dtype: DType,
        /// The device.
        device: String,
        /// Why, and what to do instead.
        reason: String,
    },
    /// A backend that cannot be used on this machine or in this build.
    #[error("backend {backend} is not available: {reason}; {remedy}")]
    BackendUnavailable {
        /// `"cuda"`, `"wgpu"` or `"cpu"`.
        backend: &'static str,
        /// What is missing.
        reason: String,
        /// How to get it.
        remedy: String,
    },
    /// The device's memory, or the limit set on it, is used up.
    #[error(
        "out of memory: {requested} bytes asked for, {in_use} in use, {reserved} reserved, limit {limit:?}; \
         drop tensors, call `Device::trim_memory`, or raise the limit"
    )]
    OutOfMemory {
        /// Bytes asked for.
        requested: usize,
        /// Bytes in use by live tensors.
        in_use: usize,
        /// Bytes held from the system: in use and cached.
        reserved: usize,
        /// The limit on `reserved`, if one is set.
        limit: Option<usize>,
    },
    /// The device is gone (unplugged, reset, destroyed); tensors on it are lost.
    #[error("{device} was lost during {}: {message}; make a new `Device`", op.unwrap_or("an unknown operation"))]
    DeviceLost {
        /// The device.
        device: String,
        /// The operation, where it is known.
        op: Option<&'static str>,
        /// The driver's words.
        message: String,
    },
    /// A failure reported by the driver or the shader compiler, at the call or later.
    #[error("{device} failed in {}: {message}", op.unwrap_or("an earlier operation (which one is not known)"))]
    Driver {
        /// The device.
        device: String,
        /// The operation, where it is known.
        op: Option<&'static str>,
        /// The driver's words.
        message: String,
    },
}
