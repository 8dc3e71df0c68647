//! What may differ from the exact value, and by how much: the one table, with where each figure comes from.
//!
//! A result is computed in a format `C` (f32 for the half types, else the type itself) and rounded once to its type `T`.
//! With `ulp_C(y)` the distance of neighbours at the exact value `y`, an operation whose bound is `k` may err by
//!
//! `k * ulp_C(y)`, and by `ulp_T(y) / 2` more where `T` is narrower than `C`.
//!
//! `k = 0` demands the exact value rounded once, to the bit. It holds for half types too where `C` is exact or correctly rounded: 24
//! bits are enough (at least `2 p + 2`) for the second rounding of `+ - * / sqrt` to change nothing.

use tilework::{Accumulation, BackendKind, DType};

use crate::element::{F32, Format, TestElement, Value};
use crate::report::Want;
use crate::vocabulary::{Binary, Unary};

/// The largest error of an elementwise operation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bound {
    /// In units of `ulp_C` of the exact result.
    pub ulps: f64,
    /// In units of `ulp_C(x)` of the operand `x`: what rounding an intermediate of its size costs.
    pub operand_ulps: f64,
    /// Absolute: what is lost where small results are flushed.
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

/// What the functions are computed with, and so how well: each states its bounds, which the suite holds it to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Library {
    /// f32 on the CPU: computed in f64 and rounded once, within 0.51 ULP (`src/backend/cpu/math/single.rs`).
    HostSingle,
    /// f64 on the CPU: the system's library, below 1 ULP; compositions below 4 (`src/backend/cpu/math/double.rs`).
    HostDouble,
    /// CUDA's, by the CUDA C++ programming guide's table of maximum errors: at most 2 ULP but for erfc (4 in f32) and pow (4).
    Cuda,
    /// CUDA's for results of 16 bits: the special function units and short polynomials, within 2^-15 of the result and
    /// with results below the smallest normal f32 flushed (`cuda/include/tilework/scalar.h`).
    CudaNarrow,
    /// Own functions in WGSL, within 4 ULP where additions and multiplications are correctly rounded
    /// (`wgsl-fallback/math.wgsl`); division by WGSL's promise of 2.5, and roots by 1 / inverseSqrt.
    Wgsl,
}

impl Library {
    fn of<T: TestElement>(backend: BackendKind) -> Self {
        match (backend, T::DTYPE) {
            (BackendKind::Cuda, DType::F16 | DType::BF16) => Library::CudaNarrow,
            (BackendKind::Cuda, _) => Library::Cuda,
            (BackendKind::Wgpu, _) => Library::Wgsl,
            (_, DType::F64) => Library::HostDouble,
            _ => Library::HostSingle,
        }
    }

    /// A function of the library, such as exp.
    fn function(self) -> f64 {
        match self {
            Library::HostSingle => 0.51,
            Library::HostDouble => 1.0,
            Library::Cuda | Library::CudaNarrow => 2.0,
            Library::Wgsl => 4.0,
        }
    }

    /// A composition of `steps` roundings around one function. A result that falls into the next binade below counts its parts'
    /// errors twice.
    fn composed(self, steps: f64) -> f64 {
        match self {
            Library::HostSingle => 0.51,
            Library::HostDouble => 4.0,
            Library::Cuda | Library::CudaNarrow => 2.0 + steps,
            // A division is among the steps: 2.5 ULP in place of a half.
            Library::Wgsl => 6.0 + steps,
        }
    }
}

/// The bound of `op` at `x`, for elements of `T`.
pub fn unary<T: TestElement>(op: Unary, backend: BackendKind, x: f64) -> Bound {
    let library = Library::of::<T>(backend);
    let wgsl = |otherwise: Bound, promise: f64| if library == Library::Wgsl { ulps(promise) } else { otherwise };
    // An argument that is rounded before `f` takes it moves the result by `|x f'(x) / f(x)|` units.
    let argument = |units: f64| if library == Library::HostSingle || !units.is_finite() { 0.0 } else { units };
    let bound = match op {
        Unary::Neg | Unary::Abs | Unary::Sign | Unary::Square => EXACT,
        Unary::Floor | Unary::Ceil | Unary::Round | Unary::Trunc | Unary::Not => EXACT,
        Unary::Clamp | Unary::Relu => EXACT_ANY_ZERO,
        // One multiplication.
        Unary::LeakyRelu => EXACT,
        Unary::Recip => wgsl(EXACT, 2.5),
        Unary::Sqrt => wgsl(EXACT, 4.5),
        // A root and a division, half an ULP each and at most twice that in the result's units.
        Unary::Rsqrt => wgsl(ulps(2.0), 7.0),
        Unary::Exp | Unary::Exp2 | Unary::Expm1 | Unary::Log | Unary::Log2 | Unary::Log1p => ulps(library.function()),
        Unary::Sin | Unary::Cos | Unary::Tanh | Unary::Erf => ulps(library.function()),
        // A multiplication, and the function's error in units of a significand that may be smaller.
        Unary::Elu => ulps(2.0 * library.function() + 0.5),
        Unary::Sigmoid => ulps(library.composed(2.0)),
        Unary::Silu => ulps(library.composed(3.0)),
        Unary::Softplus => ulps(library.composed(2.0) + 1.0),
        // erfc(z) of z = -x / sqrt 2 magnifies the relative error of z by 2 z² + 1 = x² + 1. The product and the constant are rounded
        // by half a unit each, which is a whole ULP where the result's significand is large.
        Unary::Gelu => ulps(library.composed(4.0) + argument(2.0 * (x * x + 1.0))),
        // sigmoid(z) of z = 2 sqrt(2 / pi) (x + 0.044715 x³) magnifies the relative error of z by |z|: four roundings, each up to a
        // whole ULP as above; in f64 the oracle has six more.
        Unary::GeluTanh => {
            let roundings = if T::DTYPE == DType::F64 { 10.0 } else { 4.0 };
            let z = (8.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x).abs();
            ulps(library.composed(4.0) + argument(roundings * z))
        }
        // What has no row of its own: a function and two more roundings, each of half a unit, doubled by a smaller significand.
        _ => ulps(library.composed(2.0).max(2.0)),
    };
    // The oracle's own error in f64, 1 ULP and more for its compositions, is the result's for the other types' format.
    let oracle = if bound.ulps > 0.0 && T::DTYPE == DType::F64 { bound.ulps.min(2.0) } else { 0.0 };
    let approximate = library == Library::CudaNarrow
        && matches!(
            op,
            Unary::Exp | Unary::Exp2 | Unary::Elu | Unary::Sigmoid | Unary::Silu | Unary::Gelu | Unary::GeluTanh
        );
    match approximate {
        // 2^-15 is 2^8 units of f32.
        true => Bound { absolute: F32.min_normal(), ..ulps(bound.ulps + 256.0) },
        false => Bound { ulps: bound.ulps + oracle, ..bound },
    }
}

/// The bound of `op` on floats.
pub fn binary<T: TestElement>(op: Binary, backend: BackendKind) -> Bound {
    let library = Library::of::<T>(backend);
    match op {
        Binary::Add | Binary::Sub | Binary::Mul => EXACT,
        Binary::Div if library == Library::Wgsl => ulps(2.5),
        Binary::Div | Binary::Rem => EXACT,
        Binary::Maximum | Binary::Minimum | Binary::AddRelu | Binary::MulRelu => EXACT_ANY_ZERO,
        // The system's and the oracle's; CUDA's powf has 4.
        Binary::Pow => ulps(match library {
            Library::HostSingle => library.function(),
            Library::HostDouble => 2.0,
            _ => 4.0,
        }),
        Binary::And | Binary::Or | Binary::Xor => EXACT,
    }
}

/// The bound of `x * scale + shift`, whose operand is the product: one rounding, of which the oracle's own second one makes a
/// little more than half an ULP, and f64's to the bit; in WGSL, where the product may be rounded before it is added, half an ULP of it more.
pub fn affine<T: TestElement>(backend: BackendKind) -> Bound {
    match (backend, T::DTYPE) {
        // The oracle's f64 is rounded itself.
        (BackendKind::Wgpu, DType::F64) => Bound { operand_ulps: 0.5, any_zero: true, ..ulps(1.0) },
        (BackendKind::Wgpu, _) => Bound { operand_ulps: 0.5, any_zero: true, ..ulps(0.5 + 1e-6) },
        (_, DType::F64) => EXACT,
        _ => Bound { any_zero: true, ..ulps(0.5 + 1e-6) },
    }
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

/// Whether a backend may take `x` for zero: a subnormal number of the f32 that elements of `T` are computed in, which WGSL lets a
/// device flush, operand by operand and in the result. A function takes each operand for one number throughout: what it returns
/// is its value at the operands or at zeros in their place, and nothing between.
///
/// Subnormals of f16 are normal in f32, and converted with integer arithmetic; bf16's are f32's.
fn may_flush<T: TestElement>(backend: BackendKind, x: f64) -> bool {
    let format = T::COMPUTE.filter(|format| format.precision == F32.precision);
    backend == BackendKind::Wgpu && format.is_some_and(|format| x.abs() < format.min_normal())
}

/// What an operand may be taken for: itself, and zero where a subnormal may be flushed.
pub fn flushed<T: TestElement>(backend: BackendKind, x: f64) -> impl Iterator<Item = f64> + Clone {
    let zero = (x != 0.0 && may_flush::<T>(backend, x)).then(|| 0f64.copysign(x));
    std::iter::once(x).chain(zero)
}

/// The least magnitude that the computed result may have before it is rounded to `T`.
fn least_computed<T: TestElement>(want: &Want) -> f64 {
    let y = want.value.float();
    let narrower = T::FORMAT.zip(T::COMPUTE).filter(|(format, compute)| format.precision < compute.precision);
    let rounding = narrower.map_or(0.0, |(format, _)| 0.5 * format.ulp(y));
    y.abs() - (want.allowed - rounding).max(0.0)
}

/// `None` if `got` is one of `wants`, else the first. Where subnormal numbers may be flushed, one is as good as zero, both ways; so
/// is one that the allowed error has made of a normal number.
pub fn judge<T: TestElement>(backend: BackendKind, wants: impl Iterator<Item = Want>, got: T) -> Option<Want> {
    let mut first = None;
    for want in wants {
        // `?` leaves with `None`: the result will do.
        let want = want.judge(got)?;
        let (y, found) = (want.value.float(), got.value().float());
        if may_flush::<T>(backend, least_computed::<T>(&want))
            && may_flush::<T>(backend, found)
            && (y == 0.0 || found == 0.0)
        {
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
    if !y.is_finite() {
        return Want::exactly(Value::Float(y));
    }
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

/// What takes the place of [`matmul_roundings`] for large products of f32, of whatever arithmetic.
///
/// Split into 16-bit pieces, a product of two elements may lose 8 units of its own, of which half are the pieces left out, and the
/// tensor cores cut at most 6 from a sum of 32; then come k / 32 additions to nearest. Ordinary sums have a rounding for each step, yet
/// of either sign: 5 times their root mean square, `sqrt(k / 3) / 2`, is less than this from a k of 10 on.
pub fn split_roundings(k: usize) -> f64 {
    16.0 + k as f64 / 16.0
}

/// The largest error of a scaled product of 8-bit factors of depth `k`, whose terms' magnitudes add up to `magnitude`.
///
/// In f32, each term has two roundings for scales beside those of its sum. Hopper's tensor cores take 32 terms at a time, and cut from
/// each what lies below 2^-13 of the greatest among them and the sum so far: up to 33 such pieces for each of the four steps in a run of
/// 128, or for every step where they do it all. What was seen is at most 18 for a run, where all terms have one sign.
pub fn scaled_error(backend: BackendKind, accumulation: Accumulation, k: usize, magnitude: f64) -> f64 {
    let ordinary = (k as f64 + 4.0) * F32.unit_roundoff() * magnitude;
    let cut = 2f64.powi(-13) * magnitude;
    match (backend, accumulation) {
        (BackendKind::Cuda, Accumulation::Fast) => ordinary + 24.0 * (k as f64 / 128.0).max(1.0) * cut,
        (BackendKind::Cuda, _) => ordinary + 24.0 * cut,
        _ => ordinary,
    }
}
