//! Reductions over every set of axes.

use tilework::{Device, Element, Error, Float, Number, Result, Tensor};

use crate::element::{TestElement, Value, each_element};
use crate::layouts::{Physical, logical, place};
use crate::oracle;
use crate::report::Want;
use crate::runner::{Context, Outcome, Suite};
use crate::tolerance::{rounded, sum_error, sum_roundings};
use crate::values::Rng;

const FAMILY: &str = "reduce";

/// A reduction of `T` to `U`: its name, the public method, and what a group of elements should become.
#[derive(Clone, Copy)]
struct Reduction<T: Element, U: Element> {
    name: &'static str,
    call: fn(&Tensor<T>, &[usize]) -> Result<Tensor<U>>,
    /// `None` where a group of no elements has no value.
    want: fn(&[T]) -> Option<Want>,
    /// Elements that suit the operation.
    draw: fn(&mut Rng, usize) -> Vec<T>,
    /// Whether the order of the elements can't change the result, so that every layout gives the same bits.
    ordered: bool,
}

pub fn cases(suite: &mut Suite) {
    each_element!(T in numbers { number_cases::<T>(suite) });
    each_element!(T in floats { float_cases::<T>(suite) });
    let draw = |rng: &mut Rng, n| (0..n).map(|_| rng.int(0, 7) == 0).collect();
    let any = Reduction::<bool, bool> {
        name: "any",
        call: |x, axes| x.any_axes(axes),
        want: |x| truth(x.contains(&true)),
        draw,
        ordered: true,
    };
    reduction_cases(suite, any);
    let mostly = |rng: &mut Rng, n| (0..n).map(|_| rng.int(0, 7) != 0).collect();
    let all = Reduction {
        name: "all",
        call: |x, axes| x.all_axes(axes),
        want: |x| truth(!x.contains(&false)),
        draw: mostly,
        ..any
    };
    reduction_cases(suite, all);
}

fn truth(v: bool) -> Option<Want> {
    Some(Want::exactly(Value::Int(v.into())))
}

fn number_cases<T: TestElement + Number>(suite: &mut Suite) {
    let sum = Reduction::<T, T> {
        name: "sum",
        call: |x, axes| x.sum_axes(axes),
        want: |x| Some(want_sum(x)),
        draw: |rng, n| rng.elements(n, 10.0),
        ordered: T::FORMAT.is_none(),
    };
    reduction_cases(suite, sum);
    // Factors near 1, so that neither the product nor a part of it overflows.
    let factors = |rng: &mut Rng, n: usize| match T::FORMAT {
        Some(_) => (0..n).map(|_| T::from_f64(1.0 + 0.04 * (rng.unit() - 0.5))).collect(),
        None => rng.patterns::<T>(n).into_iter().map(|x| T::from_pattern(x.bits() | 1)).collect::<Vec<T>>(),
    };
    let prod = Reduction {
        name: "prod",
        call: |x, axes| x.prod_axes(axes),
        want: |x| Some(want_prod(x)),
        draw: factors,
        ..sum
    };
    reduction_cases(suite, prod);
    // Few different values, so that there are ties.
    let ties = |rng: &mut Rng, n| rng.small_ints(n, 9);
    let max = Reduction {
        name: "max",
        call: |x, axes| x.max_axes(axes),
        want: want_best::<T, true>,
        draw: ties,
        ordered: true,
    };
    reduction_cases(suite, max);
    reduction_cases(
        suite,
        Reduction { name: "min", call: |x, axes| x.min_axes(axes), want: want_best::<T, false>, ..max },
    );
    let argmax = Reduction::<T, u32> {
        name: "argmax",
        call: |x, axes| x.argmax_axes(axes),
        want: want_index::<T, true>,
        draw: ties,
        ordered: true,
    };
    reduction_cases(suite, argmax);
    reduction_cases(
        suite,
        Reduction { name: "argmin", call: |x, axes| x.argmin_axes(axes), want: want_index::<T, false>, ..argmax },
    );
    dot_cases::<T>(suite);
    sums_of_ones::<T>(suite);
}

fn float_cases<T: TestElement + Float>(suite: &mut Suite) {
    let mean = Reduction::<T, T> {
        name: "mean",
        call: |x, axes| x.mean_axes(axes),
        want: |x| Some(want_mean(x)),
        draw: |rng, n| rng.elements(n, 10.0),
        ordered: false,
    };
    reduction_cases(suite, mean);
    reduction_cases(
        suite,
        Reduction { name: "norm", call: |x, axes| x.norm_axes(axes), want: |x| Some(want_norm(x)), ..mean },
    );
    reduction_cases(
        suite,
        Reduction { name: "var", call: |x, axes| x.var_axes(axes, 1.0), want: |x| Some(want_var(x, 1.0)), ..mean },
    );
    // A mean far from zero: E[x²] - E[x]² would lose everything.
    let shifted = |rng: &mut Rng, n: usize| (0..n).map(|_| T::from_f64(1000.0 + rng.unit())).collect();
    suite.case::<T>(
        FAMILY,
        "var",
        "shifted",
        |device| Tensor::<T>::ones(2, device)?.var(0.0)?.to_vec().map(drop),
        move |ctx| {
            let x: Vec<T> = shifted(&mut ctx.rng(), 5000);
            let y = Tensor::from_vec(x.clone(), x.len(), &ctx.device)?.var(0.0)?.item()?;
            ctx.at("5000 elements in 1000..1001");
            ctx.check(&[], &[y], |_, got| want_var(&x, 0.0).judge(got));
            Ok(())
        },
    );
}

fn reduction_cases<T: TestElement, U: TestElement>(suite: &mut Suite, op: Reduction<T, U>) {
    let probe =
        move |device: &Device| (op.call)(&Tensor::from_vec(vec![T::ONE; 2], 2, device)?, &[0])?.to_vec().map(drop);
    suite.case::<T>(FAMILY, op.name, "shapes", probe, move |ctx| {
        let shapes: [&[usize]; 9] =
            [&[], &[0], &[1], &[1, 0, 3], &[4, 0], &[37], &[5, 7, 11], &[33, 65], &[2, 1, 3, 2, 1, 2, 2, 3]];
        for shape in shapes {
            // Every subset of the axes; of eight, each fifth.
            for subset in (0..1usize << shape.len()).step_by(if shape.len() > 3 { 5 } else { 1 }) {
                let axes: Vec<usize> = (0..shape.len()).filter(|axis| subset >> axis & 1 == 1).collect();
                check(ctx, op, shape, &axes, Physical::Contiguous)?;
            }
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, op.name, "layouts", probe, move |ctx| {
        for shape in [&[][..], &[37], &[19, 33], &[5, 4, 7], &[2, 1, 3, 2, 1, 2, 2, 3]] {
            let all: Vec<usize> = (0..shape.len()).collect();
            let ends = [&all[..], &all[..all.len().min(1)], &all[all.len().saturating_sub(1)..], &[0, 2]];
            let usable = |axes: &&[usize]| axes.last().is_none_or(|&axis| axis < shape.len());
            for axes in ends.into_iter().filter(usable) {
                for &physical in ctx.some(Physical::STRIDED) {
                    check(ctx, op, shape, axes, physical)?;
                }
            }
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, op.name, "sizes", probe, move |ctx| {
        // Long rows, long columns, more rows than a grid has blocks along one axis, more elements than one block reduces.
        check(ctx, op, &[1029, 917], &[1], Physical::Contiguous)?;
        check(ctx, op, &[1029, 917], &[0], Physical::Contiguous)?;
        check(ctx, op, &[66_000, 3], &[1], Physical::Contiguous)?;
        check(ctx, op, &[3, 66_000], &[0], Physical::Contiguous)?;
        check(ctx, op, &[1_000_003], &[0], Physical::Contiguous)?;
        let (step, lengths) = (ctx.scaled(103, 19, 1), 515);
        for n in (1..=lengths).step_by(step).chain([32, 33, 64, 65, 128, 129, 256, 257, 512, 513]) {
            check(ctx, op, &[3, n], &[1], Physical::Contiguous)?;
        }
        Ok(())
    });
    if T::FORMAT.is_some() {
        suite.case::<T>(FAMILY, op.name, "nan and infinity", probe, move |ctx| {
            let special = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
            for n in [1, 5, 300, 5000] {
                for (i, &value) in special.iter().enumerate() {
                    let mut x = (op.draw)(&mut ctx.rng(), n);
                    // At the end, in the middle, and a second one of the other kind before it.
                    x[[n - 1, n / 2, n / 3][i]] = T::from_f64(value);
                    check_elements(ctx, op, &[n], &[0], Physical::Contiguous, &x)?;
                    x[n / 5] = T::from_f64(special[(i + 1) % 3]);
                    check_elements(ctx, op, &[n], &[0], Physical::Contiguous, &x)?;
                }
            }
            Ok(())
        });
    }
}

fn check<T: TestElement, U: TestElement>(
    ctx: &Context,
    op: Reduction<T, U>,
    shape: &[usize],
    axes: &[usize],
    physical: Physical,
) -> Outcome {
    check_elements(ctx, op, shape, axes, physical, &(op.draw)(&mut ctx.rng(), shape.iter().product()))
}

fn check_elements<T: TestElement, U: TestElement>(
    ctx: &Context,
    op: Reduction<T, U>,
    shape: &[usize],
    axes: &[usize],
    physical: Physical,
    elements: &[T],
) -> Outcome {
    ctx.at(format_args!("shape {shape:?} over axes {axes:?}, {}", physical.name()));
    let x = logical(shape, elements, physical);
    let result = (op.call)(&place(&ctx.device, shape, &x, physical)?, axes);
    let (kept, groups) = groups(shape, axes, &x);
    let wants: Option<Vec<Want>> = groups.iter().map(|group| (op.want)(group)).collect();
    let Some(wants) = wants else {
        let (shape, axes) = (shape.to_vec(), axes.to_vec());
        ctx.check_error(result, &Error::EmptyReduction { op: op.name, shape, axes });
        return Ok(());
    };
    let y = result?;
    ctx.check_that(y.shape() == kept, || format!("the result has shape {:?}, not {kept:?}", y.shape()));
    let y = y.to_vec()?;
    ctx.check(&kept, &y, |i, got| wants[i].judge(got));
    if op.ordered && physical != Physical::Contiguous {
        let reference = (op.call)(&place(&ctx.device, shape, &x, Physical::Contiguous)?, axes)?.to_vec()?;
        ctx.check_bits(&kept, &y, &reference);
    }
    Ok(())
}

/// The shape without `axes`, and for each of its elements the elements that are reduced to it, in row-major order.
pub fn groups<T: Copy>(shape: &[usize], axes: &[usize], elements: &[T]) -> (Vec<usize>, Vec<Vec<T>>) {
    let kept: Vec<usize> = (0..shape.len()).filter(|axis| !axes.contains(axis)).collect();
    let order: Vec<usize> = kept.iter().chain(axes).copied().collect();
    let kept: Vec<usize> = kept.iter().map(|&axis| shape[axis]).collect();
    let count: usize = axes.iter().map(|&axis| shape[axis]).product();
    let array = ndarray::ArrayViewD::from_shape(shape, elements).expect("as many elements as the shape has");
    let sorted: Vec<T> = array.permuted_axes(order).iter().copied().collect();
    let groups: Vec<Vec<T>> = (0..kept.iter().product()).map(|i| sorted[i * count..(i + 1) * count].to_vec()).collect();
    (kept, groups)
}

fn floats<T: TestElement>(x: &[T]) -> Vec<f64> {
    x.iter().map(|v| v.value().float()).collect()
}

fn magnitude(x: &[f64]) -> f64 {
    x.iter().map(|v| v.abs()).sum()
}

fn want_sum<T: TestElement>(x: &[T]) -> Want {
    if T::FORMAT.is_none() {
        return Want::exactly(Value::Int(x.iter().map(|v| v.value().int()).sum()));
    }
    let x = floats(x);
    rounded::<T>(oracle::sum(x.iter().copied()), sum_error::<T>(sum_roundings(x.len()), magnitude(&x)))
}

fn want_prod<T: TestElement>(x: &[T]) -> Want {
    let wrap = |v| T::round(Value::Int(v)).value().int();
    if T::FORMAT.is_none() {
        return Want::exactly(Value::Int(x.iter().fold(1, |product, v| wrap(product * v.value().int()))));
    }
    let y: f64 = floats(x).iter().product();
    // Whatever the order, every factor goes through at most as many roundings as there are factors; the oracle's too, in f64.
    rounded::<T>(y, sum_error::<T>(2.0 * x.len() as f64, y.abs()))
}

fn want_mean<T: TestElement>(x: &[T]) -> Want {
    let (n, x) = (x.len() as f64, floats(x));
    rounded::<T>(oracle::mean(&x), sum_error::<T>(sum_roundings(x.len()) + 1.0, magnitude(&x) / n))
}

fn want_norm<T: TestElement>(x: &[T]) -> Want {
    let x = floats(x);
    let y = oracle::dot(x.iter().map(|&v| (v, v))).sqrt();
    // Half the relative error of the sum of squares, and the root's own.
    rounded::<T>(y, sum_error::<T>((sum_roundings(x.len()) + 1.0) / 2.0 + 1.0, y))
}

fn want_var<T: TestElement>(x: &[T], ddof: f64) -> Want {
    let x = floats(x);
    let y = oracle::var(&x, ddof);
    let (n, mean, roundings) = (x.len() as f64, oracle::mean(&x), sum_roundings(x.len()));
    // The mean's error moves every deviation d by e, and d is rounded: the sum of d² moves by 2 |d| (e + u |d|) + e² for each.
    let e = sum_error::<T>(roundings + 1.0, magnitude(&x) / n);
    let spread: f64 = x.iter().map(|v| (v - mean).abs()).sum();
    let squares = y * (n - ddof);
    let moved = 2.0 * (spread * e + sum_error::<T>(1.0, squares)) + n * e * e;
    rounded::<T>(y, moved / (n - ddof) + sum_error::<T>(roundings + 3.0, y))
}

fn want_best<T: TestElement, const LARGEST: bool>(x: &[T]) -> Option<Want> {
    let beats = |a: T, b: T| if LARGEST { a > b } else { a < b };
    (!x.is_empty()).then(|| Want { any_zero: true, ..Want::exactly(x[oracle::first_best(x, beats)].value()) })
}

fn want_index<T: TestElement, const LARGEST: bool>(x: &[T]) -> Option<Want> {
    let beats = |a: T, b: T| if LARGEST { a > b } else { a < b };
    (!x.is_empty()).then(|| Want::exactly(Value::Int(oracle::first_best(x, beats) as i128)))
}

fn dot_cases<T: TestElement + Number>(suite: &mut Suite) {
    let probe = |device: &Device| {
        let x = Tensor::from_vec(vec![T::ONE; 2], 2, device)?;
        x.dot(&x)?.to_vec().map(drop)
    };
    suite.case::<T>(FAMILY, "dot", "lengths and layouts", probe, |ctx| {
        let mut rng = ctx.rng();
        for n in [0, 1, 2, 3, 31, 33, 100, 257, 1000, 4099, 100_003] {
            for physical in ctx.some(Physical::ALL) {
                let a = logical(&[n], &rng.elements::<T>(n, 10.0), physical);
                let b = rng.elements::<T>(n, 10.0);
                let y = place(&ctx.device, &[n], &a, physical)?.dot(&Tensor::from_vec(b.clone(), n, &ctx.device)?)?;
                ctx.at(format_args!("length {n}, {}", physical.name()));
                ctx.check_that(y.shape().is_empty(), || format!("the result has shape {:?}", y.shape()));
                let want = want_dot(&a, &b);
                ctx.check(&[], &y.to_vec()?, |_, got| want.judge(got));
            }
        }
        Ok(())
    });
}

fn want_dot<T: TestElement>(a: &[T], b: &[T]) -> Want {
    if T::FORMAT.is_none() {
        let wrap = |v| T::round(Value::Int(v)).value().int();
        let sum = a.iter().zip(b).fold(0, |sum, (a, b)| wrap(sum + wrap(a.value().int() * b.value().int())));
        return Want::exactly(Value::Int(sum));
    }
    let (a, b) = (floats(a), floats(b));
    let y = oracle::dot(a.iter().copied().zip(b.iter().copied()));
    let magnitude: f64 = a.iter().zip(&b).map(|(a, b)| (a * b).abs()).sum();
    rounded::<T>(y, sum_error::<T>(sum_roundings(a.len()) + 1.0, magnitude))
}

/// Sums of ones are exact in f32 and rounded once: an accumulator of half precision would stop at 2048 (f16) or 256 (bf16).
fn sums_of_ones<T: TestElement + Number>(suite: &mut Suite) {
    suite.case::<T>(
        FAMILY,
        "sum",
        "ones",
        |device| Tensor::<T>::ones(2, device)?.sum()?.to_vec().map(drop),
        |ctx| {
            // A million is more than f16 holds: infinity, as the exact sum rounds to it.
            for n in [255, 256, 257, 2047, 2048, 2049, 4096, 65_504, 1_000_000] {
                let ones = Tensor::<T>::ones(n, &ctx.device)?;
                ctx.at(format_args!("{n} ones"));
                let count = if T::FORMAT.is_some() { Value::Float(n as f64) } else { Value::Int(n as i128) };
                ctx.check(&[], &[ones.sum()?.item()?], |_, got| Want::exactly(count).judge(got));
            }
            // Terms that cancel: what is left is smaller than the roundings of one order, and larger than those of another.
            if T::FORMAT.is_some() {
                let mut x = ctx.rng().elements::<T>(5000, 100.0);
                let negated: Vec<T> = x.iter().map(|v| T::from_f64(-v.to_f64())).collect();
                x.extend(negated);
                x.push(T::ONE);
                ctx.at("10,000 terms that cancel, and a one");
                let y = Tensor::from_vec(x.clone(), x.len(), &ctx.device)?.sum()?.item()?;
                ctx.check(&[], &[y], |_, got| want_sum(&x).judge(got));
            }
            Ok(())
        },
    );
}
