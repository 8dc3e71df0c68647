//! Operators, as ndarray's: they panic, with the same message, where the method of the same name returns an error.

use std::ops::{
    Add, AddAssign, BitAnd, BitOr, BitXor, Div, DivAssign, Mul, MulAssign, Neg, Not, Rem, RemAssign, Sub, SubAssign,
};

use half::{bf16, f16};

use super::Tensor;
use crate::backend::op::Binary;
use crate::dtype::{Number, Signed};
use crate::error::Result;
use crate::ops::Argument;
use crate::ops::elementwise::binary_from_left;

/// The value, or a panic with the error's message.
#[track_caller]
fn expect<T>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

macro_rules! arithmetic {
    ($($trait:ident $method:ident $assign_trait:ident $assign:ident $variant:ident;)*) => {$(
        impl<T: Number, A: Argument<T>> $trait<A> for &Tensor<T> {
            type Output = Tensor<T>;

            #[track_caller]
            fn $method(self, rhs: A) -> Tensor<T> {
                expect(Tensor::$method(self, rhs))
            }
        }

        impl<T: Number, A: Argument<T>> $trait<A> for Tensor<T> {
            type Output = Tensor<T>;

            #[track_caller]
            fn $method(self, rhs: A) -> Tensor<T> {
                expect(Tensor::$method(&self, rhs))
            }
        }

        impl<T: Number, A: Argument<T>> $assign_trait<A> for Tensor<T> {
            #[track_caller]
            fn $assign(&mut self, rhs: A) {
                expect(Tensor::$assign(self, rhs))
            }
        }

        arithmetic!(@from_left $trait $method $variant: f32 f64 f16 bf16 i32 i64 u8 u32);
    )*};
    (@from_left $trait:ident $method:ident $variant:ident: $($t:ty)*) => {$(
        impl $trait<&Tensor<$t>> for $t {
            type Output = Tensor<$t>;

            #[track_caller]
            fn $method(self, rhs: &Tensor<$t>) -> Tensor<$t> {
                expect(binary_from_left(Binary::$variant, self, rhs))
            }
        }

        impl $trait<Tensor<$t>> for $t {
            type Output = Tensor<$t>;

            #[track_caller]
            fn $method(self, rhs: Tensor<$t>) -> Tensor<$t> {
                expect(binary_from_left(Binary::$variant, self, &rhs))
            }
        }
    )*};
}
arithmetic! {
    Add add AddAssign add_assign Add;
    Sub sub SubAssign sub_assign Sub;
    Mul mul MulAssign mul_assign Mul;
    Div div DivAssign div_assign Div;
    Rem rem RemAssign rem_assign Rem;
}

macro_rules! logic {
    ($($trait:ident $operator:ident $method:ident;)*) => {$(
        impl<A: Argument<bool>> $trait<A> for &Tensor<bool> {
            type Output = Tensor<bool>;

            #[track_caller]
            fn $operator(self, rhs: A) -> Tensor<bool> {
                expect(self.$method(rhs))
            }
        }

        impl<A: Argument<bool>> $trait<A> for Tensor<bool> {
            type Output = Tensor<bool>;

            #[track_caller]
            fn $operator(self, rhs: A) -> Tensor<bool> {
                expect(self.$method(rhs))
            }
        }
    )*};
}
logic! {
    BitAnd bitand logical_and;
    BitOr bitor logical_or;
    BitXor bitxor logical_xor;
}

impl<T: Signed> Neg for &Tensor<T> {
    type Output = Tensor<T>;

    #[track_caller]
    fn neg(self) -> Tensor<T> {
        expect(Tensor::neg(self))
    }
}

impl<T: Signed> Neg for Tensor<T> {
    type Output = Tensor<T>;

    #[track_caller]
    fn neg(self) -> Tensor<T> {
        expect(Tensor::neg(&self))
    }
}

impl Not for &Tensor<bool> {
    type Output = Tensor<bool>;

    #[track_caller]
    fn not(self) -> Tensor<bool> {
        expect(self.logical_not())
    }
}

impl Not for Tensor<bool> {
    type Output = Tensor<bool>;

    #[track_caller]
    fn not(self) -> Tensor<bool> {
        expect(self.logical_not())
    }
}
