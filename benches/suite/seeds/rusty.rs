//! Rusty, `benchmarks/src/main.rs`: f32, inputs resident.

use tilework::DType::F32;

use super::super::case::{Case, Input, Unary, Work};
use super::each;

fn hundredths(i: f64, _: f64) -> f64 {
    (i % 100.0) / 100.0
}

fn tenths(i: f64, _: f64) -> f64 {
    (i % 100.0) / 10.0
}

fn share(i: f64, n: f64) -> f64 {
    i / n
}

fn from_minus_one(i: f64, n: f64) -> f64 {
    2.0 * i / n - 1.0
}

pub fn cases() -> Vec<Case> {
    let cubes: [&[usize]; 4] =
        [&[1, 512, 512, 512], &[1, 1024, 1024, 1024], &[1, 2048, 2048, 2048], &[1, 4096, 4096, 4096]];
    [
        each("rusty", Work::MATMUL, F32, Input::Formula(hundredths, hundredths), &cubes),
        each("rusty", Work::Add, F32, Input::Formula(share, share), &[&[1_000_000], &[10_000_000], &[100_000_000]]),
        each("rusty", Work::Softmax, F32, Input::Formula(tenths, tenths), &[&[512, 512], &[1024, 1024], &[2048, 2048]]),
        each(
            "rusty",
            Work::RmsNorm,
            F32,
            Input::Formula(hundredths, |_, _| 1.0),
            &[&[512, 4096], &[1024, 4096], &[2048, 4096]],
        ),
        each(
            "rusty",
            Work::Unary(Unary::Silu),
            F32,
            Input::Formula(from_minus_one, share),
            &[&[1_000_000], &[10_000_000]],
        ),
    ]
    .concat()
}
