//! The oracle: what every operation is, written to be read.
//!
//! Floats are computed in f64 from inputs that are already rounded to their type; integers in `i128`, wrapped to their type.
//! Sums are compensated, so that they are exact to f64 whatever their length. Nothing here knows of tensors, and nothing
//! is shared with a backend but the names of the operations; the matches have no wildcard, so a new one needs its line.

use crate::vocabulary::{Binary, Compare, Unary};

/// `op(x)`, with the parameters `p` and `q`.
pub fn unary(op: Unary, x: f64, [p, q]: [f64; 2]) -> f64 {
    match op {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sign if x == 0.0 || x.is_nan() => x,
        Unary::Sign => 1f64.copysign(x),
        Unary::Square => x * x,
        Unary::Clamp => minimum(maximum(x, p), q),
        Unary::Sqrt => x.sqrt(),
        Unary::Rsqrt => 1.0 / x.sqrt(),
        Unary::Recip => 1.0 / x,
        Unary::Exp => x.exp(),
        Unary::Exp2 => x.exp2(),
        Unary::Expm1 => x.exp_m1(),
        Unary::Log => x.ln(),
        Unary::Log2 => x.log2(),
        Unary::Log1p => x.ln_1p(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Tanh => x.tanh(),
        Unary::Erf => libm::erf(x),
        Unary::Floor => x.floor(),
        Unary::Ceil => x.ceil(),
        Unary::Round => x.round_ties_even(),
        Unary::Trunc => x.trunc(),
        Unary::Relu => maximum(x, 0.0),
        Unary::LeakyRelu => {
            if x < 0.0 {
                x * p
            } else {
                x
            }
        }
        Unary::Elu => {
            if x < 0.0 {
                p * x.exp_m1()
            } else {
                x
            }
        }
        Unary::Sigmoid => sigmoid(x),
        // Far below zero the sigmoid is e^x, and subnormal where its product with x is not.
        Unary::Silu if x < -700.0 => x * (x / 2.0).exp() * (x / 2.0).exp(),
        Unary::Silu => x * sigmoid(x),
        Unary::Gelu => gelu(x),
        // (1 + tanh(z)) / 2 = sigmoid(2 z).
        Unary::GeluTanh => x * sigmoid(2.0 * (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)),
        Unary::Softsign => x / (1.0 + x.abs()),
        Unary::Softplus => maximum(x, 0.0) + (-x.abs()).exp().ln_1p(),
        Unary::Not => unreachable!("for bool alone"),
    }
}

/// `op(x)` for integers and `bool` (0 or 1), before wrapping.
pub fn unary_int(op: Unary, x: i128, [p, q]: [i128; 2]) -> i128 {
    match op {
        Unary::Neg => -x,
        Unary::Abs => x.abs(),
        Unary::Sign => x.signum(),
        Unary::Square => x * x,
        Unary::Clamp => x.max(p).min(q),
        Unary::Not => 1 - x,
        float_only => unreachable!("{float_only:?} is for floats alone"),
    }
}

/// `op(a, b)`.
pub fn binary(op: Binary, a: f64, b: f64) -> f64 {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Rem => a % b,
        Binary::Maximum => maximum(a, b),
        Binary::Minimum => minimum(a, b),
        Binary::AddRelu => maximum(a + b, 0.0),
        Binary::MulRelu => maximum(a * b, 0.0),
        Binary::Pow => a.powf(b),
        Binary::And | Binary::Or | Binary::Xor => unreachable!("for bool alone"),
    }
}

/// `op(a, b)` for integers and `bool`; `wrap` is what the type does with a result that it cannot hold.
pub fn binary_int(op: Binary, a: i128, b: i128, wrap: impl Fn(i128) -> i128) -> i128 {
    match op {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div | Binary::Rem if b == 0 => 0,
        Binary::Div => a / b,
        Binary::Rem => a % b,
        Binary::Maximum => a.max(b),
        Binary::Minimum => a.min(b),
        Binary::AddRelu => wrap(a + b).max(0),
        Binary::MulRelu => wrap(a * b).max(0),
        Binary::And => a & b,
        Binary::Or => a | b,
        Binary::Xor => a ^ b,
        Binary::Pow => unreachable!("for floats alone"),
    }
}

/// `op(a, b)`, of floats or of integers.
pub fn compare<V: PartialOrd>(op: Compare, a: V, b: V) -> bool {
    match op {
        Compare::Eq => a == b,
        Compare::Ne => a != b,
        Compare::Lt => a < b,
        Compare::Le => a <= b,
        Compare::Gt => a > b,
        Compare::Ge => a >= b,
    }
}

/// The larger; NaN if either is NaN.
pub fn maximum(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}

/// The smaller; NaN if either is NaN.
pub fn minimum(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

/// `1 / (1 + e^-x)`, by the side that does not overflow.
pub fn sigmoid(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

/// `x/2 (1 + erf(x / √2))`; with `z = -x / √2` the bracket is `erfc(z)`, which does not cancel.
///
/// Far on the left a rounding of `z` would be magnified `2 z²` times: what it lost is added by `erfc`'s slope.
pub fn gelu(x: f64) -> f64 {
    const SQRT_2_REST: f64 = -9.667_293_313_452_913e-17;
    let z = -x / std::f64::consts::SQRT_2;
    let lost = ((-z).mul_add(std::f64::consts::SQRT_2, -x) - z * SQRT_2_REST) / std::f64::consts::SQRT_2;
    let correction = std::f64::consts::FRAC_2_SQRT_PI * (-z * z).exp() * lost;
    let bracket = if correction.is_finite() { libm::erfc(z) - correction } else { libm::erfc(z) };
    x * (0.5 * bracket)
}

/// The sum, compensated: what each addition loses is kept and added at the end (Neumaier).
pub fn sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0f64, 0.0f64);
    for x in terms {
        let next = sum + x;
        lost += if sum.abs() >= x.abs() { (sum - next) + x } else { (x - next) + sum };
        sum = next;
    }
    // With an infinity the correction is NaN, and the plain sum is the answer.
    if sum.is_finite() { sum + lost } else { sum }
}

/// `Σ a b`, the error of every product kept (by fused multiply-add).
pub fn dot(pairs: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    sum(pairs.into_iter().flat_map(|(a, b)| {
        let product = a * b;
        let error = if product.is_finite() { a.mul_add(b, -product) } else { 0.0 };
        [product, error]
    }))
}

pub fn mean(x: &[f64]) -> f64 {
    sum(x.iter().copied()) / x.len() as f64
}

/// The variance with divisor `n - ddof`; NaN where that is not positive.
pub fn var(x: &[f64], ddof: f64) -> f64 {
    let (mean, divisor) = (mean(x), x.len() as f64 - ddof);
    if divisor > 0.0 { sum(x.iter().map(|v| (v - mean) * (v - mean))) / divisor } else { f64::NAN }
}

/// The index of the first NaN, else of the first element that `beats` all before and is not beaten.
pub fn first_best<V: PartialOrd + Copy>(x: &[V], beats: impl Fn(V, V) -> bool) -> usize {
    // NaN alone is not equal to itself.
    #[expect(clippy::eq_op, reason = "the test for NaN that works for integers too")]
    let nan = x.iter().position(|v| v != v);
    nan.unwrap_or_else(|| (1..x.len()).fold(0, |best, i| if beats(x[i], x[best]) { i } else { best }))
}

/// `e^(x - max) / Σ e^(x - max)`.
pub fn softmax(x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, maximum);
    let total = sum(x.iter().map(|v| (v - max).exp()));
    x.iter().map(|v| (v - max).exp() / total).collect()
}

/// `x - max - log Σ e^(x - max)`.
pub fn log_softmax(x: &[f64]) -> Vec<f64> {
    let max = x.iter().copied().fold(f64::NEG_INFINITY, maximum);
    let total = sum(x.iter().map(|v| (v - max).exp()));
    x.iter().map(|v| v - max - total.ln()).collect()
}
