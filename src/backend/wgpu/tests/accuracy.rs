//! The elementary functions of `wgsl-fallback/math.wgsl` against f64 on the host.

use super::{Tensor, open};
use crate::backend::{Backend, Source, op};
use crate::dtype::{DType, Scalar};

/// What the functions promise, in units of the last place.
const BOUND: f64 = 4.0;

/// f32 values spread over all exponents and both signs, and the edges.
fn sample() -> Vec<f32> {
    let spread = (0..1u32 << 20).map(|i| f32::from_bits(i.wrapping_mul(0x9e37_79b9)));
    let near = (0..40_000).map(|i| (i as f32 - 20_000.0) * 1e-3);
    let turns = (1..2000).map(|i| (f64::from(i) * std::f64::consts::FRAC_PI_2) as f32);
    let edges = [0.0, -0.0, 1.0, -1.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN_POSITIVE];
    spread.chain(near).chain(turns).chain(edges).collect()
}

/// The distance of `got` from `exact` in units of the last place of the result, with subnormals counted as the smallest normal.
fn ulp(got: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    if got.is_nan() || nearest.is_nan() {
        return if got.is_nan() && nearest.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if got == nearest {
        return 0.0;
    }
    if got.is_infinite() || nearest.is_infinite() {
        // One step beyond the largest value.
        let bound = f64::from(f32::MAX) * (1.0 + f64::from(f32::EPSILON));
        let got = f64::from(got).clamp(-bound, bound);
        return (got - exact.clamp(-bound, bound)).abs() / (f64::from(f32::EPSILON) * f64::from(f32::MAX) / 2.0);
    }
    let scale = exact.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor();
    (f64::from(got) - exact).abs() / (scale - 23.0).exp2()
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn unary_functions_are_within_their_ulp() {
    let gpu = open();
    let values = sample();
    let x = Tensor::new(&gpu, &values);
    let out = Tensor::empty(&gpu, DType::F32, &[values.len()]);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let cases: &[(op::Unary, &dyn Fn(f64) -> f64)] = &[
        (op::Unary::Exp, &f64::exp),
        (op::Unary::Exp2, &f64::exp2),
        (op::Unary::Expm1, &f64::exp_m1),
        (op::Unary::Log, &f64::ln),
        (op::Unary::Log2, &f64::log2),
        (op::Unary::Log1p, &f64::ln_1p),
        (op::Unary::Sin, &f64::sin),
        (op::Unary::Cos, &f64::cos),
        (op::Unary::Tanh, &f64::tanh),
        (op::Unary::Erf, &libm::erf),
        (op::Unary::Sqrt, &f64::sqrt),
        (op::Unary::Rsqrt, &|x| 1.0 / x.sqrt()),
        (op::Unary::Recip, &|x| 1.0 / x),
        (op::Unary::Sigmoid, &sigmoid),
        (op::Unary::Round, &f64::round_ties_even),
        (op::Unary::Floor, &f64::floor),
        (op::Unary::Square, &|x| x * x),
    ];
    for (op, exact) in cases {
        gpu.unary(*op, [Scalar::Float(0.0); 2], x.operand(), out.operand()).unwrap();
        let got = out.read::<f32>(&gpu);
        let (mut worst, mut at) = (0.0, 0.0);
        for (&x, &got) in values.iter().zip(&got) {
            let error = ulp(got, exact(f64::from(x)));
            if error > worst {
                (worst, at) = (error, x);
            }
        }
        let exact_at = exact(f64::from(at));
        println!("{:10} {worst:7.2} ulp at {at:e} ({exact_at:e})", op.name());
        assert!(worst <= BOUND, "{} is off by {worst} ulp at {at:e} ({exact_at:e})", op.name());
    }
}

#[test]
#[ignore = "needs a wgpu adapter"]
fn binary_functions_are_within_their_ulp() {
    let gpu = open();
    let values = sample();
    let others: Vec<f32> = values.iter().rev().copied().collect();
    let moderate: Vec<f32> = (0..values.len()).map(|i| ((i % 3001) as f32 - 1500.0) * 0.01).collect();
    let (a, b, c) = (Tensor::new(&gpu, &values), Tensor::new(&gpu, &others), Tensor::new(&gpu, &moderate));
    let out = Tensor::empty(&gpu, DType::F32, &[values.len()]);
    type Case<'a> = (op::Binary, &'a Tensor, &'a [f32], &'a dyn Fn(f64, f64) -> f64);
    let cases: &[Case] = &[
        (op::Binary::Div, &b, &others, &|a, b| a / b),
        (op::Binary::Rem, &b, &others, &|a, b| a % b),
        (op::Binary::Pow, &b, &others, &f64::powf),
        (op::Binary::Pow, &c, &moderate, &f64::powf),
        (op::Binary::Mul, &b, &others, &|a, b| a * b),
    ];
    for (op, y, ys, exact) in cases {
        gpu.binary(*op, Source::Tensor(a.operand()), Source::Tensor(y.operand()), out.operand()).unwrap();
        let got = out.read::<f32>(&gpu);
        let (mut worst, mut at) = (0.0, (0.0, 0.0, 0.0));
        for ((&x, &y), &got) in values.iter().zip(*ys).zip(&got) {
            let error = ulp(got, exact(f64::from(x), f64::from(y)));
            if error > worst {
                (worst, at) = (error, (x, y, got));
            }
        }
        let exact_at = exact(f64::from(at.0), f64::from(at.1));
        println!("{:10} {worst:7.2} ulp at {at:?} ({exact_at:e})", op.name());
        assert!(worst <= BOUND, "{} is off by {worst} ulp at {at:?} ({exact_at:e})", op.name());
    }
}
