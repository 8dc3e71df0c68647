//! Normalisation over the last axes.

use crate::backend::op::Norm;
use crate::dtype::Float;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

impl<T: Float> Tensor<T> {
    /// `x / sqrt(mean(x²) + eps) * weight`, the mean over the last `axes` axes; half types compute in f32.
    ///
    /// `weight` has the shape of those axes; without it the factor is 1.
    ///
    /// ```
    /// use tilework::{Device, Tensor};
    /// let x = Tensor::from_vec(vec![3.0f32, 4.0], (1, 2), &Device::cpu())?;
    /// let y = x.rms_norm(1, None, 0.0)?.to_vec()?;
    /// assert!((y[0] - 3.0 / 12.5f32.sqrt()).abs() < 1e-6);
    /// # Ok::<(), tilework::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InvalidAxis`] unless `1 <= axes <= rank`, [`Error::ShapeMismatch`] for the weight, [`Error::DeviceMismatch`].
    pub fn rms_norm(&self, axes: usize, weight: Option<&Self>, eps: f64) -> Result<Self> {
        normalise(Norm::Rms { eps }, self, axes, weight, None)
    }

    /// `(x - mean) / sqrt(var + eps) * weight + bias`, mean and biased variance over the last `axes` axes; half types compute
    /// in f32, and the variance is that of the deviations from the mean.
    ///
    /// `weight` and `bias` have the shape of those axes; without them the factor is 1 and the term 0.
    ///
    /// # Errors
    /// [`Error::InvalidAxis`] unless `1 <= axes <= rank`, [`Error::ShapeMismatch`] for weight or bias, [`Error::DeviceMismatch`].
    pub fn layer_norm(&self, axes: usize, weight: Option<&Self>, bias: Option<&Self>, eps: f64) -> Result<Self> {
        normalise(Norm::Layer { eps }, self, axes, weight, bias)
    }
}

fn normalise<T: Float>(
    op: Norm,
    x: &Tensor<T>,
    axes: usize,
    weight: Option<&Tensor<T>>,
    bias: Option<&Tensor<T>>,
) -> Result<Tensor<T>> {
    let name = op.name();
    if axes == 0 || axes > x.ndim() {
        let reason = "normalisation is over the last 1 to rank axes";
        return Err(Error::InvalidAxis { op: name, axis: axes, shape: x.shape().to_vec(), reason });
    }
    let (outer, inner) = x.shape().split_at(x.ndim() - axes);
    for parameter in [weight, bias].into_iter().flatten() {
        x.check_device(name, parameter)?;
        if parameter.shape() != inner {
            let reason = "weight and bias must have the shape of the normalised axes";
            return Err(Error::ShapeMismatch {
                op: name,
                lhs: x.shape().to_vec(),
                rhs: parameter.shape().to_vec(),
                reason,
            });
        }
    }
    // The backend normalises over one axis: the last ones are folded into it.
    let columns: usize = inner.iter().product();
    let folded = [outer, &[columns]].concat();
    let source = if axes == 1 { x.clone() } else { x.reshape(&folded[..])? };
    let flat = |parameter: Option<&Tensor<T>>| parameter.map(|p| p.reshape(columns)).transpose();
    let (weight, bias) = (flat(weight)?, flat(bias)?);
    let out = Tensor::uninit_in(name, source.output_layout::<T>(name)?, x.device())?;
    if !out.is_empty() {
        let (weight, bias) = (weight.as_ref().map(Tensor::operand), bias.as_ref().map(Tensor::operand));
        x.device().backend().norm(op, source.operand(), weight, bias, out.operand())?;
    }
    if axes == 1 { Ok(out) } else { out.reshape(x.shape()) }
}
