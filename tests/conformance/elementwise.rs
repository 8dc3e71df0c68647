//! The elementwise operations: every row of the vocabulary on every element type it is defined for.

use tilework::{Device, Element, Tensor};

use crate::element::{TestElement, Value, each_element};
use crate::layouts::{Physical, logical, place};
use crate::oracle;
use crate::report::Want;
use crate::runner::{Context, Outcome, Suite};
use crate::tolerance;
use crate::values::{Rng, all_patterns, edges, pairs};
use crate::vocabulary::{Binary, Compare, Unary};

const FAMILY: &str = "elementwise";

/// Shapes at which kernels go wrong: no elements, one, tails of every vector width, many axes.
pub const SHAPES: [&[usize]; 10] =
    [&[], &[0], &[1, 0, 3], &[6, 0, 0, 0], &[1], &[20], &[812], &[33, 65], &[3, 1, 7, 5], &[2, 1, 3, 2, 1, 2, 2, 3]];

pub fn cases(suite: &mut Suite) {
    each_element!(T in all {
        for &op in Unary::ALL.iter().filter(|op| op.is_defined_for(T::DTYPE)) {
            unary_cases::<T>(suite, op);
        }
        for &op in Binary::ALL.iter().filter(|op| op.is_defined_for(T::DTYPE)) {
            binary_cases::<T>(suite, op);
        }
        for &op in Compare::ALL.iter().filter(|op| op.is_defined_for(T::DTYPE)) {
            compare_cases::<T>(suite, op);
        }
    });
}

/// The parameters given to operations that have some: bounds of a clamp, a slope.
fn parameters<T: TestElement>(op: Unary) -> [T; 2] {
    match op {
        Unary::Clamp => [T::from_f64(2.0), T::from_f64(100.0)],
        Unary::LeakyRelu => [T::from_f64(0.01), T::ZERO],
        Unary::Elu => [T::from_f64(1.5), T::ZERO],
        _ => [T::ZERO; 2],
    }
}

/// Inputs of one operand: the edges, then every pattern of a 16-bit type, or random ones of all magnitudes and around zero.
fn inputs<T: TestElement>(rng: &mut Rng, n: usize) -> Vec<T> {
    let mut values = edges::<T>();
    if size_of::<T>() == 2 {
        values.extend(all_patterns::<T>());
    } else {
        values.extend(rng.patterns::<T>(n / 2));
        for scale in [1.0, 20.0, 1000.0] {
            values.extend(rng.elements::<T>(n / 6, scale));
        }
    }
    values
}

fn one<T: TestElement>(device: &Device) -> tilework::Result<Tensor<T>> {
    Tensor::from_vec(vec![T::ONE], 1, device)
}

fn unary_cases<T: TestElement>(suite: &mut Suite, op: Unary) {
    let params = parameters::<T>(op);
    let call = move |x: &Tensor<T>| T::unary(op, x, params).expect("defined for the type");
    let probe = move |device: &Device| call(&one(device)?).and_then(|y| y.to_vec()).map(drop);

    suite.case::<T>(FAMILY, op.name(), "values", probe, move |ctx| {
        let x = inputs::<T>(&mut ctx.rng(), ctx.scaled(3_000, 30_000, 4_000_000));
        let y = call(&Tensor::from_vec(x.clone(), x.len(), &ctx.device)?)?.to_vec()?;
        ctx.at("edges and random values");
        ctx.check(&[x.len()], &y, |i, got| judge_unary(ctx, op, x[i], params, got));
        Ok(())
    });
    suite.case::<T>(FAMILY, op.name(), "shapes", probe, move |ctx| {
        for shape in ctx.some(SHAPES) {
            let x = ctx.rng().elements::<T>(shape.iter().product(), 3.0);
            let y = call(&Tensor::from_vec(x.clone(), shape, &ctx.device)?)?;
            ctx.at(format_args!("shape {shape:?}"));
            ctx.check_that(y.shape() == shape, || format!("the result has shape {:?}", y.shape()));
            ctx.check(shape, &y.to_vec()?, |i, got| judge_unary(ctx, op, x[i], params, got));
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, op.name(), "layouts", probe, move |ctx| {
        for shape in [&[][..], &[37], &[19, 33], &[3, 5, 7], &[2, 1, 3, 2, 1, 2, 2, 3]] {
            let elements = ctx.rng().elements::<T>(shape.iter().product(), 3.0);
            for &physical in ctx.some(Physical::STRIDED) {
                let x = logical(shape, &elements, physical);
                let reference = call(&place(&ctx.device, shape, &x, Physical::Contiguous)?)?.to_vec()?;
                let y = call(&place(&ctx.device, shape, &x, physical)?)?.to_vec()?;
                ctx.at(format_args!("shape {shape:?}, {}, against contiguous", physical.name()));
                ctx.check_bits(shape, &y, &reference);
            }
        }
        Ok(())
    });
}

fn judge_unary<T: TestElement>(ctx: &Context, op: Unary, x: T, params: [T; 2], got: T) -> Option<Want> {
    let (x, params) = match (x.value(), params.map(T::value)) {
        (Value::Int(x), [p, q]) => {
            return Want::exactly(Value::Int(oracle::unary_int(op, x, [p.int(), q.int()]))).judge(got);
        }
        (Value::Float(x), params) => (x, params.map(Value::float)),
    };
    let wants = tolerance::flushed::<T>(ctx.backend(), x)
        .map(|x| tolerance::unary::<T>(op, ctx.backend(), x).around::<T>(oracle::unary(op, x, params), x));
    tolerance::judge(ctx.backend(), wants, got)
}

fn binary_cases<T: TestElement>(suite: &mut Suite, op: Binary) {
    let call = move |a: &Tensor<T>, b: &Tensor<T>| T::binary(op, a, b).expect("defined for the type");
    let probe = move |device: &Device| call(&one(device)?, &one(device)?).and_then(|y| y.to_vec()).map(drop);

    suite.case::<T>(FAMILY, op.name(), "values", probe, move |ctx| {
        let (mut a, mut b) = pairs(&edges::<T>());
        let n = ctx.scaled(1_000, 10_000, 1_000_000);
        let mut rng = ctx.rng();
        a.extend(rng.patterns::<T>(n));
        b.extend(rng.patterns::<T>(n));
        a.extend(rng.elements::<T>(n, 10.0));
        b.extend(rng.elements::<T>(n, 10.0));
        let place = |x: &[T]| Tensor::from_vec(x.to_vec(), x.len(), &ctx.device);
        let y = call(&place(&a)?, &place(&b)?)?.to_vec()?;
        ctx.at("edges squared and random pairs");
        ctx.check(&[a.len()], &y, |i, got| judge_binary(ctx, op, a[i], b[i], got));
        Ok(())
    });
    suite.case::<T>(FAMILY, op.name(), "shapes", probe, move |ctx| binary_shapes(ctx, op, call));
    suite.case::<T>(FAMILY, op.name(), "layouts", probe, move |ctx| {
        binary_layouts(ctx, |a: &Tensor<T>, b: &Tensor<T>| call(a, b)?.to_vec())
    });
    suite.case::<T>(FAMILY, op.name(), "scalars", probe, move |ctx| {
        let x = edges::<T>();
        let a = Tensor::from_vec(x.clone(), x.len(), &ctx.device)?;
        for &b in ctx.some(&x) {
            let full = call(&a, &Tensor::full(x.len(), b, &ctx.device)?)?.to_vec()?;
            let y = T::binary_scalar(op, &a, b).expect("defined for the type")?.to_vec()?;
            ctx.at(format_args!("with the number {b:?}, against a tensor full of it"));
            ctx.check_bits(&[x.len()], &y, &full);
        }
        Ok(())
    });
}

/// Shapes that broadcast against each other, and each of [`SHAPES`] against itself.
const BROADCASTS: [[&[usize]; 2]; 12] = [
    [&[], &[3, 5]],
    [&[1], &[3, 5]],
    [&[5], &[3, 5]],
    [&[3, 1], &[3, 5]],
    [&[3, 1], &[1, 5]],
    [&[2, 1, 4], &[3, 1]],
    [&[1, 1, 1], &[2, 3, 4]],
    [&[33, 1], &[1, 65]],
    [&[4, 1, 6, 1], &[1, 5, 1, 7]],
    [&[0], &[1]],
    [&[3, 0], &[1, 1]],
    [&[1, 0, 3], &[5, 1, 1]],
];

fn binary_shapes<T: TestElement>(
    ctx: &Context,
    op: Binary,
    call: impl Fn(&Tensor<T>, &Tensor<T>) -> tilework::Result<Tensor<T>>,
) -> Outcome {
    let mut rng = ctx.rng();
    let swapped = BROADCASTS.map(|[a, b]| [b, a]);
    for [left, right] in ctx.some(SHAPES.map(|shape| [shape; 2]).into_iter().chain(BROADCASTS).chain(swapped)) {
        let a = rng.elements::<T>(left.iter().product(), 10.0);
        let b = rng.elements::<T>(right.iter().product(), 10.0);
        let y =
            call(&Tensor::from_vec(a.clone(), left, &ctx.device)?, &Tensor::from_vec(b.clone(), right, &ctx.device)?)?;
        let (shape, at) = broadcast(left, right);
        ctx.at(format_args!("shapes {left:?} and {right:?}"));
        ctx.check_that(y.shape() == shape, || format!("the result has shape {:?}", y.shape()));
        ctx.check(&shape, &y.to_vec()?, |i, got| judge_binary(ctx, op, a[at[i][0]], b[at[i][1]], got));
    }
    Ok(())
}

/// The broadcast shape, and for each of its elements where it is in the left and in the right operand.
pub fn broadcast(left: &[usize], right: &[usize]) -> (Vec<usize>, Vec<[usize; 2]>) {
    let indices = |shape: &[usize]| {
        let n = shape.iter().product();
        ndarray::ArrayD::from_shape_vec(shape, (0..n).collect::<Vec<usize>>()).expect("one number per element")
    };
    let rank = left.len().max(right.len());
    let length = |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    let shape: Vec<usize> = (0..rank)
        .map(|axis| match [length(left, axis), length(right, axis)] {
            [1, n] | [n, _] => n,
        })
        .collect();
    let (left, right) = (indices(left), indices(right));
    let stretch =
        |x: &ndarray::ArrayD<usize>| x.broadcast(&shape[..]).expect("shapes that fit").iter().copied().collect();
    let (left, right): (Vec<usize>, Vec<usize>) = (stretch(&left), stretch(&right));
    (shape, left.into_iter().zip(right).map(|(a, b)| [a, b]).collect())
}

/// Both operands in all layouts: against the contiguous result, to the bit.
fn binary_layouts<T: TestElement, U: TestElement>(
    ctx: &Context,
    call: impl Fn(&Tensor<T>, &Tensor<T>) -> tilework::Result<Vec<U>>,
) -> Outcome {
    let mut rng = ctx.rng();
    for shape in [&[][..], &[37], &[19, 33], &[3, 5, 7], &[2, 1, 3, 2, 1, 2, 2, 3]] {
        let n = shape.iter().product();
        let (a, b) = (rng.elements::<T>(n, 10.0), rng.elements::<T>(n, 10.0));
        for (i, left) in ctx.some(Physical::ALL.into_iter().enumerate()) {
            // Each layout on the left with two on the right: every pair would take long and show little more.
            for right in [Physical::ALL[(i + 1) % 7], Physical::ALL[(2 * i + 3) % 7]] {
                let (a, b) = (logical(shape, &a, left), logical(shape, &b, right));
                let put = |x: &[T], physical| place(&ctx.device, shape, x, physical);
                let reference = call(&put(&a, Physical::Contiguous)?, &put(&b, Physical::Contiguous)?)?;
                let y = call(&put(&a, left)?, &put(&b, right)?)?;
                ctx.at(format_args!("shape {shape:?}, {} and {}, against contiguous", left.name(), right.name()));
                ctx.check_bits(shape, &y, &reference);
            }
        }
    }
    Ok(())
}

fn judge_binary<T: TestElement>(ctx: &Context, op: Binary, a: T, b: T, got: T) -> Option<Want> {
    let (a, b) = match (a.value(), b.value()) {
        (Value::Float(a), Value::Float(b)) => (a, b),
        (a, b) => {
            let wrap = |v| T::round(Value::Int(v)).value().int();
            return Want::exactly(Value::Int(oracle::binary_int(op, a.int(), b.int(), wrap))).judge(got);
        }
    };
    let bound = tolerance::binary::<T>(op, ctx.backend());
    let others = tolerance::flushed::<T>(ctx.backend(), b);
    let wants = tolerance::flushed::<T>(ctx.backend(), a)
        .flat_map(|a| others.clone().map(move |b| bound.around::<T>(oracle::binary(op, a, b), a.abs().max(b.abs()))));
    tolerance::judge(ctx.backend(), wants, got)
}

fn compare_cases<T: TestElement>(suite: &mut Suite, op: Compare) {
    let call = move |a: &Tensor<T>, b: &Tensor<T>| T::compare(op, a, b).expect("defined for the type");
    let probe = move |device: &Device| call(&one(device)?, &one(device)?).and_then(|y| y.to_vec()).map(drop);

    suite.case::<T>(FAMILY, op.name(), "values", probe, move |ctx| {
        let (mut a, mut b) = pairs(&edges::<T>());
        let mut rng = ctx.rng();
        a.extend(rng.patterns::<T>(5_000));
        b.extend(rng.patterns::<T>(5_000));
        let place = |x: &[T]| Tensor::from_vec(x.to_vec(), x.len(), &ctx.device);
        let y = call(&place(&a)?, &place(&b)?)?.to_vec()?;
        ctx.at("edges squared and random pairs");
        ctx.check(&[a.len()], &y, |i, got| judge_compare(ctx, op, a[i], b[i], got));
        Ok(())
    });
    suite.case::<T>(FAMILY, op.name(), "layouts", probe, move |ctx| {
        binary_layouts(ctx, |a: &Tensor<T>, b: &Tensor<T>| call(a, b)?.to_vec())
    });
    suite.case::<T>(FAMILY, op.name(), "scalars", probe, move |ctx| {
        let x = edges::<T>();
        let a = Tensor::from_vec(x.clone(), x.len(), &ctx.device)?;
        for &b in ctx.some(&x) {
            let full = call(&a, &Tensor::full(x.len(), b, &ctx.device)?)?.to_vec()?;
            let y = T::compare_scalar(op, &a, b).expect("defined for the type")?.to_vec()?;
            ctx.at(format_args!("with the number {b:?}, against a tensor full of it"));
            ctx.check_bits(&[x.len()], &y, &full);
        }
        Ok(())
    });
}

fn judge_compare<T: TestElement>(ctx: &Context, op: Compare, a: T, b: T, got: bool) -> Option<Want> {
    let truth = |v: bool| Want::exactly(Value::Int(v.into()));
    match (a.value(), b.value()) {
        (Value::Float(a), Value::Float(b)) => {
            let others = tolerance::flushed::<T>(ctx.backend(), b);
            let wants = tolerance::flushed::<T>(ctx.backend(), a)
                .flat_map(|a| others.clone().map(move |b| truth(oracle::compare(op, a, b))));
            tolerance::judge(ctx.backend(), wants, got)
        }
        (a, b) => truth(oracle::compare(op, a.int(), b.int())).judge(got),
    }
}
