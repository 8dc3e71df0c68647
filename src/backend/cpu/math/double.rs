//! f64 functions: the system's math library, and libm for what it lacks. Errors are below 1 ULP but for the compositions
//! (`sigmoid`, `silu`, `gelu`, `gelu_tanh`), which stay below 4 ULP.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

macro_rules! system {
    ($($name:ident = $f:path;)*) => {$(
        #[inline(always)]
        pub fn $name(x: f64) -> f64 {
            $f(x)
        }
    )*};
}

system! {
    exp = f64::exp;
    exp_wide = f64::exp;
    exp2 = f64::exp2;
    expm1 = f64::exp_m1;
    log = f64::ln;
    log2 = f64::log2;
    log1p = f64::ln_1p;
    sin = f64::sin;
    cos = f64::cos;
    tanh = f64::tanh;
    erf = libm::erf;
}

/// Below this, `1 + e^-x` is `e^-x`, which soon overflows.
const TAIL: f64 = -700.0;

#[inline(always)]
pub fn sigmoid(x: f64) -> f64 {
    if x < TAIL { x.exp() } else { 1.0 / (1.0 + (-x).exp()) }
}

/// `x * sigmoid(u)`. In the tail the exponential is taken in two halves, so that only the product is rounded to a subnormal.
#[inline(always)]
fn times_sigmoid(x: f64, u: f64) -> f64 {
    if u < TAIL {
        let half = (0.5 * u).exp();
        x * half * half
    } else {
        x / (1.0 + (-u).exp())
    }
}

/// `x * sigmoid(x)`, which is NaN at `-inf`.
#[inline(always)]
pub fn silu(x: f64) -> f64 {
    times_sigmoid(x, x)
}

/// `x/2 * erfc(-x / sqrt 2)`, which does not cancel and is NaN at `-inf`.
#[inline(always)]
pub fn gelu(x: f64) -> f64 {
    0.5 * x * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// By `(1 + tanh(u)) / 2 = sigmoid(2u)`, which does not cancel; NaN at `-inf`.
#[inline(always)]
pub fn gelu_tanh(x: f64) -> f64 {
    times_sigmoid(x, 2.0 * FRAC_2_PI.sqrt() * (x + 0.044715 * x * x * x))
}

#[inline(always)]
pub fn pow(x: f64, y: f64) -> f64 {
    x.powf(y)
}
