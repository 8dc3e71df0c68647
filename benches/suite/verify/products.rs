//! Matrix products and what follows them, against f64 on the host.

use ndarray::s;
use tilework::{DType, F8E4M3, Float, Precision, Result, Tensor};

use super::{Check, F32, floats, sum, unary};
use crate::case::{Case, Input, Product, Unary, Work};
use crate::work::{Inputs, Scaled};

/// What rounding both factors of a term to TF32 changes in it, at most.
const TF32: f64 = 1.0 / (1 << 10) as f64;
/// What the tensor cores cut off short sums of 8-bit products, and what is lost in all: of sums of random signs, at most. Each term is
/// exact.
const SCALED: f64 = 1.0 / (1 << 10) as f64;
/// Unit roundoff of f64.
const F64: f64 = 1.0 / (1u64 << 53) as f64;

impl Check {
    /// The factors times their scales are multiplied as any others.
    pub(super) fn scaled_product<T: Float>(
        &self,
        case: &Case,
        inputs: &Inputs<T>,
        out: &Tensor<T>,
    ) -> Result<Option<String>> {
        let Some(scaled) = &inputs.scaled else { return Ok(Some("no factors".into())) };
        let times = |x: &Tensor<F8E4M3>, scale: f32| x.cast::<T>()?.mul(T::from_f64(scale.into()));
        let [a_scale, b_scale] = Scaled::SCALES;
        self.products(case, &times(&scaled.a, a_scale)?, Some(&times(&scaled.b, b_scale)?), inputs, out)
    }

    pub(super) fn products<T: Float>(
        &self,
        case: &Case,
        a: &Tensor<T>,
        b: Option<&Tensor<T>>,
        inputs: &Inputs<T>,
        out: &Tensor<T>,
    ) -> Result<Option<String>> {
        let Some(b) = b else { return Ok(Some("no second operand".into())) };
        let batches = if a.ndim() == 3 { a.shape()[0] } else { 1 };
        let rows = a.shape()[a.ndim() - 2];
        let is_mlp = case.work == Work::Mlp;
        let bias = inputs.c.as_ref().map(floats).transpose()?;
        let second = inputs.d.as_ref().filter(|_| is_mlp).map(floats).transpose()?;
        let residual = inputs.d.as_ref().filter(|_| !is_mlp);
        let unit = if T::DTYPE == DType::F64 { F64 } else { F32 };
        let factors = match case.work {
            Work::Matmul(Product { precision: Precision::Tf32, .. }) if T::DTYPE == DType::F32 => TF32,
            Work::ScaledMatmul(_) => SCALED,
            _ => 0.0,
        };
        let mut grand = (0.0, 0.0);
        let sampled: Vec<usize> = if case.work == Work::SumMatmul { (0..rows).collect() } else { ends(rows) };
        for batch in ends(batches) {
            let of = |x: &Tensor<T>| if x.ndim() == 3 { x.slice(s![batch, .., ..]) } else { Ok(x.clone()) };
            let (a, b) = (of(a)?, floats(&of(b)?)?);
            for &row in &sampled {
                let x = floats(&a.slice(s![row, ..])?)?;
                let (mut product, mut magnitude) = multiply(&x, &b);
                // Roundings of random terms add up like a random walk, those of a formula's may all go one way.
                let terms = x.len() as f64;
                let steps = if matches!(case.input, Input::Random) { 4.0 * terms.sqrt() } else { terms };
                let mut error: Vec<f64> = magnitude.iter().map(|m| m * (unit * (steps + 8.0) + factors)).collect();
                if let Some(w) = &second {
                    // The first product was rounded to the element type.
                    let hidden: Vec<f64> =
                        product.iter().zip(&error).map(|(p, e)| e + p.abs() * self.roundoff).collect();
                    error = multiply(&hidden, &w.iter().map(|v| v.abs()).collect::<Vec<_>>()).0;
                    (product, magnitude) = multiply(&product, w);
                    error.iter_mut().zip(&magnitude).for_each(|(e, m)| *e += m * unit * 520.0);
                }
                if let Some(bias) = &bias {
                    // Unfused, product and sum are rounded to the element type on the way.
                    let rounding = if case.work == (Work::Linear { fused: false }) { self.roundoff } else { unit };
                    for ((p, e), c) in product.iter_mut().zip(&mut error).zip(bias) {
                        *e = 1.2 * (*e + 3.0 * rounding * (p.abs() + c.abs()));
                        *p = unary(Unary::Gelu, *p + c);
                    }
                }
                if let Some(residual) = residual {
                    for ((p, e), r) in product.iter_mut().zip(&mut error).zip(floats(&residual.slice(s![row, ..])?)?) {
                        *p += r;
                        *e += unit * (p.abs() + r.abs());
                    }
                }
                if case.work == Work::SumMatmul {
                    let row = sum(&product);
                    grand = (grand.0 + row.0, grand.1 + row.1 + error.iter().sum::<f64>() / unit);
                    continue;
                }
                let got = floats(&of(out)?.slice(s![row, ..])?)?;
                if let Some(wrong) = self.compare(&got, product.into_iter().zip(error)) {
                    return Ok(Some(format!("batch {batch}, row {row}: {wrong}")));
                }
            }
        }
        if case.work == Work::SumMatmul {
            return Ok(self.compare(&floats(out)?, std::iter::once((grand.0, grand.1 * unit * 64.0))));
        }
        Ok(None)
    }
}

/// The first and the last of `count`.
fn ends(count: usize) -> Vec<usize> {
    if count == 1 { vec![0] } else { vec![0, count - 1] }
}

/// A row times a matrix, and the same of magnitudes.
fn multiply(x: &[f64], matrix: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let columns = matrix.len() / x.len();
    let (mut product, mut magnitude) = (vec![0.0; columns], vec![0.0; columns]);
    for (&x, row) in x.iter().zip(matrix.chunks(columns)) {
        for ((p, m), &w) in product.iter_mut().zip(&mut magnitude).zip(row) {
            *p += x * w;
            *m += (x * w).abs();
        }
    }
    (product, magnitude)
}
