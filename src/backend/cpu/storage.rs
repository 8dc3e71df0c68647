//! Elements as they lie in memory, and as they are computed with: half types and 8-bit floats in f32, `bool` as a byte 0 or 1, all
//! else as is.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use crate::dtype::{F8E4M3, F8E5M2};

/// An element in memory.
pub trait Storage: Copy + Default + Send + Sync + 'static {
    /// What it is computed in.
    type Compute: Copy + Default + Send + Sync + 'static;
    /// Whether that is the same type, or one of the same representation, so that memory can be used in place.
    const SAME: bool;

    /// Converts elements to what they are computed in; the lengths are equal.
    fn decode(memory: &[Self], out: &mut [Self::Compute]);
    /// Converts results to elements; the lengths are equal.
    fn encode(values: &[Self::Compute], memory: &mut [Self]);
}

macro_rules! as_is {
    ($($t:ty)*) => {$(
        impl Storage for $t {
            type Compute = $t;
            const SAME: bool = true;

            #[inline(always)]
            fn decode(memory: &[Self], out: &mut [Self]) {
                out.copy_from_slice(memory);
            }
            #[inline(always)]
            fn encode(values: &[Self], memory: &mut [Self]) {
                memory.copy_from_slice(values);
            }
        }
    )*};
}
as_is!(f32 f64 i32 i64 u8 u16 u32 u64);

impl Storage for f16 {
    type Compute = f32;
    const SAME: bool = false;

    fn decode(memory: &[Self], out: &mut [f32]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V4::try_new() {
            return simd.vectorize(x86::Decode { simd, memory, out });
        }
        memory.convert_to_f32_slice(out);
    }
    fn encode(values: &[f32], memory: &mut [Self]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V4::try_new() {
            return simd.vectorize(x86::Encode { simd, values, memory });
        }
        memory.convert_from_f32_slice(values);
    }
}

/// f16 sixteen at a time. `half` has the eight of F16C, and asks the processor for them each time.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use half::f16;
    use half::slice::HalfFloatSliceExt;
    use pulp::x86::V4;

    const LANES: usize = 16;

    pub struct Decode<'a> {
        pub simd: V4,
        pub memory: &'a [f16],
        pub out: &'a mut [f32],
    }

    impl pulp::NullaryFnOnce for Decode<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let (memory, rest) = self.memory.as_chunks::<LANES>();
            let (out, out_rest) = self.out.as_chunks_mut::<LANES>();
            for (out, x) in out.iter_mut().zip(memory) {
                *out = bytemuck::cast(self.simd.avx512f._mm512_cvtph_ps(bytemuck::cast(*x)));
            }
            rest.convert_to_f32_slice(out_rest);
        }
    }

    pub struct Encode<'a> {
        pub simd: V4,
        pub values: &'a [f32],
        pub memory: &'a mut [f16],
    }

    impl pulp::NullaryFnOnce for Encode<'_> {
        type Output = ();

        #[inline(always)]
        fn call(self) {
            let (values, rest) = self.values.as_chunks::<LANES>();
            let (memory, memory_rest) = self.memory.as_chunks_mut::<LANES>();
            for (out, x) in memory.iter_mut().zip(values) {
                // Zero asks for rounding to nearest even.
                *out = bytemuck::cast(self.simd.avx512f._mm512_cvtps_ph::<0>(bytemuck::cast(*x)));
            }
            memory_rest.convert_from_f32_slice(rest);
        }
    }
}

impl Storage for bf16 {
    type Compute = f32;
    const SAME: bool = false;

    fn decode(memory: &[Self], out: &mut [f32]) {
        pulp::Arch::new().dispatch(Widen { memory, out });
    }
    fn encode(values: &[f32], memory: &mut [Self]) {
        pulp::Arch::new().dispatch(Narrow { values, memory });
    }
}

struct Widen<'a> {
    memory: &'a [bf16],
    out: &'a mut [f32],
}

impl pulp::NullaryFnOnce for Widen<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (out, x) in self.out.iter_mut().zip(self.memory) {
            *out = f32::from_bits(u32::from(x.to_bits()) << 16);
        }
    }
}

struct Narrow<'a> {
    values: &'a [f32],
    memory: &'a mut [bf16],
}

impl pulp::NullaryFnOnce for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (out, x) in self.memory.iter_mut().zip(self.values) {
            let bits = x.to_bits();
            // To nearest even: half a unit less one, plus one where the kept part is odd.
            let rounded = bits.wrapping_add(0x7FFF + ((bits >> 16) & 1)) >> 16;
            // A NaN whose payload lies in the lost half must not become infinity.
            let quiet = (bits >> 16) | 0x40;
            *out = bf16::from_bits((if x.is_nan() { quiet } else { rounded }) as u16);
        }
    }
}

macro_rules! fp8 {
    ($($t:ident)*) => {$(
        impl Storage for $t {
            type Compute = f32;
            const SAME: bool = false;

            fn decode(memory: &[Self], out: &mut [f32]) {
                struct Decode<'a>(&'a [$t], &'a mut [f32]);
                impl pulp::NullaryFnOnce for Decode<'_> {
                    type Output = ();

                    #[inline(always)]
                    fn call(self) {
                        self.1.iter_mut().zip(self.0).for_each(|(out, x)| *out = x.to_f32());
                    }
                }
                pulp::Arch::new().dispatch(Decode(memory, out));
            }
            fn encode(values: &[f32], memory: &mut [Self]) {
                struct Encode<'a>(&'a [f32], &'a mut [$t]);
                impl pulp::NullaryFnOnce for Encode<'_> {
                    type Output = ();

                    #[inline(always)]
                    fn call(self) {
                        self.1.iter_mut().zip(self.0).for_each(|(out, &x)| *out = $t::from_f32(x));
                    }
                }
                pulp::Arch::new().dispatch(Encode(values, memory));
            }
        }
    )*};
}
fp8!(F8E4M3 F8E5M2);

/// Runs `$body` with `$T` as the storage type of a number's dtype, or `$other` for what has no arithmetic: `bool` and the 8-bit floats.
macro_rules! match_number {
    ($dtype:expr, $T:ident => $body:expr, bool => $other:expr) => {{
        use crate::dtype::DType;
        match $dtype {
            DType::F32 => {
                type $T = f32;
                $body
            }
            DType::F64 => {
                type $T = f64;
                $body
            }
            DType::F16 => {
                type $T = half::f16;
                $body
            }
            DType::BF16 => {
                type $T = half::bf16;
                $body
            }
            DType::I32 => {
                type $T = i32;
                $body
            }
            DType::I64 => {
                type $T = i64;
                $body
            }
            DType::U8 => {
                type $T = u8;
                $body
            }
            DType::U32 => {
                type $T = u32;
                $body
            }
            DType::Bool | DType::F8E4M3 | DType::F8E5M2 => $other,
        }
    }};
}

/// As `match_number`, but with the 8-bit floats among the types for `$body`.
macro_rules! match_stored {
    ($dtype:expr, $T:ident => $body:expr, bool => $other:expr) => {{
        match $dtype {
            crate::dtype::DType::F8E4M3 => {
                type $T = crate::dtype::F8E4M3;
                $body
            }
            crate::dtype::DType::F8E5M2 => {
                type $T = crate::dtype::F8E5M2;
                $body
            }
            dtype => crate::backend::cpu::storage::match_number!(dtype, $T => $body, bool => $other),
        }
    }};
}

/// Runs `$body` with `$T` as the storage type of a floating-point dtype, or `$other` for all others.
macro_rules! match_float {
    ($dtype:expr, $T:ident => $body:expr, _ => $other:expr) => {{
        use crate::dtype::DType;
        match $dtype {
            DType::F32 => {
                type $T = f32;
                $body
            }
            DType::F64 => {
                type $T = f64;
                $body
            }
            DType::F16 => {
                type $T = half::f16;
                $body
            }
            DType::BF16 => {
                type $T = half::bf16;
                $body
            }
            _ => $other,
        }
    }};
}

/// Runs `$body` with `$T` as the unsigned word of `$size` bytes: for what moves elements without looking at them.
macro_rules! match_size {
    ($size:expr, $T:ident => $body:expr) => {
        match $size {
            1 => {
                type $T = u8;
                $body
            }
            2 => {
                type $T = u16;
                $body
            }
            4 => {
                type $T = u32;
                $body
            }
            _ => {
                type $T = u64;
                $body
            }
        }
    };
}

pub(super) use {match_float, match_number, match_size, match_stored};
