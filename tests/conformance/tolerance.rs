//! What may differ from the exact value, and by how much: the one table, with where each figure comes from.
//!
//! A result is computed in a format `C` (f32 for the half types, else the type itself) and rounded once to its type `T`.
//! With `ulp_C(y)` the distance of neighbours at the exact value `y`, an operation whose bound is `k` may err by
//!
//! `k * ulp_C(y)`, and by `ulp_T(y) / 2` more where `T` is narrower than `C`.
//!
//! `k = 0` demands the exact value rounded once, to the bit. It holds for half types too where `C` is exact or correctly rounded: 24
//! bits are enough (at least `2 p + 2`) for the second rounding of `+ - * / sqrt` to change nothing.

use tilework::{BackendKind, DType};

use crate::element::{Format, TestElement, Value};
use crate::report::Want;
use crate::vocabulary::{Binary, Unary};

/// The largest error of an elementwise operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bound {
    /// In units of `ulp_C` of the exact result.
    pub ulps: f64,
    /// In units of `ulp_C(x)` of the operand `x`: what cancellation against a rounded intermediate of its size costs.
    pub operand_ulps: f64,
    /// Absolute, as WGSL states some of its functions.
    pub absolute: f64,
    /// Whether a result of zero may have either sign.
    pub any_zero: bool,
}

const fn ulps(ulps: f64) -> Bound {
    Bound { ulps, operand_ulps: 0.0, absolute: 0.0, any_zero: false }
}

/// Exact or correctly rounded.
const EXACT: Bound = ulps(0.0);
/// As [`EXACT`]; nothing promises which zero the larger of `-0.0` and `0.0` is.
const EXACT_ANY_ZERO: Bound = Bound { any_zero: true, ..EXACT };

/// The bound of `op` at `x`.
///
/// CUDA: the CUDA C++ programming guide's table of maximum errors for f32 (sqrt, reciprocal and division are compiled correctly
/// rounded; rsqrt 2, exp 2, exp2 2, expm1 1, log 1, log2 1, log1p 1, sin 2, cos 2, tanh 2, erf 2), for f64 at most 2.
/// CPU: the same bounds; what it computes with promises 1 to 2. Composed functions add their steps, each at most half an
/// ULP for an arithmetic step, and double where a result is divided by a sum that holds the same error.
/// The oracle's own f64 error of at most 1 ULP adds to f64's bounds, and nothing to the others'.
pub fn unary(op: Unary, backend: BackendKind, x: f64, format: Format) -> Bound {
    let oracle = if format.precision == 53 { 1.0 } else { 0.0 };
    let bound = match op {
        Unary::Neg | Unary::Abs | Unary::Sign | Unary::Square => EXACT,
        Unary::Floor | Unary::Ceil | Unary::Round | Unary::Trunc | Unary::Not => EXACT,
        Unary::Clamp | Unary::Relu => EXACT_ANY_ZERO,
        // One multiplication, by a parameter that is rounded to the type.
        Unary::LeakyRelu => EXACT,
        Unary::Sqrt | Unary::Recip => EXACT,
        Unary::Rsqrt => ulps(2.0),
        Unary::Exp | Unary::Exp2 => ulps(2.0),
        Unary::Expm1 | Unary::Log | Unary::Log2 | Unary::Log1p => ulps(2.0),
        Unary::Sin | Unary::Cos => ulps(2.0),
        Unary::Tanh | Unary::Erf => ulps(2.0),
        // expm1 and a multiplication.
        Unary::Elu => ulps(2.5),
        // exp, an addition, a division.
        Unary::Sigmoid => ulps(4.0),
        // And a multiplication, which doubles the units when the significand falls below that of the sigmoid.
        Unary::Silu => ulps(5.0),
        // x/2 (1 + erf): for x below zero the sum cancels, and what stays is erf's error times x.
        Unary::Gelu | Unary::GeluTanh => Bound { operand_ulps: 2.0, ..ulps(4.0) },
        Unary::Softplus => ulps(3.0),
    };
    let bound = if backend == BackendKind::Wgpu && format.precision == 24 { wgsl(op, x, bound) } else { bound };
    if bound.ulps > 0.0 { Bound { ulps: bound.ulps + oracle, ..bound } } else { bound }
}

/// WGSL's own accuracy where it promises less (WGSL specification, "Accuracy of concrete floating point expressions").
fn wgsl(op: Unary, x: f64, otherwise: Bound) -> Bound {
    // What e^x may err by.
    let exp = |x: f64| if x.is_finite() { 3.0 + 2.0 * x.abs() } else { 3.0 };
    match op {
        // Division: 2.5 ULP.
        Unary::Recip => ulps(2.5),
        // Inherited from 1 / inverseSqrt: 2.5 + 2.
        Unary::Sqrt => ulps(4.5),
        Unary::Exp | Unary::Exp2 => ulps(exp(x)),
        Unary::Log | Unary::Log2 => Bound { absolute: 0.5f64.powi(21), ..ulps(3.0) },
        Unary::Elu => ulps(otherwise.ulps + exp(x)),
        Unary::Sigmoid | Unary::Silu => ulps(otherwise.ulps + exp(x) + 2.5),
        _ => otherwise,
    }
}

/// The bound of `op` on floats.
pub fn binary(op: Binary, backend: BackendKind, format: Format) -> Bound {
    match op {
        Binary::Add | Binary::Sub | Binary::Mul => EXACT,
        Binary::Div if backend == BackendKind::Wgpu && format.precision == 24 => ulps(2.5),
        Binary::Div | Binary::Rem => EXACT,
        Binary::Maximum | Binary::Minimum | Binary::AddRelu | Binary::MulRelu => EXACT_ANY_ZERO,
        // CUDA's powf has 4 (its table), pow 2.
        Binary::Pow => ulps(4.0),
        Binary::And | Binary::Or | Binary::Xor => EXACT,
    }
}

/// The bound of `x * scale + shift`, whose operand is the product: one rounding, of which the oracle's own second one makes a
/// little more than half an ULP; in WGSL, where the product may be rounded before it is added, half an ULP of it more.
pub fn affine(backend: BackendKind) -> Bound {
    let operand_ulps = if backend == BackendKind::Wgpu { 0.5 } else { 0.0 };
    Bound { operand_ulps, any_zero: true, ..ulps(0.5 + 1e-6) }
}

impl Bound {
    /// The exact value `y` of an operation on elements of `T` of magnitude `x` at most, with what may be wrong with it.
    pub fn around<T: TestElement>(self, y: f64, x: f64) -> Want {
        let (Some(format), Some(compute)) = (T::FORMAT, T::COMPUTE) else {
            unreachable!("bounds are for floats, and {} is none", T::DTYPE);
        };
        let value = Value::Float(y);
        if !y.is_finite() {
            return Want { any_zero: self.any_zero, ..Want::exactly(value) };
        }
        let operand = if x.is_finite() && self.operand_ulps > 0.0 { self.operand_ulps * compute.ulp(x) } else { 0.0 };
        let computed = self.ulps * compute.ulp(y) + operand + self.absolute;
        let rounding = if computed > 0.0 && format.precision < compute.precision { 0.5 * format.ulp(y) } else { 0.0 };
        Want { value, allowed: computed + rounding, any_zero: self.any_zero }
    }
}

/// Whether a backend may take subnormal numbers of `T` for zero, as input or as result: WGSL leaves f32's to the device.
///
/// f16 and bf16 are converted to f32 with integer arithmetic where they are packed in words, and bf16's subnormals are f32's.
pub fn may_flush<T: TestElement>(backend: BackendKind) -> bool {
    backend == BackendKind::Wgpu && T::FORMAT.is_some_and(|format| format.precision <= 24)
}

/// What an operand may be taken for: itself, and zero where a subnormal may be flushed.
pub fn flushed<T: TestElement>(backend: BackendKind, x: f64) -> impl Iterator<Item = f64> + Clone {
    let subnormal = T::FORMAT.is_some_and(|format| x != 0.0 && x.abs() < format.min_normal());
    let zero = (subnormal && may_flush::<T>(backend)).then(|| 0f64.copysign(x));
    std::iter::once(x).chain(zero)
}

/// `None` if `got` is one of `wants`, or zero for one that is subnormal where that may be flushed; else the first.
pub fn judge<T: TestElement>(backend: BackendKind, wants: impl Iterator<Item = Want>, got: T) -> Option<Want> {
    let mut first = None;
    for want in wants {
        let want = want.judge(got)?;
        let y = want.value.float();
        let subnormal = T::FORMAT.is_some_and(|format| y.abs() < format.min_normal());
        if subnormal && may_flush::<T>(backend) && got == T::ZERO {
            return None;
        }
        first.get_or_insert(want);
    }
    first
}

/// The number of roundings that a term of a floating-point sum of `n` terms may go through.
///
/// The library promises blocked or pairwise summation: a run of at most 256 terms, then a tree over the runs. On very long
/// inputs a device has a limited number of lanes (65,536 is the fewest counted on), and a run grows with what is left for each.
pub fn sum_roundings(n: usize) -> f64 {
    let run = 256 + n / 65_536;
    if n <= run { n as f64 } else { run as f64 + (n as f64 / run as f64).log2().ceil() }
}

/// The largest error of a sum of terms whose magnitudes add up to `magnitude`, in `T`'s format of accumulation:
/// `k u / (1 - k u)` times the magnitude for `k` roundings of unit roundoff `u` (Higham, "Accuracy and Stability of
/// Numerical Algorithms", section 3.1).
pub fn sum_error<T: TestElement>(roundings: f64, magnitude: f64) -> f64 {
    let u = T::COMPUTE.map_or(0.0, Format::unit_roundoff);
    roundings * u / (1.0 - roundings * u) * magnitude
}

/// An exact value `y` with an absolute error of `computed` before it is rounded to `T`.
pub fn rounded<T: TestElement>(y: f64, computed: f64) -> Want {
    let rounding = T::FORMAT.map_or(0.0, |format| 0.5 * format.ulp(y));
    Want { allowed: computed + rounding, any_zero: true, ..Want::exactly(Value::Float(y)) }
}

/// The number of roundings of a term of a matrix product of depth `k`: nothing promises an order within it.
///
/// Tensor cores, which multiply the half types, cut the bits of a partial sum that lie below the largest addend instead of
/// rounding them: an error of up to a whole unit in place of a half, for each step.
pub fn matmul_roundings(dtype: DType, k: usize) -> f64 {
    let per_step = if matches!(dtype, DType::F16 | DType::BF16) { 2.0 } else { 1.0 };
    per_step * (k as f64 + 1.0)
}
