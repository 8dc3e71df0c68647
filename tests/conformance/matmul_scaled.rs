//! Products of 8-bit factors with scales: small integers and powers of two to the bit, random numbers within the bound of their sums.

use tilework::{
    Accumulation, BackendKind, Device, Element, Error, F8E4M3, F8E5M2, Float, Float8, Result, ScaledMatmulOptions,
    Tensor,
};

use crate::element::{TestElement, Value, each_element};
use crate::elementwise::broadcast;
use crate::layouts::{Physical, logical, place};
use crate::oracle;
use crate::report::Want;
use crate::runner::{Context, Outcome, Suite};
use crate::tolerance::{rounded, scaled_error};
use crate::values::Rng;

const FAMILY: &str = "matmul";
const NAME: &str = "matmul_scaled";
const BLOCK: usize = 128;

pub fn cases(suite: &mut Suite) {
    each_element!(A in fp8 {
        each_element!(B in fp8 {
            exact_cases::<A, B>(suite);
            each_element!(T in [f32, half::f16, half::bf16] { random_case::<A, B, T>(suite) });
        });
    });
    suite.case::<F8E4M3>(FAMILY, NAME, "errors", probe::<F8E4M3, F8E4M3>, errors);
}

/// Pairs with `e5m2` go the same ways as the one without: every so many of what is tried for that.
fn every<A: TestElement, B: TestElement>(so_many: usize) -> usize {
    if A::DTYPE == F8E4M3::DTYPE && B::DTYPE == F8E4M3::DTYPE { 1 } else { so_many }
}

fn probe<A: TestElement + Float8, B: TestElement + Float8>(device: &Device) -> Result<()> {
    let (a, b) = (Tensor::<A>::zeros((2, 2), device)?, Tensor::<B>::zeros((2, 2), device)?);
    a.matmul_scaled::<B, f32>(&b, ScaledMatmulOptions::default())?.to_vec().map(drop)
}

/// Which scales a factor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scales {
    None,
    Tensor,
    Blocks,
}

const ALL: [[Scales; 2]; 6] = [
    [Scales::None; 2],
    [Scales::Tensor; 2],
    [Scales::Blocks; 2],
    [Scales::Tensor, Scales::None],
    [Scales::Blocks, Scales::None],
    [Scales::Tensor, Scales::Blocks],
];

/// A factor with its scales, on the host and on the device.
struct Factor<X: TestElement> {
    shape: Vec<usize>,
    elements: Vec<X>,
    tensor: Tensor<X>,
    /// Of each element.
    scale: Vec<f64>,
    scales: Option<Tensor<f32>>,
}

impl<X: TestElement> Factor<X> {
    /// `block` has the sides of a block that has a scale; `draw` draws a scale.
    fn new(
        ctx: &Context,
        shape: &[usize],
        elements: &[X],
        physical: Physical,
        (scales, block): (Scales, [usize; 2]),
        mut draw: impl FnMut() -> f32,
    ) -> Result<Self> {
        let elements = logical(shape, elements, physical);
        let tensor = place(&ctx.device, shape, &elements, physical)?;
        let (batch, matrix) = shape.split_at(shape.len() - 2);
        let [rows, columns] = [matrix[0], matrix[1]];
        let grid = [rows.div_ceil(block[0]), columns.div_ceil(block[1])];
        let count: usize = batch.iter().product();
        let (numbers, of): (Vec<f32>, Vec<usize>) = match scales {
            Scales::None => (vec![1.0], vec![]),
            Scales::Tensor => (vec![draw()], batch.iter().map(|_| 1).collect()),
            Scales::Blocks => {
                ((0..count * grid[0] * grid[1]).map(|_| draw()).collect(), batch.iter().copied().chain(grid).collect())
            }
        };
        let scale = (0..elements.len()).map(|i| {
            let (matrix, row, column) = (i / (rows * columns).max(1), i / columns.max(1) % rows, i % columns.max(1));
            let at = (matrix * grid[0] + row / block[0]) * grid[1] + column / block[1];
            f64::from(*numbers.get(at).filter(|_| scales == Scales::Blocks).unwrap_or(&numbers[0]))
        });
        let scale = scale.collect();
        // Blocks' scales lie in any order too.
        let order = if physical == Physical::Contiguous { Physical::Contiguous } else { Physical::Transposed };
        let device = || place(&ctx.device, &of, &numbers, order);
        let scales = if scales == Scales::None { None } else { Some(device()?) };
        Ok(Self { shape: shape.to_vec(), elements, tensor, scale, scales })
    }

    fn value(&self, i: usize) -> f64 {
        self.elements[i].value().float() * self.scale[i]
    }
}

fn options<'a, A: TestElement, B: TestElement>(
    a: &'a Factor<A>,
    b: &'a Factor<B>,
    accumulation: Accumulation,
) -> ScaledMatmulOptions<'a> {
    ScaledMatmulOptions { a_scales: a.scales.as_ref(), b_scales: b.scales.as_ref(), accumulation }
}

/// The shape of the product, and for each of its elements the pairs of values that are multiplied.
fn pairs<A: TestElement, B: TestElement>(
    a: &Factor<A>,
    b: &Factor<B>,
) -> (Vec<usize>, impl Fn(usize) -> Vec<(f64, f64)>) {
    let (a_batch, a_matrix) = a.shape.split_at(a.shape.len() - 2);
    let (b_batch, b_matrix) = b.shape.split_at(b.shape.len() - 2);
    let ([m, k], n) = ([a_matrix[0], a_matrix[1]], b_matrix[1]);
    let (batch, at) = broadcast(a_batch, b_batch);
    let shape = batch.into_iter().chain([m, n]).collect();
    let pairs = move |i: usize| {
        let ([p, q], row, column) = (at[i / (m * n)], i / n % m, i % n);
        (0..k).map(|l| (a.value((p * m + row) * k + l), b.value((q * k + l) * n + column))).collect()
    };
    (shape, pairs)
}

/// A power of two near 1.
fn power(rng: &mut Rng) -> f32 {
    (rng.int(-2, 2) as f32).exp2()
}

fn exact_cases<A: TestElement + Float8, B: TestElement + Float8>(suite: &mut Suite) {
    let by = |what: &str| format!("{what}, by {}", B::DTYPE);
    suite.case::<A>(FAMILY, NAME, &by("small integers"), probe::<A, B>, |ctx| {
        let mut rng = ctx.rng();
        let shapes = [
            [1, 1, 1],
            [7, 5, 3],
            [16, 128, 128],
            [33, 130, 257],
            [65, 256, 130],
            [129, 1040, 72],
            [1, 2000, 136],
            [20, 1040, 200],
            [200, 1040, 12],
            [70, 17, 1],
        ];
        for (i, &[m, k, n]) in ctx.some(shapes.iter().enumerate()).step_by(every::<A, B>(3)) {
            for (j, scales) in ALL.into_iter().enumerate() {
                let physical = [Physical::Contiguous, [Physical::Contiguous, Physical::Transposed][(i + j) % 2]];
                exact::<A, B>(ctx, &mut rng, &[m, k], &[k, n], physical, scales)?;
            }
        }
        if ctx.scaled(false, false, true) {
            for scales in ALL {
                exact::<A, B>(ctx, &mut rng, &[300, 384], &[384, 200], [Physical::Contiguous; 2], scales)?;
                let physical = [Physical::Contiguous, Physical::Transposed];
                exact::<A, B>(ctx, &mut rng, &[260, 1040], &[1040, 400], physical, scales)?;
            }
        }
        Ok(())
    });
    suite.case::<A>(FAMILY, NAME, &by("layouts"), probe::<A, B>, |ctx| {
        let mut rng = ctx.rng();
        for (i, left) in Physical::ALL.into_iter().enumerate() {
            for (j, right) in
                ctx.some(Physical::ALL.into_iter().enumerate()).skip(i % every::<A, B>(3)).step_by(every::<A, B>(3))
            {
                let scales = ALL[(i + j) % ALL.len()];
                exact::<A, B>(ctx, &mut rng, &[34, 144], &[144, 40], [left, right], scales)?;
            }
        }
        Ok(())
    });
    suite.case::<A>(FAMILY, NAME, &by("batches"), probe::<A, B>, |ctx| {
        let mut rng = ctx.rng();
        let shapes: [[&[usize]; 2]; 7] = [
            [&[3, 4, 160], &[3, 160, 16]],
            [&[3, 4, 5], &[5, 6]],
            [&[4, 144], &[3, 144, 33]],
            [&[2, 1, 4, 48], &[1, 3, 48, 6]],
            [&[2, 3, 40, 256], &[3, 256, 160]],
            [&[2, 0, 4], &[2, 4, 5]],
            [&[2, 3, 0], &[2, 0, 5]],
        ];
        for [left, right] in shapes {
            for (i, scales) in ctx.some(ALL.into_iter().enumerate()).step_by(every::<A, B>(2)) {
                let physical = [Physical::Contiguous, Physical::Transposed][i % 2];
                exact::<A, B>(ctx, &mut rng, left, right, [physical; 2], scales)?;
            }
        }
        // More large tiles than a GPU has multiprocessors, which compute several each: what is kept of one while the next is under way.
        if ctx.scaled(false, false, A::DTYPE == B::DTYPE) {
            let physical = [Physical::Contiguous, Physical::Transposed];
            exact::<A, B>(ctx, &mut rng, &[260, 72, 400], &[260, 400, 200], physical, [Scales::None; 2])?;
        }
        Ok(())
    });
}

/// A product of small integers with powers of two as scales, to the bit, with both kinds of sums.
fn exact<A: TestElement + Float8, B: TestElement + Float8>(
    ctx: &Context,
    rng: &mut Rng,
    left: &[usize],
    right: &[usize],
    physical: [Physical; 2],
    scales: [Scales; 2],
) -> Outcome {
    let places = physical.map(Physical::name);
    ctx.at(format_args!("{left:?} {} @ {right:?} {}, scales {scales:?}", places[0], places[1]));
    let (a, b) = (rng.small_ints::<A>(left.iter().product(), 2), rng.small_ints::<B>(right.iter().product(), 2));
    let a = Factor::new(ctx, left, &a, physical[0], (scales[0], [1, BLOCK]), || power(rng))?;
    let b = Factor::new(ctx, right, &b, physical[1], (scales[1], [BLOCK, BLOCK]), || power(rng))?;
    let (shape, pairs) = pairs(&a, &b);
    // Exact in whatever order.
    let sums: Vec<f64> = (0..shape.iter().product()).map(|i| pairs(i).iter().map(|(a, b)| a * b).sum()).collect();
    for accumulation in [Accumulation::F32, Accumulation::Fast] {
        let y: Tensor<f32> = a.tensor.matmul_scaled(&b.tensor, options(&a, &b, accumulation))?;
        ctx.check_that(y.shape() == shape, || format!("the result has shape {:?}, not {shape:?}", y.shape()));
        let want = |i: usize| Want { any_zero: true, ..Want::exactly(Value::Float(sums[i])) };
        ctx.check(&shape, &y.to_vec()?, |i, got| want(i).judge(got));
    }
    Ok(())
}

fn random_case<A, B, T>(suite: &mut Suite)
where
    A: TestElement + Float8,
    B: TestElement + Float8,
    T: TestElement + Float,
{
    let what = format!("random, by {} to {}", B::DTYPE, T::DTYPE);
    suite.case::<A>(FAMILY, NAME, &what, probe::<A, B>, |ctx| {
        let mut rng = ctx.rng();
        for (i, [m, k, n]) in [[33, 65, 17], [130, 256, 96], [64, 1100, 136], [1, 3000, 3]].into_iter().enumerate() {
            for (j, scales) in ALL.into_iter().enumerate().skip(i % 2).step_by(2 * every::<A, B>(2)) {
                let (a, b) = (rng.elements::<A>(m * k, 2.0), rng.elements::<B>(k * n, 2.0));
                let physical = [Physical::Contiguous, Physical::Transposed][j % 2];
                let mut draw = || 0.5 + rng.unit() as f32;
                let a = Factor::new(ctx, &[m, k], &a, Physical::Contiguous, (scales[0], [1, BLOCK]), &mut draw)?;
                let b = Factor::new(ctx, &[k, n], &b, physical, (scales[1], [BLOCK, BLOCK]), &mut draw)?;
                let (shape, pairs) = pairs(&a, &b);
                let sums: Vec<(f64, f64)> = (0..m * n)
                    .map(|i| {
                        let pairs = pairs(i);
                        (pairs.iter().map(|(a, b)| (a * b).abs()).sum(), oracle::dot(pairs))
                    })
                    .collect();
                for accumulation in [Accumulation::F32, Accumulation::Fast] {
                    ctx.at(format_args!("[{m}, {k}] @ [{k}, {n}], scales {scales:?}, {accumulation:?}"));
                    let y: Tensor<T> = a.tensor.matmul_scaled(&b.tensor, options(&a, &b, accumulation))?;
                    let want = |i: usize| {
                        let (magnitude, sum) = sums[i];
                        rounded::<T>(sum, scaled_error(ctx.backend(), accumulation, k, magnitude))
                    };
                    ctx.check(&shape, &y.to_vec()?, |i, got| want(i).judge(got));
                }
            }
        }
        Ok(())
    });
    suite.case::<A>(
        FAMILY,
        NAME,
        &format!("nan and infinity, by {} to {}", B::DTYPE, T::DTYPE),
        probe::<A, B>,
        |ctx| {
            // A NaN reaches its row and nothing else.
            let (m, k, n) = (40, 272, 48);
            for special in [f64::NAN, f64::INFINITY] {
                let mut a: Vec<A> = ctx.rng().small_ints(m * k, 2);
                a[k + 130] = A::from_f64(special);
                let b: Vec<B> = (0..k * n).map(|i| if i % 2 == 0 { B::ZERO } else { B::ONE }).collect();
                let none = (Scales::None, [1, 1]);
                let a = Factor::new(ctx, &[m, k], &a, Physical::Contiguous, none, || 1.0)?;
                let b = Factor::new(ctx, &[k, n], &b, Physical::Transposed, none, || 1.0)?;
                let (shape, pairs) = pairs(&a, &b);
                let y: Tensor<T> = a.tensor.matmul_scaled(&b.tensor, ScaledMatmulOptions::default())?;
                ctx.at(format_args!("{special} in row 1"));
                let want = |i: usize| Want { any_zero: true, ..Want::exactly(Value::Float(oracle::dot(pairs(i)))) };
                ctx.check(&shape, &y.to_vec()?, |i, got| want(i).judge(got));
            }
            Ok(())
        },
    );
}

fn errors(ctx: &Context) -> Outcome {
    let a = Tensor::<F8E4M3>::ones((5, 300), &ctx.device)?;
    let b = Tensor::<F8E5M2>::ones((300, 130), &ctx.device)?;
    let plain = ScaledMatmulOptions::default();
    let is_mismatch = |lhs: &[usize], rhs: &[usize]| {
        let (left, right) = (lhs.to_vec(), rhs.to_vec());
        move |error: &Error| {
            matches!(error, Error::ShapeMismatch { op: "matmul_scaled", lhs, rhs, reason }
                if *lhs == left && *rhs == right && !reason.is_empty())
        }
    };
    let want = "ShapeMismatch with both shapes";
    ctx.at("factors that do not fit");
    ctx.check_error_that(a.matmul_scaled::<_, f32>(&a, plain), want, is_mismatch(&[5, 300], &[5, 300]));
    ctx.at("a vector");
    let vector = Tensor::<F8E4M3>::ones(300, &ctx.device)?;
    ctx.check_error_that(vector.matmul_scaled::<_, f32>(&b, plain), want, is_mismatch(&[300], &[300, 130]));
    for shape in [&[5][..], &[3], &[1, 3], &[5, 1], &[5, 2], &[2, 5, 3]] {
        let scales = Tensor::<f32>::ones(shape, &ctx.device)?;
        ctx.at(format_args!("scales of shape {shape:?}"));
        let of_a = ScaledMatmulOptions { a_scales: Some(&scales), ..plain };
        ctx.check_error_that(a.matmul_scaled::<_, f32>(&b, of_a), want, is_mismatch(shape, &[5, 3]));
        let of_b = ScaledMatmulOptions { b_scales: Some(&scales), ..plain };
        ctx.check_error_that(a.matmul_scaled::<_, f32>(&b, of_b), want, is_mismatch(shape, &[3, 2]));
    }
    if ctx.backend() != BackendKind::Cpu {
        ctx.at("scales elsewhere");
        let scales = Tensor::<f32>::ones((), &Device::cpu())?;
        let elsewhere = ScaledMatmulOptions { a_scales: Some(&scales), ..plain };
        ctx.check_error_that(a.matmul_scaled::<_, f32>(&b, elsewhere), "DeviceMismatch", |error| {
            matches!(error, Error::DeviceMismatch { op: "matmul_scaled", .. })
        });
    }
    Ok(())
}
