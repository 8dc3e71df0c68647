//! Matrix products: small integers to the bit, random numbers within the bound of their sums, every layout, batch and epilogue.

use half::{bf16, f16};
use tilework::{Activation, Device, MatmulOptions, Number, Result, Tensor};

use crate::element::{Format, TestElement, Value, each_element};
use crate::elementwise::broadcast;
use crate::layouts::{Physical, logical, place};
use crate::oracle;
use crate::report::Want;
use crate::runner::{Context, Outcome, Suite};
use crate::tolerance::{matmul_roundings, rounded, sum_error};
use crate::values::Rng;

const FAMILY: &str = "matmul";
const NAME: &str = "matmul";

pub fn cases(suite: &mut Suite) {
    each_element!(T in numbers { product_cases::<T>(suite) });
    each_element!(T in [f32, f64, f16, bf16] { epilogue_cases::<T>(suite) });
}

fn probe<T: TestElement + Number>(device: &Device) -> Result<()> {
    let x = Tensor::<T>::zeros((2, 2), device)?;
    x.matmul(&x)?.to_vec().map(drop)
}

fn product_cases<T: TestElement + Number>(suite: &mut Suite) {
    // Every product and every partial sum of small integers is exact, in whatever order: nothing may differ, not even a bit.
    suite.case::<T>(FAMILY, NAME, "small integers", probe::<T>, |ctx| {
        let tails = [1, 2, 3, 7, 8, 15, 16, 17, 33, 64, 65, 129];
        let mut rng = ctx.rng();
        for (i, &m) in ctx.some(tails.iter().enumerate()) {
            for (j, &n) in ctx.some(tails.iter().enumerate()) {
                // Each pair with one depth, at the full level with all.
                let depths =
                    if ctx.scaled(true, true, false) { &tails[(5 * i + 3 * j) % 12..][..1] } else { &tails[..] };
                for &k in depths {
                    exact::<T>(ctx, &mut rng, &[m, k], &[k, n], [Physical::Contiguous; 2])?;
                }
            }
        }
        // Past tiles of 128 and 256, and long and thin.
        for [m, k, n] in [[257, 300, 130], [500, 64, 513], [1, 1000, 700], [700, 1000, 1], [3, 4099, 5], [1029, 1, 33]]
        {
            exact::<T>(ctx, &mut rng, &[m, k], &[k, n], [Physical::Contiguous; 2])?;
        }
        if ctx.scaled(false, false, true) {
            exact::<T>(ctx, &mut rng, &[2048, 1025], &[1025, 2047], [Physical::Contiguous; 2])?;
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, NAME, "layouts", probe::<T>, |ctx| {
        let mut rng = ctx.rng();
        for [m, k, n] in [[5, 7, 6], [65, 130, 67]] {
            for left in ctx.some(Physical::ALL) {
                for right in ctx.some(Physical::ALL) {
                    exact::<T>(ctx, &mut rng, &[m, k], &[k, n], [left, right])?;
                }
            }
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, NAME, "batches and vectors", probe::<T>, |ctx| {
        let mut rng = ctx.rng();
        let shapes: [[&[usize]; 2]; 12] = [
            [&[3, 4, 5], &[3, 5, 6]],
            [&[3, 4, 5], &[5, 6]],
            [&[4, 5], &[3, 5, 6]],
            [&[2, 1, 4, 5], &[1, 3, 5, 6]],
            [&[300, 2, 3], &[300, 3, 2]],
            [&[2, 65, 33], &[2, 33, 70]],
            [&[5], &[5]],
            [&[5], &[5, 6]],
            [&[4, 5], &[5]],
            [&[2, 4, 5], &[5]],
            [&[5], &[2, 5, 6]],
            [&[2, 3, 4, 5], &[2, 3, 5, 6]],
        ];
        for [left, right] in shapes {
            for physical in [Physical::Contiguous, Physical::Transposed, Physical::Offset] {
                exact::<T>(ctx, &mut rng, left, right, [physical; 2])?;
            }
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, NAME, "nothing to multiply", probe::<T>, |ctx| {
        // No rows or columns: an empty product. No depth: zeros.
        for [m, k, n] in [[0, 3, 4], [3, 4, 0], [0, 0, 0], [3, 0, 4], [1, 0, 1], [70, 0, 65]] {
            exact::<T>(ctx, &mut ctx.rng(), &[m, k], &[k, n], [Physical::Contiguous; 2])?;
        }
        exact::<T>(ctx, &mut ctx.rng(), &[0, 3, 4], &[4, 5], [Physical::Contiguous; 2])
    });
    suite.case::<T>(FAMILY, NAME, "random", probe::<T>, |ctx| {
        let mut rng = ctx.rng();
        for [m, k, n] in [[33, 65, 17], [128, 256, 96], [131, 517, 129], [1, 5000, 3], [257, 33, 300]] {
            let (a, b) = (rng.elements::<T>(m * k, 2.0), rng.elements::<T>(k * n, 2.0));
            let y = Tensor::from_vec(a.clone(), (m, k), &ctx.device)?.matmul(&Tensor::from_vec(
                b.clone(),
                (k, n),
                &ctx.device,
            )?)?;
            ctx.at(format_args!("[{m}, {k}] @ [{k}, {n}]"));
            let want = |i: usize| {
                let column: Vec<T> = (0..k).map(|l| b[l * n + i % n]).collect();
                want_dot(&a[i / n * k..][..k], &column)
            };
            ctx.check(&[m, n], &y.to_vec()?, |i, got| want(i).judge(got));
        }
        Ok(())
    });
    if T::FORMAT.is_some() {
        suite.case::<T>(FAMILY, NAME, "nan and infinity", probe::<T>, |ctx| {
            // A NaN reaches its row or column and nothing else, and a zero does not hide it.
            for special in [f64::NAN, f64::INFINITY] {
                for [m, k, n] in [[5, 9, 6], [70, 40, 66]] {
                    let mut a: Vec<T> = ctx.rng().small_ints(m * k, 2);
                    a[k + k / 2] = T::from_f64(special);
                    let b: Vec<T> = (0..k * n).map(|i| if i % 2 == 0 { T::ZERO } else { T::ONE }).collect();
                    let y = Tensor::from_vec(a.clone(), (m, k), &ctx.device)?.matmul(&Tensor::from_vec(
                        b.clone(),
                        (k, n),
                        &ctx.device,
                    )?)?;
                    ctx.at(format_args!("{special} in row 1 of [{m}, {k}] @ [{k}, {n}]"));
                    let want = |i: usize| {
                        let column: Vec<T> = (0..k).map(|l| b[l * n + i % n]).collect();
                        want_dot(&a[i / n * k..][..k], &column)
                    };
                    ctx.check(&[m, n], &y.to_vec()?, |i, got| want(i).judge(got));
                }
            }
            Ok(())
        });
    }
}

/// A product of small integers, to the bit.
fn exact<T: TestElement + Number>(
    ctx: &Context,
    rng: &mut Rng,
    left: &[usize],
    right: &[usize],
    physical: [Physical; 2],
) -> Outcome {
    ctx.at(format_args!("{left:?} {} @ {right:?} {}", physical[0].name(), physical[1].name()));
    let mut draw =
        |shape: &[usize], physical| logical(shape, &rng.small_ints::<T>(shape.iter().product(), 2), physical);
    let (a, b) = (draw(left, physical[0]), draw(right, physical[1]));
    let y = place(&ctx.device, left, &a, physical[0])?.matmul(&place(&ctx.device, right, &b, physical[1])?)?;
    let ints = |v: &[T]| v.iter().map(|v| v.to_f64() as i64).collect::<Vec<i64>>();
    let (shape, product) = multiply(left, &ints(&a), right, &ints(&b));
    ctx.check_that(y.shape() == shape, || format!("the result has shape {:?}, not {shape:?}", y.shape()));
    let value = |v: i64| if T::FORMAT.is_some() { Value::Float(v as f64) } else { Value::Int(v.into()) };
    let want = |i: usize| Want { any_zero: true, ..Want::exactly(value(product[i])) };
    ctx.check(&shape, &y.to_vec()?, |i, got| want(i).judge(got));
    Ok(())
}

/// The product by its definition, with broadcasting batches and vectors as rows or columns: its shape and elements.
fn multiply(left: &[usize], a: &[i64], right: &[usize], b: &[i64]) -> (Vec<usize>, Vec<i64>) {
    let row = left.len() == 1;
    let column = right.len() == 1;
    let left = if row { vec![1, left[0]] } else { left.to_vec() };
    let right = if column { vec![right[0], 1] } else { right.to_vec() };
    let (m, k, n) = (left[left.len() - 2], left[left.len() - 1], right[right.len() - 1]);
    let (batch, pairs) = broadcast(&left[..left.len() - 2], &right[..right.len() - 2]);
    let mut product = Vec::with_capacity(pairs.len() * m * n);
    for [p, q] in pairs {
        for i in 0..m {
            for j in 0..n {
                product.push((0..k).map(|l| a[(p * m + i) * k + l] * b[(q * k + l) * n + j]).sum());
            }
        }
    }
    let rows = (!row).then_some(m);
    let columns = (!column).then_some(n);
    (batch.into_iter().chain(rows).chain(columns).collect(), product)
}

fn want_dot<T: TestElement>(a: &[T], b: &[T]) -> Want {
    if T::FORMAT.is_none() {
        let wrap = |v| T::round(Value::Int(v)).value().int();
        let sum = a.iter().zip(b).fold(0, |sum, (a, b)| wrap(sum + wrap(a.value().int() * b.value().int())));
        return Want::exactly(Value::Int(sum));
    }
    let pairs = || a.iter().zip(b).map(|(a, b)| (a.value().float(), b.value().float()));
    let magnitude: f64 = pairs().map(|(a, b)| (a * b).abs()).sum();
    rounded::<T>(oracle::dot(pairs()), sum_error::<T>(matmul_roundings(T::DTYPE, a.len()), magnitude))
}

fn epilogue_cases<T: TestElement + Number>(suite: &mut Suite) {
    suite.case::<T>(FAMILY, "matmul_with", "epilogues", probe::<T>, |ctx| {
        let mut rng = ctx.rng();
        for [m, k, n] in [[5, 7, 6], [65, 40, 67], [128, 64, 128]] {
            let (a, b) = (rng.elements::<T>(m * k, 1.0), rng.elements::<T>(k * n, 1.0));
            let x = Tensor::from_vec(a.clone(), (m, k), &ctx.device)?;
            let w = Tensor::from_vec(b.clone(), (k, n), &ctx.device)?;
            // A bias by column, by row, and for every element; a residual in another layout than the product's.
            for bias_shape in [&[n][..], &[m, 1], &[m, n]] {
                let bias = rng.elements::<T>(bias_shape.iter().product(), 1.0);
                let bias_tensor = Tensor::from_vec(bias.clone(), bias_shape, &ctx.device)?;
                let residual = rng.elements::<T>(m * n, 1.0);
                let residual_tensor = place(&ctx.device, &[m, n], &residual, Physical::Transposed)?;
                for activation in [Activation::None, Activation::Relu, Activation::Gelu, Activation::Silu] {
                    for (with_bias, with_residual) in [(true, false), (false, true), (true, true)] {
                        let options = MatmulOptions {
                            bias: with_bias.then_some(&bias_tensor),
                            activation,
                            residual: with_residual.then_some(&residual_tensor),
                        };
                        let y = x.matmul_with(&w, options)?.to_vec()?;
                        ctx.at(format_args!(
                            "[{m}, {k}] @ [{k}, {n}], bias {bias_shape:?}: {with_bias}, {activation:?}, residual: {with_residual}"
                        ));
                        let (_, at) = broadcast(&[m, n], bias_shape);
                        let want = |i: usize| {
                            let column: Vec<T> = (0..k).map(|l| b[l * n + i % n]).collect();
                            let bias = if with_bias { bias[at[i][1]].to_f64() } else { 0.0 };
                            let residual = if with_residual { residual[i].to_f64() } else { 0.0 };
                            want_epilogue(&a[i / n * k..][..k], &column, bias, activation, residual)
                        };
                        ctx.check(&[m, n], &y, |i, got| want(i).judge(got));
                    }
                }
            }
        }
        Ok(())
    });
}

/// `activation(a · b + bias) + residual`, all in the format of accumulation, rounded to `T` once.
fn want_epilogue<T: TestElement>(a: &[T], b: &[T], bias: f64, activation: Activation, residual: f64) -> Want {
    let pairs = || a.iter().zip(b).map(|(a, b)| (a.value().float(), b.value().float()));
    let magnitude: f64 = pairs().map(|(a, b)| (a * b).abs()).sum();
    let u = T::COMPUTE.map_or(0.0, Format::unit_roundoff);
    let sum = oracle::dot(pairs()) + bias;
    let sum_error = sum_error::<T>(matmul_roundings(T::DTYPE, a.len()), magnitude) + u * sum.abs();
    let active = match activation {
        Activation::Relu => oracle::maximum(sum, 0.0),
        Activation::Gelu => oracle::gelu(sum),
        Activation::Silu => sum * oracle::sigmoid(sum),
        _ => sum,
    };
    // The activations' slopes are at most 1.13; their own error is at most 8 ULP, or what 1 + erf loses against 1.
    let own = if matches!(activation, Activation::Gelu | Activation::Silu) {
        16.0 * u * active.abs() + 2.0 * u * sum.abs()
    } else {
        0.0
    };
    let y = active + residual;
    rounded::<T>(y, 1.13 * sum_error + own + u * y.abs())
}
