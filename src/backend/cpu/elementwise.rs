//! Elementwise operations: the vocabulary's rows as loops over slices.
//!
//! Each row becomes one function over slices per type it is computed in (f32, f64 and the integers; half types go through f32),
//! compiled for several SIMD levels and chosen at run time. `blocks` brings operands of any strides into that form.

use super::blocks::Blocks;
use super::operand::{Argument, Input, Output, View};
use super::scalar::{Arithmetic, Real};
use super::storage::{Storage, match_float, match_number, match_size, match_stored};
use crate::backend::op::{Binary, Compare, Domain, Unary, for_each_binary, for_each_compare, for_each_unary};
use crate::dtype::{DType, Scalar};
use crate::layout::{Layout, Loops, Order, collapse};

/// `out[i] = f(x[i], params)`.
type UnaryKernel<T> = fn(&mut [T], &[T], [T; 2]);
/// `out[i] = f(a[i], b[i])`.
type BinaryKernel<T, O = T> = fn(&mut [O], &[T], &[T]);

/// A row of the unary operations.
trait UnaryRow<T> {
    fn apply(x: T, p: T, q: T) -> T;
}

/// A row of the binary operations or of the comparisons.
trait BinaryRow<T, O = T> {
    fn apply(x: T, y: T) -> O;
}

/// A row as a loop, for `Arch::dispatch` to compile once per SIMD level.
struct UnaryLoop<'a, F, T> {
    out: &'a mut [T],
    x: &'a [T],
    params: [T; 2],
    row: std::marker::PhantomData<F>,
}

impl<F: UnaryRow<T>, T: Copy> pulp::NullaryFnOnce for UnaryLoop<'_, F, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let [p, q] = self.params;
        for (out, &x) in self.out.iter_mut().zip(self.x) {
            *out = F::apply(x, p, q);
        }
    }
}

fn unary_loop<F: UnaryRow<T>, T: Copy>(out: &mut [T], x: &[T], params: [T; 2]) {
    pulp::Arch::new().dispatch(UnaryLoop::<F, T> { out, x, params, row: std::marker::PhantomData });
}

struct BinaryLoop<'a, F, T, O> {
    out: &'a mut [O],
    a: &'a [T],
    b: &'a [T],
    row: std::marker::PhantomData<F>,
}

impl<F: BinaryRow<T, O>, T: Copy, O> pulp::NullaryFnOnce for BinaryLoop<'_, F, T, O> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for ((out, &a), &b) in self.out.iter_mut().zip(self.a).zip(self.b) {
            *out = F::apply(a, b);
        }
    }
}

fn binary_loop<F: BinaryRow<T, O>, T: Copy, O>(out: &mut [O], a: &[T], b: &[T]) {
    pulp::Arch::new().dispatch(BinaryLoop::<F, T, O> { out, a, b, row: std::marker::PhantomData });
}

/// `Some(kernel)` if the row's domain belongs to the family that is asked for.
macro_rules! in_family {
    (arithmetic Number $kernel:expr) => {
        Some($kernel)
    };
    (arithmetic Signed $kernel:expr) => {
        Some($kernel)
    };
    (real Float $kernel:expr) => {
        Some($kernel)
    };
    (bool Bool $kernel:expr) => {
        Some($kernel)
    };
    ($family:ident $domain:ident $kernel:expr) => {
        None
    };
}

macro_rules! unary_rows {
    ($($variant:ident $method:ident($($p:ident),*) $domain:ident $doc:literal |$x:ident, $a:pat_param, $b:pat_param| $body:expr;)*) => {
        mod unary_row {
            $(pub struct $variant;)*
        }
        $(unary_rows!(@row $domain $variant |$x, $a, $b| $body);)*

        fn arithmetic_unary<T: Arithmetic>(op: Unary) -> Option<UnaryKernel<T>> {
            match op {
                $(Unary::$variant => in_family!(arithmetic $domain unary_loop::<unary_row::$variant, T>),)*
            }
        }

        fn real_unary<T: Real>(op: Unary) -> Option<UnaryKernel<T>> {
            match op {
                $(Unary::$variant => in_family!(real $domain unary_loop::<unary_row::$variant, T>),)*
            }
        }

        fn bool_unary(op: Unary) -> Option<UnaryKernel<u8>> {
            match op {
                $(Unary::$variant => in_family!(bool $domain unary_loop::<unary_row::$variant, u8>),)*
            }
        }
    };
    (@row Bool $variant:ident |$x:ident, $a:pat_param, $b:pat_param| $body:expr) => {
        impl UnaryRow<u8> for unary_row::$variant {
            #[inline(always)]
            fn apply($x: u8, $a: u8, $b: u8) -> u8 {
                let $x = $x != 0;
                u8::from($body)
            }
        }
    };
    (@row Float $variant:ident |$x:ident, $a:pat_param, $b:pat_param| $body:expr) => {
        impl<T: Real> UnaryRow<T> for unary_row::$variant {
            #[inline(always)]
            fn apply($x: T, $a: T, $b: T) -> T {
                $body
            }
        }
    };
    (@row $number:ident $variant:ident |$x:ident, $a:pat_param, $b:pat_param| $body:expr) => {
        impl<T: Arithmetic> UnaryRow<T> for unary_row::$variant {
            #[inline(always)]
            fn apply($x: T, $a: T, $b: T) -> T {
                $body
            }
        }
    };
}
for_each_unary!(unary_rows);

macro_rules! binary_rows {
    ($($variant:ident $method:ident $domain:ident $doc:literal |$x:ident, $y:ident| $body:expr;)*) => {
        mod binary_row {
            $(pub struct $variant;)*
        }
        $(binary_rows!(@row $domain $variant |$x, $y| $body);)*

        fn arithmetic_binary<T: Arithmetic>(op: Binary) -> Option<BinaryKernel<T>> {
            match op {
                $(Binary::$variant => in_family!(arithmetic $domain binary_loop::<binary_row::$variant, T, T>),)*
            }
        }

        fn real_binary<T: Real>(op: Binary) -> Option<BinaryKernel<T>> {
            match op {
                $(Binary::$variant => in_family!(real $domain binary_loop::<binary_row::$variant, T, T>),)*
            }
        }

        fn bool_binary(op: Binary) -> Option<BinaryKernel<u8>> {
            match op {
                $(Binary::$variant => in_family!(bool $domain binary_loop::<binary_row::$variant, u8, u8>),)*
            }
        }
    };
    (@row Bool $variant:ident |$x:ident, $y:ident| $body:expr) => {
        impl BinaryRow<u8> for binary_row::$variant {
            #[inline(always)]
            fn apply($x: u8, $y: u8) -> u8 {
                let ($x, $y) = ($x != 0, $y != 0);
                u8::from($body)
            }
        }
    };
    (@row Float $variant:ident |$x:ident, $y:ident| $body:expr) => {
        impl<T: Real> BinaryRow<T> for binary_row::$variant {
            #[inline(always)]
            fn apply($x: T, $y: T) -> T {
                $body
            }
        }
    };
    (@row $number:ident $variant:ident |$x:ident, $y:ident| $body:expr) => {
        impl<T: Arithmetic> BinaryRow<T> for binary_row::$variant {
            #[inline(always)]
            fn apply($x: T, $y: T) -> T {
                $body
            }
        }
    };
}
for_each_binary!(binary_rows);

macro_rules! compare_rows {
    ($($variant:ident $method:ident $domain:ident $doc:literal |$x:ident, $y:ident| $body:expr;)*) => {
        mod compare_row {
            $(pub struct $variant;)*
        }
        $(impl<T: Arithmetic> BinaryRow<T, u8> for compare_row::$variant {
            #[inline(always)]
            fn apply($x: T, $y: T) -> u8 {
                u8::from($body)
            }
        })*

        fn comparison<T: Arithmetic>(op: Compare) -> BinaryKernel<T, u8> {
            match op {
                $(Compare::$variant => binary_loop::<compare_row::$variant, T, u8>,)*
            }
        }
    };
}
for_each_compare!(compare_rows);

/// Runs `kernel` over blocks of `inputs` (operands 1 to N of `loops`) and `out` (operand 0).
pub fn zip<const N: usize, const M: usize, C, O>(
    loops: &Loops<M>,
    out: &Output<O>,
    inputs: &[Input<C>; N],
    kernel: impl Fn(&mut [O], [&[C]; N]) + Sync,
) where
    C: Copy + Default + Send + Sync + 'static,
    O: Copy + Default + Send + Sync + 'static,
{
    let stages = || (Vec::new(), std::array::from_fn::<Vec<C>, N, _>(|_| Vec::new()));
    Blocks::new(loops).for_each(stages, |(out_stage, in_stages), sections| {
        let mut pairs = inputs.iter().zip(in_stages).zip(&sections[1..]);
        let slices = std::array::from_fn(|_| match pairs.next() {
            // SAFETY: the operation holds the lock and `View::new` checked the layout. What is read in place lies in another
            // buffer than the output's, whose lock is the only exclusive one.
            Some(((input, stage), section)) => unsafe { input.slice(section, stage) },
            None => &[],
        });
        // SAFETY: the lock is held exclusively, the layout was checked; blocks don't share elements because the layout doesn't
        // reach one element twice, and the inputs' slices lie in other buffers.
        unsafe { out.write(&sections[0], out_stage, |out| kernel(out, slices)) };
    });
}

fn loops2(out: &View, a: &Layout) -> Loops<2> {
    collapse([out.layout, a], Order::Any)
}

fn loops3(out: &View, a: &Argument, b: &Argument) -> Loops<3> {
    collapse([out.layout, &a.layout(out.layout), &b.layout(out.layout)], Order::Any)
}

/// Sets every element.
pub fn fill(value: Scalar, out: &View) {
    fn run<S: Storage>(value: S::Compute, out: &View) {
        let loops = collapse([out.layout], Order::Any);
        zip(&loops, &Output::new::<S>(out), &[], |out: &mut [S::Compute], []: [&[u8]; 0]| out.fill(value));
    }
    match_stored!(out.dtype, S => run::<S>(Arithmetic::from_scalar(value), out), bool => run::<u8>(
        u8::from(value.to_f64() != 0.0),
        out,
    ));
}

/// Copies and converts.
pub fn copy(x: &View, out: &View) {
    fn run<S: Storage<Compute = S>>(x: &View, out: &View) {
        let loops = collapse([out.layout, x.layout], Order::Any);
        let (input, output) = (Input::new::<S>(x, out), Output::new::<S>(out));
        if x.shares_buffer(out) {
            return zip(&loops, &output, &[input], |out, [x]| out.copy_from_slice(x));
        }
        Blocks::new(&loops).for_each(Vec::new, |stage, [out_section, x_section]| {
            // SAFETY: the operation holds the locks, `View::new` checked the layouts, blocks don't share elements, and the input
            // lies in another buffer.
            unsafe { output.write(&out_section, stage, |out| input.gather(&x_section, out)) };
        });
    }
    if x.dtype == out.dtype {
        match_size!(x.dtype.size(), S => run::<S>(x, out));
    } else {
        super::cast::cast(x, out);
    }
}

/// `out = op(x)`; `false` if the operation isn't defined for the type.
pub fn unary(op: Unary, params: [Scalar; 2], x: &View, out: &View) -> bool {
    fn run<S: Storage>(kernel: Option<UnaryKernel<S::Compute>>, params: [S::Compute; 2], x: &View, out: &View) -> bool {
        let Some(kernel) = kernel else { return false };
        let inputs = [Input::new::<S>(x, out)];
        zip(&loops2(out, x.layout), &Output::new::<S>(out), &inputs, |out, [x]| kernel(out, x, params));
        true
    }
    if !op.domain().contains(x.dtype) {
        return false;
    }
    match op.domain() {
        Domain::Bool => run::<u8>(bool_unary(op), [0; 2], x, out),
        Domain::Float => match_float!(x.dtype, S => {
            run::<S>(real_unary(op), params.map(Arithmetic::from_scalar), x, out)
        }, _ => false),
        Domain::Number | Domain::Signed => match_number!(x.dtype, S => {
            run::<S>(arithmetic_unary(op), params.map(Arithmetic::from_scalar), x, out)
        }, bool => false),
    }
}

/// `out = op(a, b)`; `false` if the operation isn't defined for the type.
pub fn binary(op: Binary, a: &Argument, b: &Argument, out: &View) -> bool {
    fn run<S>(kernel: Option<BinaryKernel<S::Compute>>, a: &Argument, b: &Argument, out: &View) -> bool
    where
        S: Storage<Compute: Arithmetic>,
    {
        let Some(kernel) = kernel else { return false };
        let inputs = [Input::from_argument::<S>(a, out), Input::from_argument::<S>(b, out)];
        zip(&loops3(out, a, b), &Output::new::<S>(out), &inputs, |out, [a, b]| kernel(out, a, b));
        true
    }
    if !op.domain().contains(out.dtype) {
        return false;
    }
    match op.domain() {
        Domain::Bool => run::<u8>(bool_binary(op), a, b, out),
        Domain::Float => match_float!(out.dtype, S => run::<S>(real_binary(op), a, b, out), _ => false),
        Domain::Number | Domain::Signed => {
            match_number!(out.dtype, S => run::<S>(arithmetic_binary(op), a, b, out), bool => false)
        }
    }
}

/// `out = op(a, b)` for operands of `dtype`; `bool` compares as 0 and 1.
pub fn compare(op: Compare, dtype: DType, a: &Argument, b: &Argument, out: &View) {
    fn run<S>(op: Compare, a: &Argument, b: &Argument, out: &View)
    where
        S: Storage<Compute: Arithmetic>,
    {
        let inputs = [Input::from_argument::<S>(a, out), Input::from_argument::<S>(b, out)];
        let kernel = comparison::<S::Compute>(op);
        zip(&loops3(out, a, b), &Output::new::<u8>(out), &inputs, |out, [a, b]| kernel(out, a, b));
    }
    match_number!(dtype, S => run::<S>(op, a, b, out), bool => run::<u8>(op, a, b, out));
}

/// `out = cond ? a : b`.
pub fn select(cond: &View, a: &Argument, b: &Argument, out: &View) {
    fn run<S>(cond: &View, a: &Argument, b: &Argument, out: &View)
    where
        S: Storage<Compute: Arithmetic>,
    {
        struct Select<'a, T> {
            out: &'a mut [T],
            cond: &'a [T],
            a: &'a [T],
            b: &'a [T],
        }
        impl<T: Arithmetic> pulp::NullaryFnOnce for Select<'_, T> {
            type Output = ();

            #[inline(always)]
            fn call(self) {
                for (((out, &cond), &a), &b) in self.out.iter_mut().zip(self.cond).zip(self.a).zip(self.b) {
                    *out = if cond != T::ZERO { a } else { b };
                }
            }
        }
        let layouts = [out.layout, cond.layout, &a.layout(out.layout), &b.layout(out.layout)];
        let inputs = [Input::flags(cond), Input::from_argument::<S>(a, out), Input::from_argument::<S>(b, out)];
        zip(&collapse(layouts, Order::Any), &Output::new::<S>(out), &inputs, |out, [cond, a, b]| {
            pulp::Arch::new().dispatch(Select { out, cond, a, b });
        });
    }
    match_stored!(out.dtype, S => run::<S>(cond, a, b, out), bool => run::<u8>(cond, a, b, out));
}

/// `out = x * scale + shift`; `false` for `bool`.
pub fn affine(x: &View, scale: &Argument, shift: &Argument, out: &View) -> bool {
    fn run<S>(x: &View, scale: &Argument, shift: &Argument, out: &View)
    where
        S: Storage<Compute: Arithmetic>,
    {
        struct Affine<'a, T> {
            out: &'a mut [T],
            x: &'a [T],
            scale: &'a [T],
            shift: &'a [T],
        }
        impl<T: Arithmetic> pulp::NullaryFnOnce for Affine<'_, T> {
            type Output = ();

            #[inline(always)]
            fn call(self) {
                for (((out, &x), &scale), &shift) in self.out.iter_mut().zip(self.x).zip(self.scale).zip(self.shift) {
                    *out = x.affine(scale, shift);
                }
            }
        }
        let layouts = [out.layout, x.layout, &scale.layout(out.layout), &shift.layout(out.layout)];
        let inputs =
            [Input::new::<S>(x, out), Input::from_argument::<S>(scale, out), Input::from_argument::<S>(shift, out)];
        zip(&collapse(layouts, Order::Any), &Output::new::<S>(out), &inputs, |out, [x, scale, shift]| {
            pulp::Arch::new().dispatch(Affine { out, x, scale, shift });
        });
    }
    match_number!(out.dtype, S => run::<S>(x, scale, shift, out), bool => return false);
    true
}
