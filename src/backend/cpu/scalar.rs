//! The arithmetic of one element: what the vocabulary's CPU definitions are written in.
//!
//! Everything is branch-free where the hardware allows it, so that a loop over a slice becomes SIMD code of whatever width the
//! enclosing function was compiled for. No operation fuses a multiplication and an addition unless it says so: the same bits
//! come out at every SIMD level.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::math;
use crate::dtype::Scalar;

/// A type that numbers are computed in: f32 f64 i32 i64 u8 u32. Integers wrap; dividing by integer zero gives zero.
pub trait Arithmetic: Copy + PartialOrd + Default + Send + Sync + 'static {
    const ZERO: Self;
    const ONE: Self;
    /// The smallest value, `-inf` for floats.
    const LOWEST: Self;
    /// The largest value, `inf` for floats.
    const HIGHEST: Self;

    fn from_scalar(scalar: Scalar) -> Self;
    fn is_nan(self) -> bool;
    fn neg(self) -> Self;
    fn abs(self) -> Self;
    fn sign(self) -> Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    fn rem(self, other: Self) -> Self;
    /// `self * scale + shift`, with one rounding for floats.
    fn affine(self, scale: Self, shift: Self) -> Self;

    /// The larger of the two, NaN if either is NaN.
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        if (self > other) | self.is_nan() { self } else { other }
    }

    /// The smaller of the two, NaN if either is NaN.
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        if (self < other) | self.is_nan() { self } else { other }
    }
}

/// A type that real functions are computed in: f32 and f64.
pub trait Real:
    Arithmetic + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
    fn sqrt(self) -> Self;
    fn exp(self) -> Self;
    /// `e^(self - other)`, without rounding the difference to this type.
    fn exp_of_difference(self, other: Self) -> f64;
    fn exp2(self) -> Self;
    fn expm1(self) -> Self;
    fn log(self) -> Self;
    fn log2(self) -> Self;
    fn log1p(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn tanh(self) -> Self;
    fn erf(self) -> Self;
    fn sigmoid(self) -> Self;
    fn silu(self) -> Self;
    fn gelu(self) -> Self;
    fn gelu_tanh(self) -> Self;
    fn pow(self, exponent: Self) -> Self;
    fn floor(self) -> Self;
    fn ceil(self) -> Self;
    fn round_ties_even(self) -> Self;
    fn trunc(self) -> Self;
}

macro_rules! integer {
    ($($t:ty, |$x:ident| $neg:expr, $abs:expr, $sign:expr;)*) => {$(
        impl Arithmetic for $t {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const LOWEST: Self = <$t>::MIN;
            const HIGHEST: Self = <$t>::MAX;

            #[inline(always)]
            fn from_scalar(scalar: Scalar) -> Self {
                scalar.to_i64() as $t
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                false
            }
            #[inline(always)]
            fn neg(self) -> Self {
                let $x = self;
                $neg
            }
            #[inline(always)]
            fn abs(self) -> Self {
                let $x = self;
                $abs
            }
            #[inline(always)]
            fn sign(self) -> Self {
                let $x = self;
                $sign
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_div(other) }
            }
            #[inline(always)]
            fn rem(self, other: Self) -> Self {
                if other == 0 { 0 } else { self.wrapping_rem(other) }
            }
            #[inline(always)]
            fn affine(self, scale: Self, shift: Self) -> Self {
                self.wrapping_mul(scale).wrapping_add(shift)
            }
        }
    )*};
}

integer! {
    i32, |x| x.wrapping_neg(), x.wrapping_abs(), x.signum();
    i64, |x| x.wrapping_neg(), x.wrapping_abs(), x.signum();
    u8, |x| x.wrapping_neg(), x, u8::from(x != 0);
    u32, |x| x.wrapping_neg(), x, u32::from(x != 0);
}

macro_rules! float {
    ($($t:ident, $math:ident;)*) => {$(
        impl Arithmetic for $t {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const LOWEST: Self = $t::NEG_INFINITY;
            const HIGHEST: Self = $t::INFINITY;

            #[inline(always)]
            fn from_scalar(scalar: Scalar) -> Self {
                scalar.to_f64() as $t
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                self != self
            }
            #[inline(always)]
            fn neg(self) -> Self {
                -self
            }
            #[inline(always)]
            fn abs(self) -> Self {
                $t::abs(self)
            }
            #[inline(always)]
            fn sign(self) -> Self {
                // Zeros and NaN are their own sign.
                if self > 0.0 { 1.0 } else if self < 0.0 { -1.0 } else { self }
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self + other
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self - other
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self * other
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                self / other
            }
            #[inline(always)]
            fn rem(self, other: Self) -> Self {
                self % other
            }
            #[inline(always)]
            fn affine(self, scale: Self, shift: Self) -> Self {
                self.mul_add(scale, shift)
            }
        }

        impl Real for $t {
            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $t
            }
            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                $t::sqrt(self)
            }
            #[inline(always)]
            fn floor(self) -> Self {
                $t::floor(self)
            }
            #[inline(always)]
            fn ceil(self) -> Self {
                $t::ceil(self)
            }
            #[inline(always)]
            fn round_ties_even(self) -> Self {
                $t::round_ties_even(self)
            }
            #[inline(always)]
            fn trunc(self) -> Self {
                $t::trunc(self)
            }
            float!(@functions $t $math exp exp2 expm1 log log2 log1p sin cos tanh erf sigmoid silu gelu gelu_tanh);
            #[inline(always)]
            fn exp_of_difference(self, other: Self) -> f64 {
                math::$math::exp_wide(f64::from(self) - f64::from(other))
            }
            #[inline(always)]
            fn pow(self, exponent: Self) -> Self {
                math::$math::pow(self, exponent)
            }
        }
    )*};
    (@functions $t:ident $math:ident $($f:ident)*) => {$(
        #[inline(always)]
        fn $f(self) -> Self {
            math::$math::$f(self)
        }
    )*};
}

float! {
    f32, single;
    f64, double;
}
