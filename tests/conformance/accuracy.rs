//! Products of f32 that are large enough for the tensor cores: their errors on the kinds of numbers that are hard to split.
//!
//! Small products go by other kernels (`matmul.rs`). Here outputs are sampled, since the oracle takes its time for each.

use tilework::{Activation, BackendKind, Device, MatmulOptions, Precision, Result, Tensor};

use crate::element::{F32, Value};
use crate::oracle;
use crate::report::Want;
use crate::runner::{Context, Outcome, Suite};
use crate::tolerance::{rounded, split_roundings, sum_error};
use crate::values::Rng;

const FAMILY: &str = "matmul";
const NAME: &str = "matmul";

/// Sampled outputs of a product.
const SAMPLES: usize = 1500;

const KINDS: [&str; 12] = [
    "normal",
    "uniform",
    "positive",
    "spread over 2^±60",
    "spread over 2^±10",
    "rows and columns 2^40 apart",
    "k 2^40 apart, opposed",
    "half zeros",
    "a matrix times its inverse",
    "small integers",
    "subnormal factor",
    "subnormal result",
];

pub fn cases(suite: &mut Suite) {
    let precisions = [
        (Precision::F32, "accuracy"),
        (Precision::Fma, "accuracy of fused sums"),
        (Precision::Tf32, "accuracy of rounded factors"),
    ];
    for (precision, name) in precisions {
        suite.case::<f32>(FAMILY, NAME, name, probe, move |ctx| {
            let mut rng = ctx.rng();
            for kind in ctx.some(KINDS) {
                if kind.starts_with("subnormal") && ctx.backend() == BackendKind::Wgpu {
                    // WGSL lets a device flush them.
                    continue;
                }
                for transposed in [false, true] {
                    ctx.at(format_args!("{kind}, {}", if transposed { "transposed" } else { "row-major" }));
                    // Both tiles of the kernels have their turn.
                    let shape =
                        if transposed && ctx.backend() == BackendKind::Cuda { [700, 600, 900] } else { shape(ctx) };
                    let (a, b) = factors(&mut rng, kind, shape);
                    check(ctx, &mut rng, shape, [&a, &b], transposed, precision)?;
                }
            }
            Ok(())
        });
    }
    suite.case::<f32>(FAMILY, "matmul_packed", "accuracy", probe, |ctx| {
        // What is kept of one factor is met by all kinds of the other, and has to give the same sums.
        let mut rng = ctx.rng();
        let shape @ [m, k, n] = shape(ctx);
        let tensor =
            |elements: Vec<f32>, rows: usize, columns: usize| Tensor::from_vec(elements, (rows, columns), &ctx.device);
        for kind in ctx.some(["normal", "spread over 2^±60", "k 2^40 apart, opposed", "subnormal factor", "special"]) {
            let (_, mut b) = factors(&mut rng, kind, shape);
            if kind == "special" {
                b[k / 3 * n + n - 1] = f32::INFINITY;
            }
            let w = tensor(b, k, n)?;
            let packed = w.pack()?;
            let right = kind;
            for kind in ["normal", "spread over 2^±60", "rows and columns 2^40 apart"] {
                let x = tensor(factors(&mut rng, kind, shape).0, m, k)?;
                ctx.at(format_args!("{kind} by packed {right}"));
                ctx.check_bits(&[m, n], &x.matmul_packed(&packed)?.to_vec()?, &x.matmul(&w)?.to_vec()?);
            }
        }
        Ok(())
    });
    suite.case::<f32>(FAMILY, "matmul_with", "large epilogues and batches", probe, |ctx| {
        let mut rng = ctx.rng();
        let [m, k, n] = shape(ctx);
        let batch = 3;
        let mut draw = |length: usize| -> Vec<f32> { (0..length).map(|_| normal(&mut rng) as f32).collect() };
        // b is one matrix for all of the batch.
        let (a, b, bias, c) = (draw(batch * m * k), draw(k * n), draw(n), draw(batch * m * n));
        let tensor = |elements: &[f32], shape: &[usize]| Tensor::from_vec(elements.to_vec(), shape, &ctx.device);
        let (bias_tensor, c_tensor) = (tensor(&bias, &[n])?, tensor(&c, &[batch, m, n])?);
        let options = MatmulOptions {
            alpha: -0.3,
            bias: Some(&bias_tensor),
            activation: Activation::Relu,
            beta: 0.7,
            c: Some(&c_tensor),
            ..Default::default()
        };
        let y = tensor(&a, &[batch, m, k])?.matmul_with(&tensor(&b, &[k, n])?, options)?.to_vec()?;
        let places: Vec<usize> = (0..SAMPLES).map(|_| rng.int(0, (batch * m * n - 1) as i64) as usize).collect();
        let sampled: Vec<f32> = places.iter().map(|&at| y[at]).collect();
        ctx.at(format_args!("relu(-0.3 [{batch}, {m}, {k}] @ [{k}, {n}] + bias) + 0.7 c"));
        ctx.check(&[places.len()], &sampled, |i, got| {
            let (row, column) = (places[i] / n, places[i] % n);
            let pairs = || (0..k).map(|l| (f64::from(a[row * k + l]), f64::from(b[l * n + column])));
            let magnitude: f64 = pairs().map(|(a, b)| (a * b).abs()).sum();
            let (product, c) = (-0.3 * oracle::dot(pairs()), 0.7 * f64::from(c[places[i]]));
            let sum = product + f64::from(bias[column]);
            let y = sum.max(0.0) + c;
            // Alpha and beta are rounded too.
            let rest = 2.0 * product.abs() + sum.abs() + 2.0 * c.abs() + y.abs();
            let error = 0.3 * sum_error::<f32>(split_roundings(k), magnitude) + rest * F32.unit_roundoff();
            rounded::<f32>(y, error).judge(got)
        });
        Ok(())
    });
    suite.case::<f32>(FAMILY, NAME, "nan and infinity in large factors", probe, |ctx| {
        let mut rng = ctx.rng();
        let shape @ [m, k, n] = shape(ctx);
        for special in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let (mut a, mut b) = factors(&mut rng, "normal", shape);
            a[(m - 1) * k + k / 2] = special;
            b[k / 3 * n + n - 1] = special;
            // What meets a zero becomes NaN.
            b[k / 2 * n + 3] = 0.0;
            ctx.at(format_args!("{special}"));
            check(ctx, &mut rng, shape, [&a, &b], false, Precision::F32)?;
        }
        Ok(())
    });
}

fn probe(device: &Device) -> Result<()> {
    Tensor::<f32>::zeros((2, 2), device).map(drop)
}

/// No multiple of any tile; what others than a GPU can do in a second.
fn shape(ctx: &Context) -> [usize; 3] {
    if ctx.backend() == BackendKind::Cuda {
        ctx.scaled([700, 600, 900], [1031, 1102, 1030], [2055, 4099, 2049])
    } else {
        [131, 600, 70]
    }
}

/// The factors of a product of a kind, row-major.
fn factors(rng: &mut Rng, kind: &str, [m, k, n]: [usize; 3]) -> (Vec<f32>, Vec<f32>) {
    let vector: Vec<f64> = (0..k.max(m).max(n)).map(|_| normal(rng)).collect();
    let square: f64 = vector[..k].iter().map(|x| x * x).sum();
    // The element of a at row `line`, or of b at column `line`.
    let mut element = |left: bool, line: usize, l: usize| {
        let sign = if left { 1.0 } else { -1.0 };
        let apart = |i: usize| (i * 13 % 41) as f64 - 20.0;
        match kind {
            "uniform" => 2.0 * rng.unit() - 1.0,
            "positive" => rng.unit(),
            "spread over 2^±60" => normal(rng) * (rng.int(-60, 60) as f64).exp2(),
            "spread over 2^±10" => normal(rng) * (rng.int(-10, 10) as f64).exp2(),
            "rows and columns 2^40 apart" => normal(rng) * apart(line).exp2(),
            "k 2^40 apart, opposed" => normal(rng) * (sign * apart(l)).exp2(),
            "half zeros" => normal(rng).max(0.0),
            // A reflection is its own inverse.
            "a matrix times its inverse" => f64::from(line == l) - 2.0 * vector[line] * vector[l] / square,
            "small integers" => rng.int(-30, 30) as f64,
            "subnormal factor" if left => normal(rng) * (-136f64).exp2(),
            "subnormal result" => normal(rng) * (-69f64).exp2(),
            _ => normal(rng),
        }
    };
    let a = (0..m * k).map(|i| element(true, i / k, i % k) as f32).collect();
    let b = (0..k * n).map(|i| element(false, i % n, i / n) as f32).collect();
    (a, b)
}

/// By Box and Muller.
fn normal(rng: &mut Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.unit()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.unit()).cos()
}

/// Compares a sample of the product's elements, and the last row and column, with their exact values.
fn check(
    ctx: &Context,
    rng: &mut Rng,
    [m, k, n]: [usize; 3],
    [a, b]: [&[f32]; 2],
    transposed: bool,
    precision: Precision,
) -> Outcome {
    let tensor = |elements: &[f32], rows: usize, columns: usize| -> Result<Tensor<f32>> {
        if !transposed {
            return Tensor::from_vec(elements.to_vec(), (rows, columns), &ctx.device);
        }
        let turned = (0..rows * columns).map(|i| elements[i % rows * columns + i / rows]).collect();
        Ok(Tensor::from_vec(turned, (columns, rows), &ctx.device)?.t())
    };
    let (x, w) = (tensor(a, m, k)?, tensor(b, k, n)?);
    let options = MatmulOptions { precision, ..Default::default() };
    let y = x.matmul_with(&w, options)?.to_vec()?;
    let again = x.matmul_with(&w, options)?.to_vec()?;
    ctx.check_bits(&[m, n], &again, &y);

    let mut places: Vec<usize> = (0..SAMPLES).map(|_| rng.int(0, (m * n - 1) as i64) as usize).collect();
    places.extend((0..n).map(|j| (m - 1) * n + j));
    places.extend((0..m).map(|i| i * n + n - 1));
    let sampled: Vec<f32> = places.iter().map(|&at| y[at]).collect();
    ctx.check(&[places.len()], &sampled, |i, got| {
        let (row, column) = (places[i] / n, places[i] % n);
        let pairs = || (0..k).map(|l| (f64::from(a[row * k + l]), f64::from(b[l * n + column])));
        want(pairs, precision).judge(got)
    });
    Ok(())
}

fn want<I: Iterator<Item = (f64, f64)>>(pairs: impl Fn() -> I, precision: Precision) -> Want {
    let exact = oracle::dot(pairs());
    if !exact.is_finite() {
        return Want::exactly(Value::Float(exact));
    }
    let magnitude: f64 = pairs().map(|(a, b)| (a * b).abs()).sum();
    let integers = pairs().all(|(a, b)| a.fract() == 0.0 && b.fract() == 0.0) && magnitude < 2f64.powi(24);
    let k = pairs().count();
    // Sums of subnormal numbers lose up to half their unit at every step.
    let subnormal = k as f64 * 2f64.powi(-150);
    // Two factors rounded to nearest, to 11 bits or a multiple of 2^-136, the least number of TF32; integers of this size have fewer bits.
    let off = |x: f64| (x.abs() * 2f64.powi(-11)).max(x.abs().min(2f64.powi(-137)));
    let rounding = match precision {
        Precision::Tf32 => pairs().map(|(a, b)| off(a) * b.abs() + off(b) * a.abs() + off(a) * off(b)).sum(),
        _ => 0.0,
    };
    let sum = sum_error::<f32>(split_roundings(k), magnitude) + subnormal;
    let error = if integers { 0.0 } else { rounding + sum };
    rounded::<f32>(exact, error)
}
