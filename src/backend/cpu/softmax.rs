//! Softmax and log-softmax over the last axis. Differences, exponentials and their sum are f64's, so that f32 results are within
//! about 1 ULP; only the exponentials that wait in the output for their sum are rounded before.

use super::operand::View;
use super::rows::{LANES, for_each_row, pairwise, sum};
use super::scalar::Real;
use super::storage::match_float;
use crate::backend::op::Softmax;

/// One row.
struct Row<'a, T> {
    op: Softmax,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> pulp::NullaryFnOnce for Row<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { op, x, out } = self;
        let max = max(x);
        match op {
            Softmax::Softmax => {
                let scale = 1.0 / exp_sum(x, max, out);
                for out in out {
                    *out = T::from_f64(out.to_f64() * scale);
                }
            }
            Softmax::LogSoftmax => {
                let log_sum = sum(x, |x| x.exp_of_difference(max)).ln();
                for (out, &x) in out.iter_mut().zip(x) {
                    *out = T::from_f64((x.to_f64() - max.to_f64()) - log_sum);
                }
            }
        }
    }
}

/// The largest element, NaN if any is NaN.
#[inline(always)]
fn max<T: Real>(x: &[T]) -> T {
    let mut lanes = [T::LOWEST; LANES];
    let mut chunks = x.chunks_exact(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            lanes[lane] = lanes[lane].maximum(chunk[lane]);
        }
    }
    chunks.remainder().iter().chain(&lanes).fold(T::LOWEST, |max, &x| max.maximum(x))
}

/// Writes `e^(x - max)` to `out` and returns its sum.
#[inline(always)]
fn exp_sum<T: Real>(x: &[T], max: T, out: &mut [T]) -> f64 {
    let mut lanes = [0.0; LANES];
    for (x, out) in x.chunks(LANES).zip(out.chunks_mut(LANES)) {
        for ((out, &x), lane) in out.iter_mut().zip(x).zip(&mut lanes) {
            let exp = x.exp_of_difference(max);
            *out = T::from_f64(exp);
            *lane += exp;
        }
    }
    pairwise(lanes)
}

/// `out = op(x)`; `false` if the type isn't a floating-point type.
pub fn softmax(op: Softmax, x: &View, out: &View) -> bool {
    match_float!(x.dtype, S => for_each_row::<S>(x, out, |out, x| pulp::Arch::new().dispatch(Row { op, x, out })), _ => {
        return false;
    });
    true
}
