//! Products of f32 that may round their factors to TF32: every layout, tails, batches and epilogues, on integers that rounding leaves alone.
//!
//! What it does to other numbers is in `accuracy.rs`.

use tilework::{Activation, Device, MatmulOptions, Precision, Result, Tensor};

use crate::element::Value;
use crate::report::Want;
use crate::runner::{Context, Outcome, Suite};
use crate::values::Rng;

const FAMILY: &str = "matmul";
/// Integers up to this are exact in TF32, and their sums in f32.
const MAGNITUDE: i64 = 30;

/// Batch, rows, depth, columns. Multiples of four, which the copy engine reads as they lie, and not.
const SHAPES: [[usize; 4]; 9] = [
    [1, 64, 32, 64],
    [1, 200, 136, 100],
    [1, 132, 4, 260],
    [3, 68, 100, 36],
    [1, 4, 1000, 516],
    [1, 516, 260, 8],
    [2, 256, 64, 256],
    [1, 60, 4100, 64],
    [1, 37, 70, 41],
];

pub fn cases(suite: &mut Suite) {
    suite.case::<f32>(FAMILY, "matmul", "tf32", probe, |ctx| each(ctx, false));
    suite.case::<f32>(FAMILY, "matmul_with", "tf32", probe, |ctx| each(ctx, true));
}

fn probe(device: &Device) -> Result<()> {
    Tensor::<f32>::zeros((2, 2), device).map(drop)
}

fn each(ctx: &Context, epilogue: bool) -> Outcome {
    let mut rng = ctx.rng();
    for shape in ctx.some(SHAPES) {
        for transposed in [[false, false], [false, true], [true, false], [true, true]] {
            ctx.at(format_args!("{shape:?}, transposed {transposed:?}"));
            check(ctx, &mut rng, shape, transposed, epilogue)?;
        }
    }
    Ok(())
}

/// `out` and `c` have a batch of rows; a bias is for each column.
fn check(
    ctx: &Context,
    rng: &mut Rng,
    [batch, m, k, n]: [usize; 4],
    [turn_a, turn_b]: [bool; 2],
    epilogue: bool,
) -> Outcome {
    let mut draw = |length: usize| rng.small_ints::<f32>(length, MAGNITUDE);
    let (a, b, bias, c) = (draw(batch * m * k), draw(batch * k * n), draw(n), draw(batch * m * n));
    let tensor = |elements: &[f32], shape: &[usize]| Tensor::from_vec(elements.to_vec(), shape, &ctx.device);
    // The elements of a transposed factor are those of its columns.
    let factor = |elements: &[f32], rows: usize, columns: usize, turn: bool| -> Result<Tensor<f32>> {
        if turn {
            tensor(elements, &[batch, columns, rows])?.permuted_axes([0, 2, 1])
        } else {
            tensor(elements, &[batch, rows, columns])
        }
    };
    let (x, w) = (factor(&a, m, k, turn_a)?, factor(&b, k, n, turn_b)?);
    let (bias_tensor, c_tensor) = (tensor(&bias, &[n])?, tensor(&c, &[batch, m, n])?);
    let mut options = MatmulOptions { precision: Precision::Tf32, ..Default::default() };
    if epilogue {
        options.alpha = 0.5;
        options.bias = Some(&bias_tensor);
        options.activation = Activation::Relu;
        options.c = Some(&c_tensor);
    }
    let y = x.matmul_with(&w, options)?.to_vec()?;
    let at = |row: usize, column: usize, rows: usize, columns: usize, turn: bool| {
        if turn { column * rows + row } else { row * columns + column }
    };
    ctx.check(&[batch, m, n], &y, |i, got| {
        let (matrix, row, column) = (i / n / m, i / n % m, i % n);
        let term = |l: usize| {
            let x = a[matrix * m * k + at(row, l, m, k, turn_a)];
            f64::from(x) * f64::from(b[matrix * k * n + at(l, column, k, n, turn_b)])
        };
        let product: f64 = (0..k).map(term).sum();
        let value =
            if epilogue { (0.5 * product + f64::from(bias[column])).max(0.0) + f64::from(c[i]) } else { product };
        Want { any_zero: true, ..Want::exactly(Value::Float(value)) }.judge(got)
    });
    Ok(())
}
