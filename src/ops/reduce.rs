//! Reductions over any set of axes.

use ndarray::Axis;

use crate::backend::op::Reduce;
use crate::dtype::{Element, Float, Number, Scalar};
use crate::error::{Error, Result};
use crate::layout::Dims;
use crate::tensor::Tensor;

/// The three forms of a reduction: over everything, one axis, several axes.
macro_rules! reductions {
    ($domain:ident $($all:ident $axis:ident $axes:ident ($($p:ident: $pt:ty),*) -> $out:ident, $op:expr, $doc:literal, $empty:literal;)*) => {$(
        #[doc = concat!($doc, " of all elements, as a rank-0 tensor.")]
        ///
        #[doc = $empty]
        ///
        /// # Errors
        /// [`Error::OutOfMemory`]; [`Error::EmptyReduction`] where there is no value for none.
        pub fn $all(&self $(, $p: $pt)*) -> Result<Tensor<reductions!(@ $out)>> {
            let axes: Dims = (0..self.ndim()).collect();
            reduce($op, self, &axes)
        }

        #[doc = concat!($doc, " along `axis`, which disappears.")]
        ///
        #[doc = $empty]
        ///
        /// # Errors
        /// [`Error::InvalidAxis`], [`Error::OutOfMemory`]; [`Error::EmptyReduction`] where there is no value for none.
        pub fn $axis(&self, axis: Axis $(, $p: $pt)*) -> Result<Tensor<reductions!(@ $out)>> {
            reduce($op, self, &[axis.index()])
        }

        #[doc = concat!($doc, " over the set `axes`, which disappear; none of them leaves single elements.")]
        ///
        #[doc = $empty]
        ///
        /// # Errors
        /// [`Error::InvalidAxis`], [`Error::OutOfMemory`]; [`Error::EmptyReduction`] where there is no value for none.
        pub fn $axes(&self, axes: &[usize] $(, $p: $pt)*) -> Result<Tensor<reductions!(@ $out)>> {
            reduce($op, self, axes)
        }
    )*};
    (@ same) => { T };
    (@ index) => { u32 };
    (@ bool) => { bool };
}

impl<T: Number> Tensor<T> {
    reductions! { Number
        sum sum_axis sum_axes() -> same, Reduce::Sum, "Sum", "Integers wrap; half types accumulate in f32. The sum of none is 0.";
        prod prod_axis prod_axes() -> same, Reduce::Prod, "Product", "Integers wrap; half types accumulate in f32. The product of none is 1.";
        max max_axis max_axes() -> same, Reduce::Max, "Largest element", "NaN if any is NaN.";
        min min_axis min_axes() -> same, Reduce::Min, "Smallest element", "NaN if any is NaN.";
        argmax argmax_axis argmax_axes() -> index, Reduce::ArgMax, "Row-major index of the first largest element", "The first NaN, if any is NaN.";
        argmin argmin_axis argmin_axes() -> index, Reduce::ArgMin, "Row-major index of the first smallest element", "The first NaN, if any is NaN.";
    }

    /// The sum of elementwise products of two tensors of one shape, as a rank-0 tensor; half types accumulate in f32.
    pub(crate) fn inner_product(&self, rhs: &Self) -> Result<Self> {
        let axes: Dims = (0..self.ndim()).collect();
        self.dot_axes(rhs, &axes)
    }

    /// [`inner_product`](Self::inner_product) over the set `axes`, which disappear.
    pub(crate) fn dot_axes(&self, rhs: &Self, axes: &[usize]) -> Result<Self> {
        run(Reduce::Dot, self, Some(rhs), axes)
    }
}

impl<T: Float> Tensor<T> {
    reductions! { Float
        mean mean_axis mean_axes() -> same, Reduce::Mean, "Arithmetic mean", "Half types accumulate in f32. The mean of none is NaN.";
        var var_axis var_axes(ddof: f64) -> same, Reduce::Var { ddof }, "Variance with divisor `n - ddof`", "Computed from the deviations from the mean. NaN for none, and where `n <= ddof`.";
        norm norm_axis norm_axes() -> same, Reduce::Norm, "Euclidean norm, the square root of the sum of squares,", "The norm of none is 0.";
    }
}

impl Tensor<bool> {
    reductions! { Bool
        any any_axis any_axes() -> bool, Reduce::Any, "Whether any is true", "Of none: false.";
        all all_axis all_axes() -> bool, Reduce::All, "Whether all are true", "Of none: true.";
    }
}

fn reduce<T: Element, U: Element>(op: Reduce, x: &Tensor<T>, axes: &[usize]) -> Result<Tensor<U>> {
    run(op, x, None, axes)
}

fn run<T: Element, U: Element>(op: Reduce, x: &Tensor<T>, y: Option<&Tensor<T>>, axes: &[usize]) -> Result<Tensor<U>> {
    let name = op.name();
    let mut sorted = Dims::from_slice(axes);
    sorted.sort_unstable();
    for (i, &axis) in sorted.iter().enumerate() {
        x.layout().check_axis(name, axis)?;
        if i > 0 && sorted[i - 1] == axis {
            let reason = "an axis can be reduced only once";
            return Err(Error::InvalidAxis { op: name, axis, shape: x.shape().to_vec(), reason });
        }
    }
    let kept: Dims = (0..x.ndim()).filter(|axis| !sorted.contains(axis)).map(|axis| x.shape()[axis]).collect();
    let count: usize = sorted.iter().map(|&axis| x.shape()[axis]).product();
    if op.is_arg() && u32::try_from(count).is_err() {
        let reason = format!("{count} elements have no u32 index; reduce fewer axes at once");
        return Err(Error::InvalidArgument { op: name, reason });
    }
    if count == 0 && !kept.contains(&0) {
        let value = identity(op).ok_or_else(|| Error::EmptyReduction {
            op: name,
            shape: x.shape().to_vec(),
            axes: sorted.to_vec(),
        })?;
        let out = Tensor::<U>::uninit(name, &kept, x.device())?;
        x.device().backend().fill(value, out.operand())?;
        return Ok(out);
    }
    let out = Tensor::<U>::uninit(name, &kept, x.device())?;
    if !out.is_empty() {
        x.device().backend().reduce(op, x.operand(), y.map(Tensor::operand), &sorted, out.operand())?;
    }
    Ok(out)
}

/// The value of a reduction of no elements, if it has one.
fn identity(op: Reduce) -> Option<Scalar> {
    match op {
        Reduce::Sum | Reduce::Norm | Reduce::Dot | Reduce::Any => Some(Scalar::Int(0)),
        Reduce::Prod | Reduce::All => Some(Scalar::Int(1)),
        Reduce::Mean | Reduce::Var { .. } => Some(Scalar::Float(f64::NAN)),
        Reduce::Max | Reduce::Min | Reduce::ArgMax | Reduce::ArgMin => None,
    }
}
