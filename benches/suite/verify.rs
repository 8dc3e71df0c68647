//! A result is checked against f64 arithmetic on the host before anything is timed.
//!
//! Large results are sampled: elementwise ones at the head, the middle and the tail, row-wise ones in three rows, matrix products
//! (`products`) in two rows of the first and the last batch. A bound is the unit roundoff of the type in which sums are made, times
//! what the length of the sums lets it grow to, on the sum of magnitudes, plus roundings to the element type.

#[path = "verify/products.rs"]
mod products;

use ndarray::s;
use tilework::{Float, Result, Tensor};

use super::case::{Case, Unary, Work};
use super::work::{Inputs, Output};

/// Elements looked at on each of the three places of a flat result.
const SAMPLE: usize = 1000;
/// Unit roundoff of the type in which sums are made.
const F32: f64 = 1.0 / (1 << 24) as f64;

/// `None` if the result is right, else what is wrong.
pub fn verify<T: Float>(case: &Case, inputs: &Inputs<T>, output: &Output<T>) -> Result<Option<String>> {
    let check = Check { roundoff: T::from_f64(1.0).to_f64() * unit_roundoff::<T>() };
    let (a, b) = (&inputs.a, inputs.b.as_ref());
    match (case.work, output) {
        (Work::ArgMax, Output::Index(index)) => {
            let all = floats(a)?;
            let best = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let found = index.item()? as usize;
            let first = all.iter().position(|&v| v == best);
            Ok((first != Some(found)).then(|| format!("index {found}, not {first:?}")))
        }
        (Work::Upload | Work::Download, Output::Host(back)) => {
            let same = back.len() == a.len() && floats(a)?.iter().zip(back).all(|(x, y)| *x == y.to_f64());
            Ok((!same).then(|| "the elements that came back are others".into()))
        }
        (_, Output::Tensor(out)) => check.tensor(case, a, b, inputs, out),
        _ => Ok(Some("the result is of the wrong kind".into())),
    }
}

fn unit_roundoff<T: Float>() -> f64 {
    // The gap above one: the smallest power of two that still changes it.
    let mut gap = 1.0;
    while T::from_f64(1.0 + gap / 2.0).to_f64() > 1.0 {
        gap /= 2.0;
    }
    gap / 2.0
}

fn floats<T: Float>(x: &Tensor<T>) -> Result<Vec<f64>> {
    Ok(x.to_vec()?.into_iter().map(|v| v.to_f64()).collect())
}

struct Check {
    roundoff: f64,
}

impl Check {
    /// Compares results with `(value, error allowed)`.
    fn compare(&self, got: &[f64], want: impl Iterator<Item = (f64, f64)>) -> Option<String> {
        let mut count = 0;
        for (i, (&got, (want, error))) in got.iter().zip(want).enumerate() {
            let allowed = error + 4.0 * self.roundoff * want.abs() + f64::from(f32::MIN_POSITIVE);
            let close = (got - want).abs() <= allowed || got == want || (got.is_infinite() && want.abs() > 6e4);
            if !close {
                return Some(format!("sampled element {i} is {got:e}, not {want:e} (error allowed {allowed:e})"));
            }
            count += 1;
        }
        (count != got.len() || count == 0).then(|| format!("{count} of {} samples compared", got.len()))
    }

    fn tensor<T: Float>(
        &self,
        case: &Case,
        a: &Tensor<T>,
        b: Option<&Tensor<T>>,
        inputs: &Inputs<T>,
        out: &Tensor<T>,
    ) -> Result<Option<String>> {
        match case.work {
            Work::Unary(_) | Work::Add | Work::Mul | Work::AddRelu { .. } | Work::Chain { .. } => {
                self.flat(case, a, b, out)
            }
            Work::TransposeCopy => {
                let (rows, columns) = (a.shape()[0], a.shape()[1]);
                let at = |i: usize, n: usize| [0, n / 2, n - 1][i];
                for i in 0..3 {
                    let (got, want) =
                        (floats(&out.slice(s![at(i, columns), ..])?)?, floats(&a.slice(s![.., at(i, columns)])?)?);
                    if got != want || got.len() != rows {
                        return Ok(Some(format!("row {} is not the column", at(i, columns))));
                    }
                }
                Ok(None)
            }
            Work::Sum | Work::Dot | Work::SumSquare | Work::SumExpTanhSquare => {
                let second = b.map(floats).transpose()?;
                let term = |(i, x): (usize, f64)| match case.work {
                    Work::Dot => x * second.as_ref().map_or(0.0, |b| b[i]),
                    Work::SumSquare => x * x,
                    Work::SumExpTanhSquare => (x * x).tanh().exp(),
                    _ => x,
                };
                let terms: Vec<f64> = floats(a)?.into_iter().enumerate().map(term).collect();
                let want = sum(&terms);
                // Terms that are tensors of their own were rounded to the element type.
                let rounded = if matches!(case.work, Work::Sum | Work::Dot) { 0.0 } else { 8.0 * self.roundoff };
                Ok(self.compare(&floats(out)?, std::iter::once((want.0, want.1 * (rounded + F32 * 64.0)))))
            }
            Work::SumRows | Work::SumColumns => {
                let lines = if case.work == Work::SumRows { a.clone() } else { a.t() };
                let got = floats(out)?;
                let n = lines.shape()[0];
                for i in [0, n / 2, n - 1] {
                    let want = sum(&floats(&lines.slice(s![i, ..])?)?);
                    if let Some(wrong) = self.compare(&got[i..=i], std::iter::once((want.0, want.1 * F32 * 64.0))) {
                        return Ok(Some(wrong));
                    }
                }
                Ok((got.len() != n).then(|| "the result has another length".into()))
            }
            Work::Softmax | Work::LogSoftmax | Work::RmsNorm | Work::LayerNorm => self.rows(case, a, inputs, out),
            Work::ScaledMatmul(_) => self.scaled_product(case, inputs, out),
            Work::Matmul(_) | Work::Linear { .. } | Work::LinearResidual | Work::Mlp | Work::SumMatmul => {
                self.products(case, a, b, inputs, out)
            }
            Work::ArgMax | Work::Upload | Work::Download => Ok(Some("not a tensor".into())),
        }
    }

    fn flat<T: Float>(
        &self,
        case: &Case,
        a: &Tensor<T>,
        b: Option<&Tensor<T>>,
        out: &Tensor<T>,
    ) -> Result<Option<String>> {
        let n = a.len();
        for start in [0, n / 2, n.saturating_sub(SAMPLE)] {
            let end = (start + SAMPLE).min(n);
            let part = |x: &Tensor<T>| floats(&x.slice(s![start..end])?);
            let (x, got) = (part(a)?, part(out)?);
            let y = b.map(part).transpose()?;
            let want = x.iter().enumerate().map(|(i, &x)| {
                let y = y.as_ref().map_or(0.0, |y| y[i]);
                let value = match case.work {
                    Work::Unary(op) => unary(op, x),
                    Work::Add => x + y,
                    Work::Mul => x * y,
                    Work::AddRelu { .. } => (x + y).max(0.0),
                    Work::Chain { deep: false } => x.max(0.0) * 2.0 + 0.5,
                    _ => ((x.max(0.0) * 2.0 + 0.5) * 1.5).max(0.0),
                };
                // A function of a sum near zero keeps the sum's absolute error; GELU cancels in its tail, and WGSL promises its
                // exponential to a number of units that grows with the argument.
                (value, self.roundoff * (x.abs() + y.abs()))
            });
            if let Some(wrong) = self.compare(&got, want) {
                return Ok(Some(wrong));
            }
        }
        Ok(None)
    }

    fn rows<T: Float>(
        &self,
        case: &Case,
        a: &Tensor<T>,
        inputs: &Inputs<T>,
        out: &Tensor<T>,
    ) -> Result<Option<String>> {
        let parameter = |p: &Option<Tensor<T>>| p.as_ref().map(floats).transpose();
        let (gain, bias) = (parameter(&inputs.c)?, parameter(&inputs.d)?);
        let rows = a.shape()[0];
        for row in [0, rows / 2, rows - 1] {
            let (x, got) = (floats(&a.slice(s![row, ..])?)?, floats(&out.slice(s![row, ..])?)?);
            let n = x.len() as f64;
            let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = x.iter().map(|v| (v - max).exp()).sum();
            let (mean, size) = sum(&x);
            let (mean, size) = (mean / n, size / n);
            let square = x.iter().map(|v| v * v).sum::<f64>() / n;
            let variance = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
            let relative = F32 * 64.0;
            let want = x.iter().enumerate().map(|(i, &v)| {
                let (gain, bias) = (gain.as_ref().map_or(1.0, |g| g[i]), bias.as_ref().map_or(0.0, |b| b[i]));
                match case.work {
                    // The error of an exponent is relative to the result.
                    Work::Softmax => {
                        let p = (v - max).exp() / total;
                        (p, p * (relative + F32 * (v - max).abs() * 2.0))
                    }
                    Work::LogSoftmax => (v - max - total.ln(), relative * (v.abs() + max.abs() + 1.0)),
                    Work::RmsNorm => {
                        let y = v / (square + 1e-5).sqrt() * gain;
                        (y, y.abs() * relative)
                    }
                    _ => {
                        let scale = gain.abs() / (variance + 1e-5).sqrt();
                        let y = (v - mean) / (variance + 1e-5).sqrt() * gain + bias;
                        // The mean's error is relative to the size of what it is of.
                        (y, (scale * (v.abs() + size) + bias.abs()) * relative)
                    }
                }
            });
            if let Some(wrong) = self.compare(&got, want) {
                return Ok(Some(format!("row {row}: {wrong}")));
            }
        }
        Ok(None)
    }
}

/// The sum of values and of their magnitudes.
fn sum(values: &[f64]) -> (f64, f64) {
    (values.iter().sum(), values.iter().map(|v| v.abs()).sum())
}

fn unary(op: Unary, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match op {
        Unary::Relu => x.max(0.0),
        Unary::LeakyRelu => {
            if x < 0.0 {
                0.01 * x
            } else {
                x
            }
        }
        Unary::Elu => {
            if x < 0.0 {
                x.exp_m1()
            } else {
                x
            }
        }
        Unary::Clip => x.clamp(100.0, 5000.0),
        Unary::Sigmoid => sigmoid(x),
        Unary::Tanh => x.tanh(),
        Unary::Silu => x * sigmoid(x),
        Unary::Gelu => x * 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2),
        Unary::GeluTanh => x * sigmoid(2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)),
        Unary::Square => x * x,
    }
}
