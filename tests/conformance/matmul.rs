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
    each_element!(T in numbers { factor_cases::<T>(suite) });
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
        let past = [[257, 300, 130], [500, 64, 513], [1, 1000, 700], [700, 1000, 1], [3, 4099, 5], [1029, 1, 33]];
        for [m, k, n] in ctx.some(past) {
            exact::<T>(ctx, &mut rng, &[m, k], &[k, n], [Physical::Contiguous; 2])?;
        }
        // A deep k under few tiles, which is summed in parts: whole blocks of it, and not; a batch; rows or columns that are few.
        for [m, k, n] in [[64, 4096, 64], [40, 4100, 136], [20, 2052, 264]] {
            exact::<T>(ctx, &mut rng, &[m, k], &[k, n], [Physical::Contiguous; 2])?;
        }
        // One row or column, and so much of it that others than the kernel for one share k.
        for [m, k, n] in ctx.some([[1, 4104, 264], [264, 4104, 1], [1, 20_000, 64]]) {
            exact::<T>(ctx, &mut rng, &[m, k], &[k, n], [Physical::Contiguous; 2])?;
        }
        exact::<T>(ctx, &mut rng, &[3, 36, 2052], &[3, 2052, 40], [Physical::Contiguous; 2])?;
        exact::<T>(ctx, &mut rng, &[64, 4100], &[4100, 72], [Physical::Transposed; 2])?;
        // A few rows or columns, of lines that are multiples of 16 bytes.
        for rows in ctx.some([1, 3, 4, 8, 11, 16, 30]) {
            for [k, n] in ctx.some([[1040, 392], [2000, 136]]) {
                for right in [Physical::Contiguous, Physical::Transposed] {
                    exact::<T>(ctx, &mut rng, &[rows, k], &[k, n], [Physical::Contiguous, right])?;
                    exact::<T>(ctx, &mut rng, &[n, k], &[k, rows], [right, Physical::Transposed])?;
                }
            }
        }
        if ctx.scaled(false, false, true) {
            exact::<T>(ctx, &mut rng, &[2048, 1025], &[1025, 2047], [Physical::Contiguous; 2])?;
        }
        // More large tiles than a GPU has multiprocessors, which compute several each: what is kept of one while the next is under way.
        if ctx.scaled(T::DTYPE.size() == 2, T::DTYPE.size() == 2, true) {
            for &k in ctx.scaled(&[200][..], &[200][..], &[200, 392][..]) {
                exact::<T>(ctx, &mut rng, &[260, 72, k], &[260, k, 200], [Physical::Contiguous; 2])?;
            }
        }
        Ok(())
    });
    suite.case::<T>(FAMILY, NAME, "layouts", probe::<T>, |ctx| {
        let mut rng = ctx.rng();
        for [m, k, n] in [[5, 7, 6], [65, 130, 67], [6, 264, 136], [56, 40, 64]] {
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
        let shapes: [[&[usize]; 2]; 14] = [
            [&[3, 4, 5], &[3, 5, 6]],
            [&[3, 4, 5], &[5, 6]],
            [&[4, 5], &[3, 5, 6]],
            [&[2, 1, 4, 5], &[1, 3, 5, 6]],
            [&[300, 2, 3], &[300, 3, 2]],
            [&[2, 65, 33], &[2, 33, 70]],
            [&[2, 3, 7, 96], &[3, 96, 160]],
            [&[2, 3, 40, 64], &[3, 64, 56]],
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
        // More small matrices than a GPU has multiprocessors; with one of them for all.
        for left in [Physical::Contiguous, Physical::Transposed] {
            for right in [Physical::Contiguous, Physical::Transposed] {
                exact::<T>(ctx, &mut rng, &[300, 40, 36], &[300, 36, 44], [left, right])?;
            }
        }
        exact::<T>(ctx, &mut rng, &[300, 40, 36], &[36, 44], [Physical::Contiguous; 2])?;
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
                for [m, k, n] in [[5, 9, 6], [70, 40, 66], [9, 72, 136], [24, 16, 8]] {
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
    exact_by::<T>(ctx, rng, [left, right], physical, |a, b| a.matmul(b))
}

/// The same, multiplied by `product`.
pub fn exact_by<T: TestElement + Number>(
    ctx: &Context,
    rng: &mut Rng,
    [left, right]: [&[usize]; 2],
    physical: [Physical; 2],
    product: impl FnOnce(&Tensor<T>, &Tensor<T>) -> Result<Tensor<T>>,
) -> Outcome {
    ctx.at(format_args!("{left:?} {} @ {right:?} {}", physical[0].name(), physical[1].name()));
    let mut draw =
        |shape: &[usize], physical| logical(shape, &rng.small_ints::<T>(shape.iter().product(), 2), physical);
    let (a, b) = (draw(left, physical[0]), draw(right, physical[1]));
    let y = product(&place(&ctx.device, left, &a, physical[0])?, &place(&ctx.device, right, &b, physical[1])?)?;
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

/// What an epilogue has: the terms on the host, and where they are wanted.
#[derive(Clone, Copy, Debug)]
struct Terms {
    alpha: f64,
    bias: bool,
    activation: Activation,
    multiply: bool,
    beta: Option<f64>,
}

const PLAIN: Terms = Terms { alpha: 1.0, bias: false, activation: Activation::None, multiply: false, beta: None };

fn epilogue_cases<T: TestElement + Number>(suite: &mut Suite) {
    suite.case::<T>(FAMILY, "matmul_with", "epilogues", probe::<T>, |ctx| {
        let mut epilogues = vec![];
        for activation in [Activation::None, Activation::Relu, Activation::Gelu, Activation::Silu, Activation::Sigmoid]
        {
            for (bias, beta) in [(true, None), (false, Some(1.0)), (true, Some(1.0))] {
                epilogues.push(Terms { bias, activation, beta, ..PLAIN });
            }
            epilogues.push(Terms { activation, multiply: true, ..PLAIN });
        }
        epilogues.extend([
            Terms { alpha: -0.375, ..PLAIN },
            Terms { alpha: 0.3, beta: Some(-1.7), ..PLAIN },
            Terms { alpha: 3.0, bias: true, multiply: true, ..PLAIN },
            Terms { alpha: 0.3, bias: true, activation: Activation::Silu, multiply: true, beta: Some(0.7) },
        ]);
        let mut rng = ctx.rng();
        for (i, [m, k, n]) in
            [[65, 40, 67], [5, 7, 6], [128, 64, 128], [1, 40, 70], [20, 2048, 8]].into_iter().enumerate()
        {
            // A bias by column, by row, and for every element; the others in other layouts than the product's.
            for (j, bias_shape) in [&[n][..], &[m, 1], &[m, n]].into_iter().enumerate() {
                let case = Case::<T>::new(ctx, &mut rng, [m, k, n], bias_shape)?;
                // Each is a pipeline of its own, which a rasteriser compiles for long: all of them once, then some in turn.
                let step = if i + j == 0 { ctx.scaled(5, 1, 1) } else { ctx.scaled(9, 7, 1) };
                epilogues.iter().skip((i + j) % step).step_by(step).try_for_each(|terms| case.check(ctx, terms))?;
            }
        }
        Ok(())
    });
}

/// Operands of one shape, on the host and on the device.
struct Case<T: Number> {
    shape: [usize; 3],
    bias_shape: Vec<usize>,
    /// a, b, bias, multiply and c.
    host: [Vec<T>; 5],
    device: [Tensor<T>; 5],
}

impl<T: TestElement + Number> Case<T> {
    fn new(ctx: &Context, rng: &mut Rng, [m, k, n]: [usize; 3], bias_shape: &[usize]) -> Result<Self> {
        let shapes: [&[usize]; 5] = [&[m, k], &[k, n], bias_shape, &[m, n], &[m, n]];
        let host = shapes.map(|shape| rng.elements::<T>(shape.iter().product(), 1.0));
        let [a, b, bias, multiply, c] = &host;
        let dense = |elements: &[T], shape: &[usize]| Tensor::from_vec(elements.to_vec(), shape, &ctx.device);
        let device = [
            dense(a, &[m, k])?,
            dense(b, &[k, n])?,
            dense(bias, bias_shape)?,
            place(&ctx.device, &[m, n], multiply, Physical::Offset)?,
            place(&ctx.device, &[m, n], c, Physical::Transposed)?,
        ];
        Ok(Self { shape: [m, k, n], bias_shape: bias_shape.to_vec(), host, device })
    }

    fn check(&self, ctx: &Context, terms: &Terms) -> Outcome {
        let [m, k, n] = self.shape;
        let [x, w, bias, multiply, c] = &self.device;
        let options = MatmulOptions {
            alpha: terms.alpha,
            bias: terms.bias.then_some(bias),
            activation: terms.activation,
            multiply: terms.multiply.then_some(multiply),
            beta: terms.beta.unwrap_or(1.0),
            c: terms.beta.map(|_| c),
            ..Default::default()
        };
        let y = x.matmul_with(w, options)?.to_vec()?;
        ctx.at(format_args!("[{m}, {k}] @ [{k}, {n}], bias {:?}: {terms:?}", self.bias_shape));
        let (_, at) = broadcast(&[m, n], &self.bias_shape);
        let [a, b, bias, multiply, c] = &self.host;
        let want = |i: usize| {
            let column: Vec<T> = (0..k).map(|l| b[l * n + i % n]).collect();
            let values = [bias[at[i][1]], multiply[i], c[i]].map(|value| value.to_f64());
            want_epilogue(&a[i / n * k..][..k], &column, terms, values)
        };
        ctx.check(&[m, n], &y, |i, got| want(i).judge(got));
        Ok(())
    }
}

/// `activation(alpha * (a · b) + bias) * multiply + beta * c`, all in the format of accumulation, rounded to `T` once.
fn want_epilogue<T: TestElement>(a: &[T], b: &[T], terms: &Terms, [bias, multiply, c]: [f64; 3]) -> Want {
    let pairs = || a.iter().zip(b).map(|(a, b)| (a.value().float(), b.value().float()));
    let magnitude: f64 = pairs().map(|(a, b)| (a * b).abs()).sum();
    let u = T::COMPUTE.map_or(0.0, Format::unit_roundoff);
    // Alpha and beta are rounded too, and a product that is added may be rounded before.
    let product = terms.alpha * oracle::dot(pairs());
    let sum = product + if terms.bias { bias } else { 0.0 };
    let product_error = terms.alpha.abs() * sum_error::<T>(matmul_roundings(T::DTYPE, a.len()), magnitude);
    let sum_error = product_error + 2.0 * u * product.abs() + u * sum.abs();
    let active = match terms.activation {
        Activation::Relu => oracle::maximum(sum, 0.0),
        Activation::Gelu => oracle::gelu(sum),
        Activation::Silu => sum * oracle::sigmoid(sum),
        Activation::Sigmoid => oracle::sigmoid(sum),
        _ => sum,
    };
    // The activations' slopes are at most 1.13; their own error is at most 8 ULP, or what 1 + erf loses against 1.
    let own = if matches!(terms.activation, Activation::None | Activation::Relu) {
        0.0
    } else {
        16.0 * u * active.abs() + 2.0 * u * sum.abs()
    };
    let factor = if terms.multiply { multiply } else { 1.0 };
    let scaled = terms.beta.unwrap_or(0.0) * c;
    let y = active * factor + scaled;
    let error = factor.abs() * (1.13 * sum_error + own) + u * (active * factor).abs() + 2.0 * u * scaled.abs();
    rounded::<T>(y, error + u * y.abs())
}

/// What is multiplied by zero is not read, and integers wrap.
fn factor_cases<T: TestElement + Number>(suite: &mut Suite) {
    suite.case::<T>(FAMILY, "matmul_with", "whole factors", probe::<T>, |ctx| {
        let mut rng = ctx.rng();
        for [m, k, n] in [[1, 9, 33], [5, 9, 6], [70, 40, 66]] {
            let mut draw = |shape: [usize; 2]| rng.small_ints::<T>(shape[0] * shape[1], 2);
            let (a, b, c) = (draw([m, k]), draw([k, n]), draw([m, n]));
            let tensor = |elements: &[T], shape: [usize; 2]| Tensor::from_vec(elements.to_vec(), shape, &ctx.device);
            let (x, w, term) = (tensor(&a, [m, k])?, tensor(&b, [k, n])?, tensor(&c, [m, n])?);
            for (alpha, beta) in [(2, 3), (1, 2), (3, 1)] {
                ctx.at(format_args!("{alpha} * [{m}, {k}] @ [{k}, {n}] + {beta} * c"));
                let factors = MatmulOptions { alpha: f64::from(alpha), beta: f64::from(beta), ..Default::default() };
                let y = x.matmul_with(&w, MatmulOptions { c: Some(&term), ..factors })?;
                let ints = |v: &[T]| v.iter().map(|v| v.to_f64() as i64).collect::<Vec<i64>>();
                let (_, product) = multiply(&[m, k], &ints(&a), &[k, n], &ints(&b));
                let c = ints(&c);
                let value = |v: i64| if T::FORMAT.is_some() { Value::Float(v as f64) } else { Value::Int(v.into()) };
                let want = |i: usize| {
                    let y = i64::from(alpha) * product[i] + i64::from(beta) * c[i];
                    Want { any_zero: true, ..Want::exactly(value(y)) }
                };
                ctx.check(&[m, n], &y.to_vec()?, |i, got| want(i).judge(got));
            }
        }
        Ok(())
    });
    if T::FORMAT.is_none() {
        return;
    }
    suite.case::<T>(FAMILY, "matmul_with", "nan times zero", probe::<T>, |ctx| {
        for [m, k, n] in [[1, 9, 33], [5, 9, 6], [5, 96, 136], [70, 40, 66], [128, 64, 128]] {
            let full = |shape: [usize; 2], value: f64| Tensor::full(shape, T::from_f64(value), &ctx.device);
            let nan = |shape: [usize; 2]| full(shape, f64::NAN);
            let expect = |y: Tensor<T>, value: f64| -> Outcome {
                ctx.check(&[m, n], &y.to_vec()?, |_, got| Want::exactly(Value::Float(value)).judge(got));
                Ok(())
            };
            ctx.at(format_args!("[{m}, {k}] @ [{k}, {n}] + 0 * NaN"));
            let c = nan([m, n])?;
            let options = MatmulOptions { beta: 0.0, c: Some(&c), ..Default::default() };
            expect(full([m, k], 1.0)?.matmul_with(&full([k, n], 1.0)?, options)?, k as f64)?;
            ctx.at(format_args!("0 * (NaN [{m}, {k}] @ NaN [{k}, {n}]) + 2 * 3"));
            let c = full([m, n], 3.0)?;
            let options = MatmulOptions { alpha: 0.0, beta: 2.0, c: Some(&c), ..Default::default() };
            expect(nan([m, k])?.matmul_with(&nan([k, n])?, options)?, 6.0)?;
        }
        Ok(())
    });
}
