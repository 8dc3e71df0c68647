//! Softmax and its logarithm along every axis.

use ndarray::Axis;
use tilework::{BackendKind, Device, Float, Result, Tensor};

use crate::element::{Format, TestElement, each_element};
use crate::layouts::{Physical, logical, place};
use crate::oracle;
use crate::report::Want;
use crate::runner::{Context, Outcome, Suite};
use crate::tolerance::{rounded, sum_roundings};

const FAMILY: &str = "softmax";

#[derive(Clone, Copy)]
struct Operation<T: Float> {
    name: &'static str,
    call: fn(&Tensor<T>, Axis) -> Result<Tensor<T>>,
    want: fn(BackendKind, &[f64]) -> Vec<Want>,
}

pub fn cases(suite: &mut Suite) {
    each_element!(T in floats {
        operation_cases(suite, Operation::<T> { name: "softmax", call: |x, axis| x.softmax(axis), want: want_softmax::<T> });
        operation_cases(
            suite,
            Operation::<T> { name: "log_softmax", call: |x, axis| x.log_softmax(axis), want: want_log_softmax::<T> },
        );
    });
}

fn operation_cases<T: TestElement + Float>(suite: &mut Suite, op: Operation<T>) {
    let probe = move |device: &Device| (op.call)(&Tensor::zeros(2, device)?, Axis(0))?.to_vec().map(drop);
    suite.case::<T>(FAMILY, op.name, "shapes", probe, move |ctx| {
        for shape in [&[0][..], &[1], &[1, 0, 3], &[0, 5], &[37], &[5, 7, 11], &[33, 65], &[2, 1, 3, 2, 1, 2, 2, 3]] {
            for axis in 0..shape.len() {
                let x = ctx.rng().elements::<T>(shape.iter().product(), 8.0);
                check(ctx, op, shape, axis, Physical::Contiguous, &x)?;
            }
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, op.name, "layouts", probe, move |ctx| {
        for (shape, axis) in [(&[37][..], 0), (&[19, 33], 1), (&[19, 33], 0), (&[5, 4, 7], 1), (&[4, 1029], 1)] {
            for &physical in ctx.some(Physical::STRIDED) {
                let x = ctx.rng().elements::<T>(shape.iter().product(), 8.0);
                check(ctx, op, shape, axis, physical, &x)?;
            }
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, op.name, "lengths", probe, move |ctx| {
        for n in (1..=515).step_by(ctx.scaled(103, 7, 1)).chain([32, 64, 128, 256, 512, 513]) {
            check(ctx, op, &[3, n], 1, Physical::Contiguous, &ctx.rng().elements::<T>(3 * n, 8.0))?;
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, op.name, "sizes", probe, move |ctx| {
        // Rows past what one block keeps in registers or shared memory, and more rows than a grid has blocks along one axis.
        for (shape, axis) in [
            ([1029, 917], 1),
            ([1029, 917], 0),
            ([66_000, 3], 1),
            ([3, 40_001], 1),
            ([1, 300_007], 1),
            ([2, 300_032], 1),
            ([300_032, 2], 0),
        ] {
            let x = ctx.rng().elements::<T>(shape.iter().product(), 8.0);
            check(ctx, op, &shape, axis, Physical::Contiguous, &x)?;
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, op.name, "values", probe, move |ctx| {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        // Large logits (no overflow), equal ones, -inf as a mask, and the rows that have no answer but NaN.
        let rows: [[f64; 5]; 10] = [
            [0.0; 5],
            [6e4, 6e4, -6e4, 0.0, 1.0],
            [1000.0, 999.0, -1000.0, 1000.5, 0.0],
            [-6e4; 5],
            [-inf, 1.0, 2.0, -inf, 3.0],
            [-inf, -inf, -inf, -inf, 7.0],
            [-inf; 5],
            [inf, 1.0, 2.0, 3.0, 4.0],
            [nan, 1.0, 2.0, 3.0, 4.0],
            [1.0, 2.0, 3.0, -inf, nan],
        ];
        let x: Vec<T> = rows.iter().flatten().map(|&v| T::from_f64(v)).collect();
        check(ctx, op, &[10, 5], 1, Physical::Contiguous, &x)?;
        check(ctx, op, &[10, 5], 1, Physical::Transposed, &x)?;
        // The same far apart, in rows of which several blocks may take parts.
        for &row in ctx.some(&rows[4..]) {
            let mut long = vec![T::from_f64(if row[0] == -inf { -inf } else { 0.0 }); 300_001];
            long.iter_mut().step_by(75_000).zip(row).for_each(|(x, v)| *x = T::from_f64(v));
            check(ctx, op, &[1, 300_001], 1, Physical::Contiguous, &long)?;
        }
        Ok(())
    });
}

fn check<T: TestElement + Float>(
    ctx: &Context,
    op: Operation<T>,
    shape: &[usize],
    axis: usize,
    physical: Physical,
    elements: &[T],
) -> Outcome {
    ctx.at(format_args!("shape {shape:?} along axis {axis}, {}", physical.name()));
    let x = logical(shape, elements, physical);
    let y = (op.call)(&place(&ctx.device, shape, &x, physical)?, Axis(axis))?;
    ctx.check_that(y.shape() == shape, || format!("the result has shape {:?}", y.shape()));
    let values: Vec<f64> = x.iter().map(|v| v.value().float()).collect();
    let wants = along(shape, axis, &values, |lane| (op.want)(ctx.backend(), lane));
    ctx.check(shape, &y.to_vec()?, |i, got| wants[i].judge(got));
    Ok(())
}

/// `f` of every lane along `axis`, back in row-major order.
pub fn along<W: Copy>(shape: &[usize], axis: usize, x: &[f64], f: impl Fn(&[f64]) -> Vec<W>) -> Vec<W> {
    let x = ndarray::ArrayViewD::from_shape(shape, x).expect("as many elements as the shape has");
    let mut out = ndarray::ArrayD::from_elem(shape, None);
    for (lane, mut target) in x.lanes(Axis(axis)).into_iter().zip(out.lanes_mut(Axis(axis))) {
        target.assign(&f(&lane.to_vec()).into_iter().map(Some).collect::<ndarray::Array1<_>>());
    }
    out.iter().map(|w| w.expect("every element lies in a lane")).collect()
}

/// What the errors of the parts of `e^d / Σ e^d`, `d = x - max`, come to, in units of roundoff: `each(d)` for one term and `total`
/// for the sum.
///
/// `d` is rounded, and rounded again where `e^d` is computed as `2^(d log2 e)`: `2 |d|` units in `e^d`, and `exp` itself errs by
/// 2 ULP (WGSL's: 3), 2 units each. The sum takes the mean of its terms' errors, weighted by the terms, and its roundings.
fn units(backend: BackendKind, x: &[f64]) -> (impl Fn(f64) -> f64, f64) {
    let exp = if backend == BackendKind::Wgpu { 6.0 } else { 4.0 };
    let each = move |d: f64| if d.is_finite() { 2.0 * d.abs() + exp } else { 0.0 };
    let max = x.iter().copied().fold(f64::NEG_INFINITY, oracle::maximum);
    let weighted: f64 =
        x.iter().zip(oracle::softmax(x)).map(|(v, p)| if p > 0.0 { p * each(v - max) } else { 0.0 }).sum();
    (each, weighted + sum_roundings(x.len()))
}

fn want_softmax<T: TestElement>(backend: BackendKind, x: &[f64]) -> Vec<Want> {
    let u = T::COMPUTE.map_or(0.0, Format::unit_roundoff);
    let max = x.iter().copied().fold(f64::NEG_INFINITY, oracle::maximum);
    let (each, total) = units(backend, x);
    let smallest = T::COMPUTE.map_or(0.0, Format::min_normal);
    // Division errs by at most 2.5 ULP, 5 units. A term that is subnormal before it is divided may be flushed.
    let error = |v: f64, y: f64| {
        (each(v - max) + total + 5.0) * u * y + if y < smallest * x.len() as f64 { smallest } else { 0.0 }
    };
    x.iter().zip(oracle::softmax(x)).map(|(&v, y)| rounded::<T>(y, error(v, y))).collect()
}

fn want_log_softmax<T: TestElement>(backend: BackendKind, x: &[f64]) -> Vec<Want> {
    let u = T::COMPUTE.map_or(0.0, Format::unit_roundoff);
    let max = x.iter().copied().fold(f64::NEG_INFINITY, oracle::maximum);
    let (_, total) = units(backend, x);
    let lse = oracle::sum(x.iter().map(|v| (v - max).exp())).ln();
    // The sum's relative error is the logarithm's absolute one; the logarithm errs by 3 ULP or, near 1 in WGSL, by 2^-21.
    let near_one = if backend == BackendKind::Wgpu { 0.5f64.powi(21) } else { 0.0 };
    let error = |v: f64, y: f64| ((v - max).abs() + total + 6.0 * lse.abs() + y.abs()) * u + near_one;
    x.iter().zip(oracle::log_softmax(x)).map(|(&v, y)| rounded::<T>(y, error(v, y))).collect()
}
