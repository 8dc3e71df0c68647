//! Scalar functions that are ours rather than the mathematical library's, over all values of the half types.

use half::{bf16, f16};
use tilework_host_twins::*;

/// The distance of neighbouring floats at `x`.
fn unit(x: f64) -> f64 {
    2f64.powi((x.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor() as i32) - 23)
}

/// The largest error of `got` over all finite f16 and bf16 values, as a share of what is allowed: 4 units of float in the result
/// and 2 in the operand, as the conformance suite's table has it.
fn worst(got: unsafe extern "C" fn(f32) -> f32, exact: fn(f64) -> f64) -> (f64, f32) {
    let halves = (0..=u16::MAX).flat_map(|bits| [f16::from_bits(bits).to_f32(), bf16::from_bits(bits).to_f32()]);
    let errors = halves.filter(|x| x.is_finite()).map(|x| {
        let y = exact(f64::from(x));
        // SAFETY: arithmetic on a value alone.
        let error = (f64::from(unsafe { got(x) }) - y).abs();
        (error / (4.0 * unit(y) + 2.0 * unit(f64::from(x))), x)
    });
    errors.max_by(|(a, _), (b, _)| a.total_cmp(b)).unwrap()
}

#[test]
fn gelu_of_halves() {
    let (share, at) = worst(twin_gelu_narrow, |x| 0.5 * x * libm::erfc(-x / std::f64::consts::SQRT_2));
    assert!(share <= 1.0, "{share} of what is allowed, at {at}");
}

/// The tail is small but not wrong: within 2^-12 of itself as long as it is a normal half.
#[test]
fn gelu_keeps_its_tail() {
    for x in (0..=u16::MAX).map(|bits| bf16::from_bits(bits).to_f32()).filter(|x| (-12.0..-3.0).contains(x)) {
        let exact = 0.5 * f64::from(x) * libm::erfc(f64::from(-x) / std::f64::consts::SQRT_2);
        // SAFETY: arithmetic on a value alone.
        let got = f64::from(unsafe { twin_gelu_narrow(x) });
        assert!((got / exact - 1.0).abs() < 2f64.powi(-12), "gelu({x}) is {got:e}, not {exact:e}");
    }
}

#[test]
fn gelu_at_the_edges() {
    // SAFETY: arithmetic on values alone.
    unsafe {
        assert_eq!(twin_gelu_narrow(f32::INFINITY), f32::INFINITY);
        // -inf times 0, as the formula has it.
        assert!(twin_gelu_narrow(f32::NEG_INFINITY).is_nan());
        assert!(twin_gelu_narrow(f32::NAN).is_nan());
        assert_eq!(twin_gelu_narrow(0.0), 0.0);
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn gelu_tanh_and_sigmoid_of_halves() {
    let (share, at) = worst(twin_gelu_tanh_narrow, |x| {
        x * sigmoid(2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x))
    });
    assert!(share <= 1.0, "gelu_tanh: {share} of what is allowed, at {at}");
    let (share, at) = worst(twin_sigmoid_narrow, sigmoid);
    assert!(share <= 1.0, "sigmoid: {share} of what is allowed, at {at}");
}

/// Down to the smallest normal result, where the exponential alone would be subnormal.
#[test]
fn silu_keeps_its_tail() {
    for i in 0..=11_200 {
        let x = -92.0 + i as f32 / 100.0;
        let exact = f64::from(x) * sigmoid(f64::from(x));
        // SAFETY: arithmetic on a value alone.
        for got in unsafe { [twin_silu(x), twin_silu_narrow(x)] } {
            let error = (f64::from(got) - exact).abs();
            assert!(error <= 5.0 * unit(exact), "silu({x}) is {got:e}, not {exact:e}");
        }
    }
}

#[test]
fn integers_wrap_and_never_trap() {
    let edges = [i32::MIN, i32::MIN + 1, -7, -1, 0, 1, 7, i32::MAX - 1, i32::MAX];
    for a in edges {
        // SAFETY: arithmetic on values alone, here and below.
        assert_eq!(unsafe { twin_abs_i32(a) }, a.wrapping_abs());
        for b in edges {
            let (quotient, rest) = if b == 0 { (0, 0) } else { (a.wrapping_div(b), a.wrapping_rem(b)) };
            assert_eq!(unsafe { twin_div_i32(a, b) }, quotient, "{a} / {b}");
            assert_eq!(unsafe { twin_rem_i32(a, b) }, rest, "{a} % {b}");
            assert_eq!(unsafe { twin_mul_i32(a, b) }, a.wrapping_mul(b), "{a} * {b}");
        }
    }
}
