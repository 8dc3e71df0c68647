//! Element types: the closed set of types a tensor can hold, and what each can do.

use std::fmt;

use bytemuck::{CheckedBitPattern, NoUninit};
use half::{bf16, f16};

mod fp8;

pub use fp8::{F8E4M3, F8E5M2};

/// An element type, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DType {
    /// IEEE binary32.
    F32,
    /// IEEE binary64.
    F64,
    /// IEEE binary16; computed and accumulated in f32.
    F16,
    /// bfloat16; computed and accumulated in f32.
    BF16,
    /// 32-bit signed integer, wrapping.
    I32,
    /// 64-bit signed integer, wrapping.
    I64,
    /// 8-bit unsigned integer, wrapping.
    U8,
    /// 32-bit unsigned integer, wrapping.
    U32,
    /// Truth value, one byte each: 0 or 1.
    Bool,
    /// 8-bit float with 3 bits of mantissa, without infinity ([`F8E4M3`]); stored and converted, and multiplied as matrices.
    F8E4M3,
    /// 8-bit float with 2 bits of mantissa ([`F8E5M2`]); stored and converted, and multiplied as matrices.
    F8E5M2,
}

impl DType {
    /// Every element type.
    pub const ALL: [DType; 11] = [
        DType::F32,
        DType::F64,
        DType::F16,
        DType::BF16,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U32,
        DType::Bool,
        DType::F8E4M3,
        DType::F8E5M2,
    ];

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            DType::F64 | DType::I64 => 8,
            DType::F32 | DType::I32 | DType::U32 => 4,
            DType::F16 | DType::BF16 => 2,
            DType::U8 | DType::Bool | DType::F8E4M3 | DType::F8E5M2 => 1,
        }
    }

    /// The Rust name of the type, as in kernel names: `"f32"`, `"bf16"`, `"bool"`.
    pub const fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::F16 => "f16",
            DType::BF16 => "bf16",
            DType::I32 => "i32",
            DType::I64 => "i64",
            DType::U8 => "u8",
            DType::U32 => "u32",
            DType::Bool => "bool",
            DType::F8E4M3 => "f8e4m3",
            DType::F8E5M2 => "f8e5m2",
        }
    }

    /// Whether the type is a floating-point type with arithmetic (the 8-bit ones have none).
    pub const fn is_float(self) -> bool {
        matches!(self, DType::F32 | DType::F64 | DType::F16 | DType::BF16)
    }

    /// Whether the type is an integer type (`bool` is not).
    pub const fn is_integer(self) -> bool {
        matches!(self, DType::I32 | DType::I64 | DType::U8 | DType::U32)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A scalar argument of an operation, in the widest type of its kind, so that no `i64` is rounded through a float.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    /// For the floating-point types.
    Float(f64),
    /// For the integer types and `bool`.
    Int(i64),
}

impl Scalar {
    /// The value as f64 (integers beyond 2^53 are rounded).
    pub fn to_f64(self) -> f64 {
        match self {
            Scalar::Float(v) => v,
            Scalar::Int(v) => v as f64,
        }
    }

    /// The value as i64 (floats are truncated, saturating; NaN is 0).
    pub fn to_i64(self) -> i64 {
        match self {
            Scalar::Float(v) => v as i64,
            Scalar::Int(v) => v,
        }
    }
}

mod sealed {
    use super::Scalar;

    /// Keeps the set of element types closed, and carries what only the crate needs.
    pub trait Sealed: Sized {
        /// The plain-data twin of the type, for reading bytes that a device wrote.
        type Bits: bytemuck::Pod;

        /// The values of these bits; any non-zero byte is `true`.
        fn from_bits(bits: Vec<Self::Bits>) -> Vec<Self>;

        /// The value as a scalar argument.
        fn scalar(self) -> Scalar;

        /// The value of an integer, wrapping; rounded for the floating-point types.
        fn from_int(v: i64) -> Self;
    }
}
pub(crate) use sealed::Sealed;

/// A type that a [`Tensor`](crate::Tensor) can hold: `f32 f64 f16 bf16 i32 i64 u8 u32 bool`, [`F8E4M3`] and [`F8E5M2`].
pub trait Element:
    Sealed + NoUninit + CheckedBitPattern + fmt::Debug + fmt::Display + Default + PartialEq + PartialOrd + Send + Sync
{
    /// The type as a value.
    const DTYPE: DType;
    /// Zero, or `false`.
    const ZERO: Self;
    /// One, or `true`.
    const ONE: Self;

    /// The nearest value of this type: floats round to nearest even, integers truncate and saturate (NaN is 0), `bool` is `v != 0`.
    fn from_f64(v: f64) -> Self;

    /// The value as f64; exact except for `i64` beyond 2^53.
    fn to_f64(self) -> f64;
}

/// An element type with arithmetic: every [`Element`] but `bool` and the 8-bit floats.
pub trait Number: Element {}

/// A number type with a sign: the floating-point types, `i32` and `i64`.
pub trait Signed: Number {}

/// A floating-point type: `f32 f64 f16 bf16`.
pub trait Float: Signed {}

/// An 8-bit floating-point type: [`F8E4M3`] or [`F8E5M2`].
pub trait Float8: Element {}

macro_rules! element {
    ($($t:ty, $dtype:ident, $zero:expr, $one:expr, |$v:ident| $from:expr, |$x:ident| $to:expr, |$s:ident| $scalar:expr, $bits:ty, |$b:ident| $from_bits:expr, |$i:ident| $from_int:expr, [$($kind:ident),*];)*) => {$(
        impl Sealed for $t {
            type Bits = $bits;

            fn from_bits($b: Vec<$bits>) -> Vec<Self> {
                $from_bits
            }

            #[inline]
            fn from_int($i: i64) -> Self {
                $from_int
            }

            #[inline]
            fn scalar(self) -> Scalar {
                let $s = self;
                $scalar
            }
        }
        impl Element for $t {
            const DTYPE: DType = DType::$dtype;
            const ZERO: Self = $zero;
            const ONE: Self = $one;

            #[inline]
            fn from_f64($v: f64) -> Self {
                $from
            }

            #[inline]
            fn to_f64(self) -> f64 {
                let $x = self;
                $to
            }
        }
        $(impl $kind for $t {})*
    )*};
}

element! {
    f32, F32, 0.0, 1.0, |v| v as f32, |x| f64::from(x), |s| Scalar::Float(f64::from(s)), f32, |bits| bits, |i| i as f32, [Number, Signed, Float];
    f64, F64, 0.0, 1.0, |v| v, |x| x, |s| Scalar::Float(s), f64, |bits| bits, |i| i as f64, [Number, Signed, Float];
    f16, F16, f16::ZERO, f16::ONE, |v| f16::from_f32(round_to_odd(v)), |x| x.to_f64(), |s| Scalar::Float(s.to_f64()), f16, |bits| bits, |i| f16::from_f32(integer_to_odd(i)), [Number, Signed, Float];
    bf16, BF16, bf16::ZERO, bf16::ONE, |v| bf16::from_f32(round_to_odd(v)), |x| x.to_f64(), |s| Scalar::Float(s.to_f64()), bf16, |bits| bits, |i| bf16::from_f32(integer_to_odd(i)), [Number, Signed, Float];
    i32, I32, 0, 1, |v| v as i32, |x| f64::from(x), |s| Scalar::Int(i64::from(s)), i32, |bits| bits, |i| i as i32, [Number, Signed];
    i64, I64, 0, 1, |v| v as i64, |x| x as f64, |s| Scalar::Int(s), i64, |bits| bits, |i| i, [Number, Signed];
    u8, U8, 0, 1, |v| v as u8, |x| f64::from(x), |s| Scalar::Int(i64::from(s)), u8, |bits| bits, |i| i as u8, [Number];
    u32, U32, 0, 1, |v| v as u32, |x| f64::from(x), |s| Scalar::Int(i64::from(s)), u32, |bits| bits, |i| i as u32, [Number];
    bool, Bool, false, true, |v| v != 0.0, |x| f64::from(u8::from(x)), |s| Scalar::Int(i64::from(s)), u8, |bits| bits.into_iter().map(|b| b != 0).collect(), |i| i != 0, [];
    F8E4M3, F8E4M3, F8E4M3::ZERO, F8E4M3::ONE, |v| F8E4M3::from_f32(round_to_odd(v)), |x| x.to_f32().into(), |s| Scalar::Float(s.to_f32().into()), F8E4M3, |bits| bits, |i| F8E4M3::from_f32(integer_to_odd(i)), [Float8];
    F8E5M2, F8E5M2, F8E5M2::ZERO, F8E5M2::ONE, |v| F8E5M2::from_f32(round_to_odd(v)), |x| x.to_f32().into(), |s| Scalar::Float(s.to_f32().into()), F8E5M2, |bits| bits, |i| F8E5M2::from_f32(integer_to_odd(i)), [Float8];
}

/// The f32 that is `x`, or else the one of its two neighbours whose last bit is set.
///
/// A half type is made from it by one more rounding. Rounding to nearest twice could go wrong at a tie; rounding to odd first
/// can't, because the last bit remembers that something was lost.
#[inline(always)]
pub(crate) fn round_to_odd(x: f64) -> f32 {
    let nearest = x as f32;
    let widened = f64::from(nearest);
    let towards_zero = nearest.to_bits() - u32::from(widened.abs() > x.abs());
    f32::from_bits(towards_zero | u32::from(widened != x))
}

/// The same for integers, which an f64 between would round.
#[inline(always)]
pub(crate) fn integer_to_odd(i: i64) -> f32 {
    let magnitude = i.unsigned_abs();
    let beyond = (i64::BITS - magnitude.leading_zeros()).saturating_sub(f32::MANTISSA_DIGITS);
    let lost = magnitude & ((1 << beyond) - 1) != 0;
    let significand = (magnitude >> beyond) | u64::from(lost);
    let unsigned = significand as f32 * (1u64 << beyond) as f32;
    if i < 0 { -unsigned } else { unsigned }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_rust_types() {
        fn check<T: Element>() {
            assert_eq!(T::DTYPE.size(), size_of::<T>());
            assert_eq!(T::from_f64(1.0), T::ONE);
            assert_eq!(T::from_f64(0.0), T::ZERO);
        }
        check::<f32>();
        check::<f64>();
        check::<f16>();
        check::<bf16>();
        check::<i32>();
        check::<i64>();
        check::<u8>();
        check::<u32>();
        check::<bool>();
        check::<F8E4M3>();
        check::<F8E5M2>();
    }

    #[test]
    fn half_types_round_once() {
        // Just past a tie: f32 would call it one, and a tie goes to the even neighbour below.
        let past = |half_unit: f64| 1.0 + half_unit + 2f64.powi(-40);
        assert_eq!(<f16 as Element>::from_f64(past(2f64.powi(-11))).to_f64(), 1.0 + 2f64.powi(-10));
        assert_eq!(<bf16 as Element>::from_f64(past(2f64.powi(-8))).to_f64(), 1.0 + 2f64.powi(-7));
        assert_eq!(<bf16 as Element>::from_f64(-past(2f64.powi(-8))).to_f64(), -1.0 - 2f64.powi(-7));
        assert!(<f16 as Element>::from_f64(f64::NAN).is_nan());
        assert_eq!(<f16 as Element>::from_f64(-1e300), f16::NEG_INFINITY);
        let past = (1i64 << 60) + (1 << 52) + 1;
        assert_eq!(<bf16 as Sealed>::from_int(past).to_f64(), 2f64.powi(60) + 2f64.powi(53));
        assert_eq!(<bf16 as Sealed>::from_int(-past).to_f64(), -(2f64.powi(60) + 2f64.powi(53)));
        assert_eq!(<bf16 as Sealed>::from_int(past - 1).to_f64(), 2f64.powi(60));
        for i in [0, 1, -1, 65_504, i64::MIN] {
            assert_eq!(f64::from(integer_to_odd(i)), i as f64);
        }
    }

    #[test]
    fn scalars_keep_wide_integers() {
        assert_eq!(i64::MAX.scalar().to_i64(), i64::MAX);
    }
}
