//! What the suite needs to know of an element type: its bits, its exact value, its rounding, and where its operations are.

use half::{bf16, f16};
use tilework::{Device, Element, F8E4M3, F8E5M2, Result, Tensor};

use crate::vocabulary::{self, Binary, Compare, Unary};

/// An element as a number, without any rounding: `f64` holds every float, `i128` every integer, and `bool` is 0 or 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    Float(f64),
    Int(i128),
}

impl Value {
    pub fn float(self) -> f64 {
        match self {
            Value::Float(v) => v,
            Value::Int(v) => v as f64,
        }
    }

    pub fn int(self) -> i128 {
        match self {
            Value::Float(v) => panic!("{v} was taken for an integer"),
            Value::Int(v) => v,
        }
    }
}

/// A binary floating-point format.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    /// Bits of the significand, the hidden one included.
    pub precision: i32,
    /// Exponent of the smallest normal number.
    pub min_exponent: i32,
    /// Exponent of the largest number.
    pub max_exponent: i32,
}

pub const F64: Format = Format { precision: 53, min_exponent: -1022, max_exponent: 1023 };
pub const F32: Format = Format { precision: 24, min_exponent: -126, max_exponent: 127 };
pub const F16: Format = Format { precision: 11, min_exponent: -14, max_exponent: 15 };
pub const BF16: Format = Format { precision: 8, min_exponent: -126, max_exponent: 127 };

/// Without infinity, which leaves one number more and room for none beyond 448.
pub const E4M3: Format = Format { precision: 4, min_exponent: -6, max_exponent: 8 };
pub const E5M2: Format = Format { precision: 3, min_exponent: -14, max_exponent: 15 };

impl Format {
    /// The distance of neighbouring numbers around `x`.
    pub fn ulp(self, x: f64) -> f64 {
        let exponent = ((x.to_bits() >> 52) & 0x7ff) as i32 - 1023;
        let exponent = exponent.clamp(self.min_exponent, self.max_exponent);
        f64::from(exponent - self.precision + 1).exp2()
    }

    /// The number of the format nearest to `x`, ties to even; infinity from half a step above the largest on.
    pub fn nearest(self, x: f64) -> f64 {
        if !x.is_finite() {
            return x;
        }
        // Steps are powers of two: dividing and multiplying by one is exact.
        let rounded = (x / self.ulp(x)).round_ties_even() * self.ulp(x);
        if rounded.abs() >= self.overflow() { f64::INFINITY.copysign(x) } else { rounded }
    }

    /// Half the distance of neighbours around 1: the largest relative error of one rounding.
    pub fn unit_roundoff(self) -> f64 {
        f64::from(-self.precision).exp2()
    }

    /// The smallest positive normal number.
    pub fn min_normal(self) -> f64 {
        f64::from(self.min_exponent).exp2()
    }

    /// What would follow the largest finite number; infinity is measured as if it stood here.
    pub fn overflow(self) -> f64 {
        // 2^1024 is no f64; the largest finite f64 stands in for it.
        if self.max_exponent >= 1023 { f64::MAX } else { f64::from(self.max_exponent + 1).exp2() }
    }
}

/// An element type under test.
pub trait TestElement: Element + 'static {
    /// The format, for the floating-point types.
    const FORMAT: Option<Format>;
    /// The format that arithmetic and sums are carried out in: f32 for the half types.
    const COMPUTE: Option<Format>;

    fn value(self) -> Value;
    /// The element nearest to `value` (ties to even); integers wrap.
    fn round(value: Value) -> Self;
    fn bits(self) -> u64;
    fn from_pattern(bits: u64) -> Self;
    /// What lies in the gaps of a strided tensor: NaN, or a number that is easy to recognise.
    fn canary() -> Self;

    /// The public methods by name; `None` where the operation is not defined for the type.
    fn unary(op: Unary, x: &Tensor<Self>, params: [Self; 2]) -> Option<Result<Tensor<Self>>>;
    fn binary(op: Binary, a: &Tensor<Self>, b: &Tensor<Self>) -> Option<Result<Tensor<Self>>>;
    fn binary_scalar(op: Binary, a: &Tensor<Self>, b: Self) -> Option<Result<Tensor<Self>>>;
    fn compare(op: Compare, a: &Tensor<Self>, b: &Tensor<Self>) -> Option<Result<Tensor<bool>>>;
    fn compare_scalar(op: Compare, a: &Tensor<Self>, b: Self) -> Option<Result<Tensor<bool>>>;

    /// A probe for operations that every device has for the element types that it has.
    fn supported(device: &Device) -> Result<()> {
        Tensor::<Self>::zeros(1, device).map(drop)
    }

    fn is_nan(self) -> bool {
        matches!(self.value(), Value::Float(v) if v.is_nan())
    }

    /// Whether both are the same element: the same bits, or both NaN (whose payload nothing promises).
    fn same(self, other: Self) -> bool {
        self.bits() == other.bits() || (self.is_nan() && other.is_nan())
    }

    /// The number of representable numbers from `self` to `other`; `None` if one of them is NaN.
    fn ulps_to(self, other: Self) -> Option<u64> {
        // Sign and magnitude become an ordered integer, in which both zeros are 0.
        let ordered = |x: Self| {
            let sign = 1u64 << (8 * size_of::<Self>() - 1);
            let magnitude = (x.bits() & (sign - 1)) as i128;
            if x.bits() & sign != 0 { -magnitude } else { magnitude }
        };
        let distance = match Self::FORMAT {
            Some(_) if self.is_nan() || other.is_nan() => return None,
            Some(_) => ordered(self) - ordered(other),
            None => self.value().int() - other.value().int(),
        };
        Some(distance.unsigned_abs() as u64)
    }
}

macro_rules! test_elements {
    ($($t:ty, $class:ident, $format:expr, $compute:expr, |$x:ident| $value:expr, |$v:ident| $round:expr, |$b:ident| $bits:expr, |$w:ident| $from_bits:expr, $canary:expr;)*) => {$(
        impl TestElement for $t {
            const FORMAT: Option<Format> = $format;
            const COMPUTE: Option<Format> = $compute;

            fn value(self) -> Value {
                let $x = self;
                $value
            }
            fn round($v: Value) -> Self {
                $round
            }
            fn bits(self) -> u64 {
                let $b = self;
                $bits
            }
            fn from_pattern($w: u64) -> Self {
                $from_bits
            }
            fn canary() -> Self {
                $canary
            }
            fn unary(op: Unary, x: &Tensor<Self>, params: [Self; 2]) -> Option<Result<Tensor<Self>>> {
                vocabulary::unary::$class(op, x, params)
            }
            fn binary(op: Binary, a: &Tensor<Self>, b: &Tensor<Self>) -> Option<Result<Tensor<Self>>> {
                vocabulary::binary::$class(op, a, b)
            }
            fn binary_scalar(op: Binary, a: &Tensor<Self>, b: Self) -> Option<Result<Tensor<Self>>> {
                vocabulary::binary_scalar::$class(op, a, b)
            }
            fn compare(op: Compare, a: &Tensor<Self>, b: &Tensor<Self>) -> Option<Result<Tensor<bool>>> {
                vocabulary::compare::$class(op, a, b)
            }
            fn compare_scalar(op: Compare, a: &Tensor<Self>, b: Self) -> Option<Result<Tensor<bool>>> {
                vocabulary::compare_scalar::$class(op, a, b)
            }
        }
    )*};
}

test_elements! {
    f32, float, Some(F32), Some(F32), |x| Value::Float(x.into()), |v| v.float() as f32, |x| x.to_bits().into(), |b| f32::from_bits(b as u32), f32::NAN;
    f64, float, Some(F64), Some(F64), |x| Value::Float(x), |v| v.float(), |x| x.to_bits(), |b| f64::from_bits(b), f64::NAN;
    f16, float, Some(F16), Some(F32), |x| Value::Float(x.to_f64()), |v| f16::from_f64(F16.nearest(v.float())), |x| x.to_bits().into(), |b| f16::from_bits(b as u16), f16::NAN;
    bf16, float, Some(BF16), Some(F32), |x| Value::Float(x.to_f64()), |v| bf16::from_f64(BF16.nearest(v.float())), |x| x.to_bits().into(), |b| bf16::from_bits(b as u16), bf16::NAN;
    i32, signed, None, None, |x| Value::Int(x.into()), |v| v.int() as i32, |x| u64::from(x as u32), |b| b as i32, 0x5ca1_ab1e;
    i64, signed, None, None, |x| Value::Int(x.into()), |v| v.int() as i64, |x| x as u64, |b| b as i64, 0x5ca1_ab1e_5ca1_ab1e;
    u8, unsigned, None, None, |x| Value::Int(x.into()), |v| v.int() as u8, |x| x.into(), |b| b as u8, 0xa5;
    u32, unsigned, None, None, |x| Value::Int(x.into()), |v| v.int() as u32, |x| x.into(), |b| b as u32, 0xdead_beef;
    bool, boolean, None, None, |x| Value::Int(x.into()), |v| v.int() != 0, |x| x.into(), |b| b & 1 == 1, true;
    F8E4M3, stored, Some(E4M3), Some(F32), |x| Value::Float(x.to_f64()), |v| F8E4M3::from_f64(E4M3.nearest(v.float()).clamp(-448.0, 448.0)), |x| x.to_bits().into(), |b| F8E4M3::from_bits(b as u8), F8E4M3::NAN;
    F8E5M2, stored, Some(E5M2), Some(F32), |x| Value::Float(x.to_f64()), |v| F8E5M2::from_f64(E5M2.nearest(v.float())), |x| x.to_bits().into(), |b| F8E5M2::from_bits(b as u8), F8E5M2::NAN;
}

/// Runs a block once per element type: `each_element!(T in [f32, f16] { .. })`.
macro_rules! each_element {
    ($t:ident in [$($element:ty),*] $body:block) => {
        $({
            type $t = $element;
            $body
        })*
    };
    ($t:ident in floats $body:block) => { each_element!($t in [f32, f64, half::f16, half::bf16] $body) };
    ($t:ident in numbers $body:block) => { each_element!($t in [f32, f64, half::f16, half::bf16, i32, i64, u8, u32] $body) };
    ($t:ident in fp8 $body:block) => { each_element!($t in [tilework::F8E4M3, tilework::F8E5M2] $body) };
    ($t:ident in stored $body:block) => { each_element!($t in [f32, f64, half::f16, half::bf16, i32, i64, u8, u32, bool, tilework::F8E4M3, tilework::F8E5M2] $body) };
    ($t:ident in all $body:block) => { each_element!($t in [f32, f64, half::f16, half::bf16, i32, i64, u8, u32, bool] $body) };
}
pub(crate) use each_element;
