//! Elementwise operations: unary, binary, comparisons, selection and fused forms, with broadcasting.

use std::borrow::Cow;

use crate::backend::Source;
use crate::backend::op::{self, Binary, Compare, Unary};
use crate::device::Device;
use crate::dtype::{Element, Float, Number, Scalar, Signed};
use crate::error::{Error, Result};
use crate::layout::{Dims, Layout, broadcast_shape};
use crate::tensor::Tensor;

/// The right-hand side of an elementwise operation: a tensor (owned or by reference), or a number for all elements.
pub trait Argument<T: Element>: private::Argument<T> {}

impl<T: Element, A: private::Argument<T>> Argument<T> for A {}

mod private {
    use super::{Element, Tensor};

    /// What an argument is.
    pub enum Kind<'a, T: Element> {
        Tensor(&'a Tensor<T>),
        Number(T),
    }

    pub trait Argument<T: Element> {
        fn kind(&self) -> Kind<'_, T>;
    }
}
use private::Kind;

impl<T: Element> private::Argument<T> for Tensor<T> {
    fn kind(&self) -> Kind<'_, T> {
        Kind::Tensor(self)
    }
}

impl<T: Element> private::Argument<T> for &Tensor<T> {
    fn kind(&self) -> Kind<'_, T> {
        Kind::Tensor(self)
    }
}

impl<T: Element> private::Argument<T> for T {
    fn kind(&self) -> Kind<'_, T> {
        Kind::Number(*self)
    }
}

macro_rules! unary_methods {
    ($($variant:ident $method:ident($($p:ident),*) $domain:ident $doc:literal |$x:ident, $a:pat_param, $b:pat_param| $body:expr;)*) => {
        $(unary_methods!(@ $domain $variant $method($($p),*) $doc);)*
    };
    (@ Bool $variant:ident $method:ident() $doc:literal) => {
        impl Tensor<bool> {
            #[doc = concat!("Elementwise ", $doc)]
            ///
            /// # Errors
            /// [`Error::OutOfMemory`], or [`Error::Unsupported`] on a device without this operation.
            pub fn $method(&self) -> Result<Self> {
                unary(Unary::$variant, [Scalar::Int(0); 2], self)
            }
        }
    };
    (@ $domain:ident $variant:ident $method:ident($($p:ident),*) $doc:literal) => {
        impl<T: $domain> Tensor<T> {
            #[doc = concat!("Elementwise ", $doc)]
            ///
            /// # Errors
            /// [`Error::OutOfMemory`], or [`Error::Unsupported`] on a device without this operation for `T`.
            pub fn $method(&self $(, $p: T)*) -> Result<Self> {
                unary(Unary::$variant, parameters(&[$($p.scalar()),*]), self)
            }
        }
    };
}
op::for_each_unary!(unary_methods);

macro_rules! binary_methods {
    ($($variant:ident $method:ident $domain:ident $doc:literal |$x:ident, $y:ident| $body:expr;)*) => {
        $(binary_methods!(@ $domain $variant $method $doc);)*
    };
    (@ Bool $variant:ident $method:ident $doc:literal) => {
        impl Tensor<bool> {
            #[doc = concat!("Elementwise ", $doc)]
            ///
            /// # Errors
            /// [`Error::ShapeMismatch`], [`Error::DeviceMismatch`], [`Error::OutOfMemory`].
            pub fn $method(&self, rhs: impl Argument<bool>) -> Result<Self> {
                binary(Binary::$variant, Kind::Tensor(self), rhs.kind())
            }
        }
    };
    (@ $domain:ident $variant:ident $method:ident $doc:literal) => {
        impl<T: $domain> Tensor<T> {
            #[doc = concat!("Elementwise ", $doc)]
            ///
            /// `a` is `self`, `b` is `rhs`, a tensor or a number; shapes broadcast.
            ///
            /// # Errors
            /// [`Error::ShapeMismatch`], [`Error::DeviceMismatch`], [`Error::OutOfMemory`], or [`Error::Unsupported`] on a
            /// device without this operation for `T`.
            pub fn $method(&self, rhs: impl Argument<T>) -> Result<Self> {
                binary(Binary::$variant, Kind::Tensor(self), rhs.kind())
            }
        }
    };
}
op::for_each_binary!(binary_methods);

macro_rules! compare_methods {
    ($($variant:ident $method:ident $domain:ident $doc:literal |$x:ident, $y:ident| $body:expr;)*) => {
        impl<T: Number> Tensor<T> {
            $(
                #[doc = concat!("Elementwise ", $doc)]
                ///
                /// `a` is `self`, `b` is `rhs`, a tensor or a number; shapes broadcast.
                ///
                /// # Errors
                /// [`Error::ShapeMismatch`], [`Error::DeviceMismatch`], [`Error::OutOfMemory`].
                pub fn $method(&self, rhs: impl Argument<T>) -> Result<Tensor<bool>> {
                    compare(Compare::$variant, self, rhs.kind())
                }
            )*
        }
    };
}
op::for_each_compare!(compare_methods);

impl Tensor<bool> {
    /// Elementwise `self ? on_true : on_false`; all three broadcast, and the choices may be numbers.
    ///
    /// ```
    /// use tilework::{Device, Tensor};
    /// let x = Tensor::from_vec(vec![-1.0f32, 2.0], 2, &Device::cpu())?;
    /// assert_eq!(x.lt(0.0)?.where_cond(10.0, &x)?.to_vec()?, [10.0, 2.0]);
    /// # Ok::<(), tilework::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`], [`Error::DeviceMismatch`], [`Error::OutOfMemory`].
    pub fn where_cond<T: Element>(&self, on_true: impl Argument<T>, on_false: impl Argument<T>) -> Result<Tensor<T>> {
        let op = "where_cond";
        let (a, b) = (on_true.kind(), on_false.kind());
        let mut shape = Dims::from_slice(self.shape());
        for side in [&a, &b] {
            if let Kind::Tensor(tensor) = side {
                self.check_device(op, tensor)?;
                shape = broadcast_shape(op, &shape, tensor.shape())?;
            }
        }
        let out = Tensor::uninit_in(op, output_layout::<T>(op, &shape, &[&a, &b])?, self.device())?;
        if !out.is_empty() {
            let (cond, a, b) =
                (fit(op, self.layout(), &shape)?, Fitted::new(op, &a, &shape)?, Fitted::new(op, &b, &shape)?);
            self.device().backend().select(self.operand_as(&cond), a.source(), b.source(), out.operand())?;
        }
        Ok(out)
    }
}

impl<T: Number> Tensor<T> {
    /// Elementwise `self * scale + shift` in one pass, with one rounding for floats on CUDA and the CPU; shapes broadcast.
    ///
    /// # Errors
    /// [`Error::ShapeMismatch`], [`Error::DeviceMismatch`], [`Error::OutOfMemory`].
    pub fn affine(&self, scale: impl Argument<T>, shift: impl Argument<T>) -> Result<Self> {
        let op = "affine";
        let (scale, shift) = (scale.kind(), shift.kind());
        let mut shape = Dims::from_slice(self.shape());
        for side in [&scale, &shift] {
            if let Kind::Tensor(tensor) = side {
                self.check_device(op, tensor)?;
                shape = broadcast_shape(op, &shape, tensor.shape())?;
            }
        }
        let layout = output_layout::<T>(op, &shape, &[&Kind::Tensor(self), &scale, &shift])?;
        let out = Self::uninit_in(op, layout, self.device())?;
        if !out.is_empty() {
            let x = fit(op, self.layout(), &shape)?;
            let (scale, shift) = (Fitted::new(op, &scale, &shape)?, Fitted::new(op, &shift, &shape)?);
            self.device().backend().affine(self.operand_as(&x), scale.source(), shift.source(), out.operand())?;
        }
        Ok(out)
    }
}

impl<T: Element> Tensor<T> {
    /// Overwrites the elements with `rhs`, a tensor that broadcasts to this shape or a number. Views of the same elements see it.
    ///
    /// ```
    /// use tilework::{Device, Tensor};
    /// use ndarray::s;
    /// let x = Tensor::<i32>::zeros((2, 2), &Device::cpu())?;
    /// x.slice(s![.., 1])?.assign(7)?;
    /// assert_eq!(x.to_vec()?, [0, 7, 0, 7]);
    /// # Ok::<(), tilework::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Overlap`] if this view reaches an element twice, or shares elements with `rhs` at other indices;
    /// [`Error::ShapeMismatch`], [`Error::DeviceMismatch`].
    pub fn assign(&mut self, rhs: impl Argument<T>) -> Result<()> {
        let op = "assign";
        let rhs = rhs.kind();
        self.check_target(op, &rhs)?;
        if self.is_empty() {
            return Ok(());
        }
        match rhs {
            Kind::Number(value) => self.device().backend().fill(value.scalar(), self.operand()),
            Kind::Tensor(tensor) => {
                let layout = fit(op, tensor.layout(), self.shape())?;
                self.device().backend().copy(tensor.operand_as(&layout), self.operand())
            }
        }
    }

    /// `self = op(self, rhs)` in place.
    pub(crate) fn update(&mut self, op: Binary, rhs: impl Argument<T>) -> Result<()> {
        let rhs = rhs.kind();
        self.check_target(op.name(), &rhs)?;
        if self.is_empty() {
            return Ok(());
        }
        let rhs = Fitted::new(op.name(), &rhs, self.shape())?;
        self.device().backend().binary(op, Source::Tensor(self.operand()), rhs.source(), self.operand())
    }

    /// Refuses an in-place target that reaches an element twice, or that `rhs` reads at other indices than are written.
    fn check_target(&self, op: &'static str, rhs: &Kind<T>) -> Result<()> {
        let overlap = |reason| Error::Overlap { op, shape: self.shape().to_vec(), reason };
        if self.layout().overlaps_itself() {
            return Err(overlap("reaches some elements more than once"));
        }
        let Kind::Tensor(rhs) = rhs else { return Ok(()) };
        self.check_device(op, rhs)?;
        let layout = fit(op, rhs.layout(), self.shape())?;
        if self.shares_storage(rhs) && self.layout().conflicts_with(&layout) {
            return Err(overlap("overlaps the operand"));
        }
        Ok(())
    }
}

macro_rules! in_place_methods {
    ($($method:ident $variant:ident $symbol:literal;)*) => {
        impl<T: Number> Tensor<T> {
            $(
                #[doc = concat!("In place `self ", $symbol, " rhs`; `rhs` is a number or broadcasts to this shape. Views of the same elements see it.")]
                ///
                /// # Errors
                /// [`Error::Overlap`] if this view reaches an element twice, or shares elements with `rhs` at other indices;
                /// [`Error::ShapeMismatch`], [`Error::DeviceMismatch`].
                pub fn $method(&mut self, rhs: impl Argument<T>) -> Result<()> {
                    self.update(Binary::$variant, rhs)
                }
            )*
        }
    };
}
in_place_methods! {
    add_assign Add "+=";
    sub_assign Sub "-=";
    mul_assign Mul "*=";
    div_assign Div "/=";
    rem_assign Rem "%=";
}

/// `op(x)` as a new tensor.
fn unary<T: Element>(op: Unary, params: [Scalar; 2], x: &Tensor<T>) -> Result<Tensor<T>> {
    let out = Tensor::uninit_in(op.name(), x.output_layout::<T>(op.name())?, x.device())?;
    if !out.is_empty() {
        x.device().backend().unary(op, params, x.operand(), out.operand())?;
    }
    Ok(out)
}

/// `op(a, b)` as a new tensor.
fn binary<T: Element>(op: Binary, a: Kind<T>, b: Kind<T>) -> Result<Tensor<T>> {
    let (device, shape) = meet(op.name(), &a, &b)?;
    let out = Tensor::uninit_in(op.name(), output_layout::<T>(op.name(), &shape, &[&a, &b])?, device)?;
    if !out.is_empty() {
        let (a, b) = (Fitted::new(op.name(), &a, &shape)?, Fitted::new(op.name(), &b, &shape)?);
        device.backend().binary(op, a.source(), b.source(), out.operand())?;
    }
    Ok(out)
}

/// `op(lhs, number)` with the number on the left, for the operators `2.0 / &x`.
pub(crate) fn binary_from_left<T: Element>(op: Binary, lhs: T, rhs: &Tensor<T>) -> Result<Tensor<T>> {
    binary(op, Kind::Number(lhs), Kind::Tensor(rhs))
}

fn compare<T: Number>(op: Compare, a: &Tensor<T>, b: Kind<T>) -> Result<Tensor<bool>> {
    let a = Kind::Tensor(a);
    let (device, shape) = meet(op.name(), &a, &b)?;
    let out = Tensor::uninit_in(op.name(), output_layout::<bool>(op.name(), &shape, &[&a, &b])?, device)?;
    if !out.is_empty() {
        let (a, b) = (Fitted::new(op.name(), &a, &shape)?, Fitted::new(op.name(), &b, &shape)?);
        device.backend().compare(op, a.source(), b.source(), out.operand())?;
    }
    Ok(out)
}

/// The common device and the broadcast shape of two arguments, at least one of which is a tensor.
fn meet<'a, T: Element>(op: &'static str, a: &Kind<'a, T>, b: &Kind<'a, T>) -> Result<(&'a Device, Dims)> {
    match (a, b) {
        (Kind::Tensor(a), Kind::Tensor(b)) => {
            a.check_device(op, b)?;
            Ok((a.device(), broadcast_shape(op, a.shape(), b.shape())?))
        }
        (Kind::Tensor(x), Kind::Number(_)) | (Kind::Number(_), Kind::Tensor(x)) => {
            Ok((x.device(), Dims::from_slice(x.shape())))
        }
        (Kind::Number(_), Kind::Number(_)) => {
            Err(Error::InvalidArgument { op, reason: "one of the arguments must be a tensor".into() })
        }
    }
}

/// The layout of a result: dense, in the memory order of the first tensor that has the full shape.
fn output_layout<T: Element>(op: &'static str, shape: &[usize], arguments: &[&Kind<impl Element>]) -> Result<Layout> {
    let standard = Layout::contiguous(op, shape, T::DTYPE.size())?;
    let model = arguments.iter().find_map(|argument| match argument {
        Kind::Tensor(tensor) if tensor.shape() == shape => Some(tensor.layout()),
        _ => None,
    });
    Ok(match model {
        Some(layout) if !layout.is_contiguous() => layout.dense_like(),
        _ => standard,
    })
}

/// `layout` under the result's shape, without a copy where it has it already.
fn fit<'a>(op: &'static str, layout: &'a Layout, shape: &[usize]) -> Result<Cow<'a, Layout>> {
    if layout.shape() == shape { Ok(Cow::Borrowed(layout)) } else { Ok(Cow::Owned(layout.broadcast(op, shape)?)) }
}

/// An argument broadcast to the result's shape.
enum Fitted<'a, T: Element> {
    Tensor(&'a Tensor<T>, Cow<'a, Layout>),
    Number(T),
}

impl<'a, T: Element> Fitted<'a, T> {
    fn new(op: &'static str, argument: &Kind<'a, T>, shape: &[usize]) -> Result<Self> {
        Ok(match *argument {
            Kind::Tensor(tensor) => Fitted::Tensor(tensor, fit(op, tensor.layout(), shape)?),
            Kind::Number(value) => Fitted::Number(value),
        })
    }

    fn source(&self) -> Source<'_> {
        match self {
            Fitted::Tensor(tensor, layout) => Source::Tensor(tensor.operand_as(layout)),
            Fitted::Number(value) => Source::Scalar(value.scalar()),
        }
    }
}

/// The parameters of a unary operation, padded with zeros.
fn parameters(given: &[Scalar]) -> [Scalar; 2] {
    let mut params = [Scalar::Int(0); 2];
    params[..given.len()].copy_from_slice(given);
    params
}
