//! Normalisation over the last axis; means and variances are accumulated in f64, the variance in a second pass over the row.

use super::blocks::Section;
use super::operand::View;
use super::rows::{for_each_row, sum};
use super::scalar::Real;
use super::storage::{Storage, match_float};
use crate::backend::op::Norm;

/// One row.
struct Row<'a, T> {
    op: Norm,
    x: &'a [T],
    weight: Option<&'a [T]>,
    bias: Option<&'a [T]>,
    out: &'a mut [T],
}

impl<T: Real> pulp::NullaryFnOnce for Row<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { op, x, weight, bias, out } = self;
        let count = x.len() as f64;
        let (mean, scale) = match op {
            Norm::Rms { eps } => {
                let squares = sum(x, |x| x.to_f64() * x.to_f64());
                (0.0, 1.0 / (squares / count + eps).sqrt())
            }
            Norm::Layer { eps } => {
                let mean = sum(x, |x| x.to_f64()) / count;
                let squares = sum(x, |x| (x.to_f64() - mean) * (x.to_f64() - mean));
                (mean, 1.0 / (squares / count + eps).sqrt())
            }
        };
        for (out, &x) in out.iter_mut().zip(x) {
            *out = T::from_f64((x.to_f64() - mean) * scale);
        }
        for (out, &weight) in out.iter_mut().zip(weight.unwrap_or_default()) {
            *out = *out * weight;
        }
        for (out, &bias) in out.iter_mut().zip(bias.unwrap_or_default()) {
            *out = *out + bias;
        }
    }
}

/// The elements of a vector, as they are computed with.
fn gather<S: Storage>(vector: &View) -> Vec<S::Compute> {
    let mut stage = vec![S::Compute::default(); vector.layout.len()];
    let section = Section {
        shape: vector.layout.shape(),
        strides: vector.layout.strides(),
        offset: vector.layout.offset() as isize,
        start: 0,
        len: vector.layout.len(),
    };
    // SAFETY: the operation holds the lock, `View::new` checked the layout, and the stage is memory of its own.
    unsafe { section.gather(vector.buffer.start().cast::<S>(), &mut stage) };
    stage
}

/// `out = op(x) * weight + bias`; `false` if the type isn't a floating-point type.
pub fn norm(op: Norm, x: &View, weight: Option<&View>, bias: Option<&View>, out: &View) -> bool {
    fn run<S: Storage<Compute: Real>>(op: Norm, x: &View, weight: Option<&View>, bias: Option<&View>, out: &View) {
        let (weight, bias) = (weight.map(gather::<S>), bias.map(gather::<S>));
        let (weight, bias) = (weight.as_deref(), bias.as_deref());
        for_each_row::<S>(x, out, |out, x| pulp::Arch::new().dispatch(Row { op, x, weight, bias, out }));
    }
    match_float!(x.dtype, S => run::<S>(op, x, weight, bias, out), _ => return false);
    true
}
