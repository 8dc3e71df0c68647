//! The 8-bit floating-point types: storage for the factors of matrix products, and converted to and from all other types.
//!
//! Both are the formats of the Open Compute Project that NVIDIA's tensor cores read. Rounding works on the bits of an `f32`: for a
//! normal result the bits below are rounded off and the exponent's bias changed; for a subnormal one the addition of a power of two
//! leaves the multiple of the smallest number in the low bits, rounded by the addition itself.

use std::cmp::Ordering;
use std::fmt;

use bytemuck::{Pod, Zeroable};

macro_rules! fp8 {
    (
        $(#[$doc:meta])* $name:ident,
        mantissa $mantissa:literal, bias $bias:literal, max $max:literal, overflow $overflow:literal, infinity $infinity:literal, nan $nan:literal
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, Zeroable, Pod)]
        #[repr(transparent)]
        pub struct $name(u8);

        impl $name {
            /// Zero.
            pub const ZERO: Self = Self(0);
            /// One.
            pub const ONE: Self = Self($bias << $mantissa);
            /// The largest finite number.
            pub const MAX: Self = Self($max);
            /// A NaN.
            pub const NAN: Self = Self($nan);

            /// Bits of an f32's mantissa that are rounded off.
            const SHIFT: u32 = 23 - $mantissa;
            /// What the exponent's bias changes by, in units of the last kept bit.
            const REBIAS: u32 = (127 - $bias) << $mantissa;
            /// The smallest positive number: the exponent bits of that power of two as an f32.
            const LEAST: u32 = 128 - $bias - $mantissa;

            /// The number with these bits.
            #[inline]
            pub const fn from_bits(bits: u8) -> Self {
                Self(bits)
            }

            /// The bits: sign, exponent, mantissa.
            #[inline]
            pub const fn to_bits(self) -> u8 {
                self.0
            }

            /// Whether it is a NaN.
            #[inline]
            pub const fn is_nan(self) -> bool {
                self.0 & 0x7f > $infinity
            }

            /// The nearest number, ties to even; see the type for what is too large.
            #[inline(always)]
            pub fn from_f32(x: f32) -> Self {
                let magnitude = x.to_bits() & 0x7fff_ffff;
                let sign = (x.to_bits() >> 24) as u8 & 0x80;
                // Half a unit less one, plus one where the kept part is odd.
                let half = (1 << (Self::SHIFT - 1)) - 1 + (magnitude >> Self::SHIFT & 1);
                let normal = ((magnitude + half) >> Self::SHIFT).wrapping_sub(Self::REBIAS).min($overflow);
                let unit = f32::from_bits((Self::LEAST + 23) << 23);
                let subnormal = (f32::from_bits(magnitude) + unit).to_bits() & 0xff;
                let is_normal = magnitude >= (Self::LEAST + $mantissa) << 23;
                let number = if is_normal { normal } else { subnormal };
                Self(sign | if magnitude > 0x7f80_0000 { $nan } else { number as u8 })
            }

            /// The number as an `f32`, which holds every one of them.
            #[inline(always)]
            pub fn to_f32(self) -> f32 {
                let magnitude = u32::from(self.0 & 0x7f);
                let normal = (magnitude + Self::REBIAS) << Self::SHIFT;
                let subnormal = (magnitude as f32 * f32::from_bits(Self::LEAST << 23)).to_bits();
                // Above the finite numbers come infinity, where there is one, and the NaNs.
                let special = 0x7f80_0000 | (magnitude.wrapping_sub($infinity) & 3) << Self::SHIFT;
                let number = if magnitude < 1 << $mantissa { subnormal } else { normal };
                let number = if magnitude > $max { special } else { number };
                f32::from_bits(u32::from(self.0 & 0x80) << 24 | number)
            }
        }

        impl From<$name> for f32 {
            fn from(x: $name) -> f32 {
                x.to_f32()
            }
        }

        /// As numbers: zeros are equal, a NaN equals nothing.
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.to_f32() == other.to_f32()
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                self.to_f32().partial_cmp(&other.to_f32())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.to_f32(), f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.to_f32(), f)
            }
        }
    };
}

fp8! {
    /// An 8-bit float with 4 bits of exponent and 3 of mantissa (`e4m3fn`): magnitudes from 2^-9 to 448, no infinity, one NaN of each
    /// sign.
    ///
    /// Conversion to it rounds to nearest, ties to even, and **saturates**: what is above 448, infinity included, becomes 448 of its
    /// sign, as the conversion instructions of NVIDIA's GPUs have it. (PyTorch's conversion makes such a number a NaN.) NaN stays NaN.
    ///
    /// A tensor of it can be made, viewed, copied, converted with [`cast`](crate::Tensor::cast) and multiplied with
    /// [`matmul_scaled`](crate::Tensor::matmul_scaled); for everything else, cast it.
    ///
    /// ```
    /// use tilework::F8E4M3;
    /// assert_eq!(F8E4M3::from_f32(0.3).to_f32(), 0.3125);
    /// assert_eq!(F8E4M3::from_f32(1e6), F8E4M3::MAX);
    /// assert_eq!(f32::from(F8E4M3::MAX), 448.0);
    /// ```
    F8E4M3, mantissa 3, bias 7, max 0x7e, overflow 0x7e, infinity 0x7e, nan 0x7f
}

fp8! {
    /// An 8-bit float with 5 bits of exponent and 2 of mantissa (`e5m2`): magnitudes from 2^-16 to 57344, infinities and NaNs as in the
    /// IEEE formats; it is the upper half of an `f16`.
    ///
    /// Conversion to it rounds to nearest, ties to even. What would round to more than 57344 becomes infinity, as in every IEEE format;
    /// NaN stays NaN.
    ///
    /// A tensor of it can be made, viewed, copied, converted with [`cast`](crate::Tensor::cast) and multiplied with
    /// [`matmul_scaled`](crate::Tensor::matmul_scaled); for everything else, cast it.
    ///
    /// ```
    /// use tilework::F8E5M2;
    /// assert_eq!(F8E5M2::from_f32(0.3).to_f32(), 0.3125);
    /// assert_eq!(F8E5M2::from_f32(1e6).to_f32(), f32::INFINITY);
    /// ```
    F8E5M2, mantissa 2, bias 15, max 0x7b, overflow 0x7c, infinity 0x7c, nan 0x7e
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A format as its definition has it: the value of each code below the sign, in f64.
    fn values(mantissa: i32, bias: i32, finite: u8) -> Vec<f64> {
        let value = |code: u8| {
            let (exponent, fraction) = (i32::from(code >> mantissa), f64::from(code % (1 << mantissa)));
            let unit = 2f64.powi(-mantissa);
            match exponent {
                0 => fraction * unit * 2f64.powi(1 - bias),
                _ => (1.0 + fraction * unit) * 2f64.powi(exponent - bias),
            }
        };
        (0..=finite).map(value).collect()
    }

    /// The code nearest to a magnitude, the even one of two; `beyond` stands for the number that would follow the last.
    fn nearest(values: &[f64], beyond: f64, x: f64) -> usize {
        let all = values.iter().copied().chain([beyond]).enumerate();
        let best = all.min_by(|(i, a), (j, b)| (a - x).abs().total_cmp(&(b - x).abs()).then((i & 1).cmp(&(j & 1))));
        best.unwrap().0
    }

    fn e4m3(x: f32) -> u8 {
        let values = values(3, 7, 0x7e);
        let magnitude = nearest(&values, 480.0, f64::from(x.abs()).min(480.0)).min(0x7e) as u8;
        magnitude | if x.is_sign_negative() { 0x80 } else { 0 }
    }

    fn e5m2(x: f32) -> u8 {
        let values = values(2, 15, 0x7b);
        let magnitude = nearest(&values, 65_536.0, f64::from(x.abs()).min(65_536.0)) as u8;
        magnitude | if x.is_sign_negative() { 0x80 } else { 0 }
    }

    fn check(x: f32) {
        assert_eq!(F8E4M3::from_f32(x).to_bits(), e4m3(x), "{x:e} to e4m3");
        assert_eq!(F8E5M2::from_f32(x).to_bits(), e5m2(x), "{x:e} to e5m2");
    }

    #[test]
    fn every_code_is_the_number_of_its_definition_and_comes_back() {
        for code in 0..=0xffu8 {
            let (a, b) = (F8E4M3::from_bits(code), F8E5M2::from_bits(code));
            let (magnitude, sign) = (code & 0x7f, if code & 0x80 == 0 { 1.0 } else { -1.0 });
            match values(3, 7, 0x7e).get(usize::from(magnitude)) {
                Some(value) => assert_eq!(f64::from(a.to_f32()).to_bits(), (sign * value).to_bits(), "{code:#x}"),
                None => assert!(a.is_nan() && a.to_f32().is_nan()),
            }
            match values(2, 15, 0x7b).get(usize::from(magnitude)) {
                Some(value) => assert_eq!(f64::from(b.to_f32()).to_bits(), (sign * value).to_bits(), "{code:#x}"),
                None if magnitude == 0x7c => assert_eq!(b.to_f32(), sign as f32 * f32::INFINITY),
                None => assert!(b.is_nan() && b.to_f32().is_nan()),
            }
            assert_eq!(F8E4M3::from_f32(a.to_f32()).to_bits(), code);
            let back = F8E5M2::from_f32(b.to_f32());
            assert!(back.to_bits() == code || back.is_nan() && b.is_nan());
            assert_eq!(b.to_f32().to_bits() << 1 == 0, code << 1 == 0);
        }
    }

    #[test]
    fn ties_go_to_the_even_code_and_their_neighbours_do_not() {
        for (mantissa, bias, finite) in [(3, 7, 0x7e), (2, 15, 0x7b)] {
            for pair in values(mantissa, bias, finite).windows(2) {
                let middle = ((pair[0] + pair[1]) / 2.0) as f32;
                for x in [pair[0] as f32, middle.next_down(), middle, middle.next_up()] {
                    check(x);
                    check(-x);
                }
            }
        }
        for x in [448.0, 463.9, 464.0, 480.0, 57_344.0, 61_439.0, 61_440.0, f32::MAX, f32::MIN_POSITIVE, 1e-45] {
            check(x);
            check(-x);
        }
    }

    #[test]
    fn what_is_no_number() {
        assert_eq!(F8E4M3::from_f32(f32::INFINITY), F8E4M3::MAX);
        assert_eq!(F8E4M3::from_f32(f32::NEG_INFINITY).to_f32(), -448.0);
        assert_eq!(F8E5M2::from_f32(f32::NEG_INFINITY).to_f32(), f32::NEG_INFINITY);
        for nan in [f32::NAN, -f32::NAN, f32::from_bits(0x7f80_0001), f32::from_bits(0xffff_ffff)] {
            assert!(F8E4M3::from_f32(nan).is_nan() && F8E5M2::from_f32(nan).is_nan());
        }
        assert_ne!(F8E4M3::NAN, F8E4M3::NAN);
        assert_eq!((F8E4M3::ONE.to_f32(), F8E5M2::ONE.to_f32()), (1.0, 1.0));
        assert_eq!((F8E4M3::MAX.to_f32(), F8E5M2::MAX.to_f32()), (448.0, 57_344.0));
        assert!(F8E4M3::ZERO < F8E4M3::ONE && format!("{} {:?}", F8E5M2::ONE, F8E5M2::ONE) == "1 1.0");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn any_number_rounds_to_the_nearest(bits: u32, exponent in 100u32..145) {
            // Any number, and one of the range that the formats have.
            for x in [f32::from_bits(bits), f32::from_bits(bits & 0x807f_ffff | exponent << 23)] {
                if x.is_finite() {
                    check(x);
                }
            }
        }
    }
}
