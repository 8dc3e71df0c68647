//! Conversions between element types: as Rust's `as`, each with one rounding; `bool` from a number is `v != 0`.

use half::{bf16, f16};

use super::elementwise::zip;
use super::operand::{Input, Output, View};
use super::storage::{Storage, match_stored};
use crate::dtype::{F8E4M3, F8E5M2, integer_to_odd, round_to_odd};
use crate::layout::{Order, collapse};

/// A type that numbers are converted to.
trait Target: Storage {
    fn from_f32(x: f32) -> Self::Compute;
    fn from_f64(x: f64) -> Self::Compute;
    fn from_i32(x: i32) -> Self::Compute;
    fn from_i64(x: i64) -> Self::Compute;
    fn from_u8(x: u8) -> Self::Compute;
    fn from_u32(x: u32) -> Self::Compute;
}

/// A type that numbers are converted from.
trait Origin: Copy + Default + Send + Sync + 'static {
    fn to<D: Target>(self) -> D::Compute;
}

macro_rules! target {
    ($($D:ty, $C:ty, [$($from:ident $S:ident)*] $([$($wide:ident $W:ident $odd:ident $(as $via:ident)?),*])?;)*) => {$(
        impl Target for $D {
            $(#[inline(always)]
            fn $from(x: $S) -> $C {
                x as $C
            })*
            $($(#[inline(always)]
            fn $wide(x: $W) -> $C {
                $odd(x $(as $via)?)
            })*)?
        }
    )*};
}

target! {
    f32, f32, [from_f32 f32 from_f64 f64 from_i32 i32 from_i64 i64 from_u8 u8 from_u32 u32];
    f64, f64, [from_f32 f32 from_f64 f64 from_i32 i32 from_i64 i64 from_u8 u8 from_u32 u32];
    i32, i32, [from_f32 f32 from_f64 f64 from_i32 i32 from_i64 i64 from_u8 u8 from_u32 u32];
    i64, i64, [from_f32 f32 from_f64 f64 from_i32 i32 from_i64 i64 from_u8 u8 from_u32 u32];
    u8, u8, [from_f32 f32 from_f64 f64 from_i32 i32 from_i64 i64 from_u8 u8 from_u32 u32];
    u32, u32, [from_f32 f32 from_f64 f64 from_i32 i32 from_i64 i64 from_u8 u8 from_u32 u32];
    f16, f32, [from_f32 f32 from_u8 u8] [
        from_f64 f64 round_to_odd, from_i32 i32 integer_to_odd as i64, from_i64 i64 integer_to_odd, from_u32 u32 integer_to_odd as i64
    ];
    bf16, f32, [from_f32 f32 from_u8 u8] [
        from_f64 f64 round_to_odd, from_i32 i32 integer_to_odd as i64, from_i64 i64 integer_to_odd, from_u32 u32 integer_to_odd as i64
    ];
    F8E4M3, f32, [from_f32 f32 from_u8 u8] [
        from_f64 f64 round_to_odd, from_i32 i32 integer_to_odd as i64, from_i64 i64 integer_to_odd, from_u32 u32 integer_to_odd as i64
    ];
    F8E5M2, f32, [from_f32 f32 from_u8 u8] [
        from_f64 f64 round_to_odd, from_i32 i32 integer_to_odd as i64, from_i64 i64 integer_to_odd, from_u32 u32 integer_to_odd as i64
    ];
}

/// `bool` as a target.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
struct Flag(u8);

impl Storage for Flag {
    type Compute = u8;
    const SAME: bool = true;

    fn decode(memory: &[Self], out: &mut [u8]) {
        out.iter_mut().zip(memory).for_each(|(out, flag)| *out = flag.0);
    }
    fn encode(values: &[u8], memory: &mut [Self]) {
        memory.iter_mut().zip(values).for_each(|(flag, &value)| *flag = Flag(value));
    }
}

macro_rules! flag {
    ($($from:ident $S:ident)*) => {
        impl Target for Flag {
            $(#[inline(always)]
            fn $from(x: $S) -> u8 {
                u8::from(x != $S::default())
            })*
        }
    };
}
flag!(from_f32 f32 from_f64 f64 from_i32 i32 from_i64 i64 from_u8 u8 from_u32 u32);

macro_rules! origin {
    ($($S:ident $from:ident)*) => {$(
        impl Origin for $S {
            #[inline(always)]
            fn to<D: Target>(self) -> D::Compute {
                D::$from(self)
            }
        }
    )*};
}
origin!(f32 from_f32 f64 from_f64 i32 from_i32 i64 from_i64 u8 from_u8 u32 from_u32);

struct Convert<'a, C, D: Target> {
    out: &'a mut [D::Compute],
    x: &'a [C],
}

impl<C: Origin, D: Target> pulp::NullaryFnOnce for Convert<'_, C, D> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (out, &x) in self.out.iter_mut().zip(self.x) {
            *out = x.to::<D>();
        }
    }
}

/// `out = x as D`, for operands of different types.
pub fn cast(x: &View, out: &View) {
    fn run<S: Storage<Compute: Origin>, D: Target>(x: &View, out: &View) {
        let loops = collapse([out.layout, x.layout], Order::Any);
        zip(&loops, &Output::new::<D>(out), &[Input::new::<S>(x, out)], |out, [x]| {
            pulp::Arch::new().dispatch(Convert::<S::Compute, D> { out, x });
        });
    }
    fn from<S: Storage<Compute: Origin>>(x: &View, out: &View) {
        match_stored!(out.dtype, D => run::<S, D>(x, out), bool => run::<S, Flag>(x, out));
    }
    match_stored!(x.dtype, S => from::<S>(x, out), bool => from::<u8>(x, out));
}
