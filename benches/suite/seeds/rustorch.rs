//! RusTorch, `benchmarks/src/performance_test.rs`: f32. Its optimizers and decompositions come with those operations.

use tilework::DType::F32;

use super::super::case::{Case, Input, Work};
use super::each;

fn a(i: f64, _: f64) -> f64 {
    0.01 * i
}

fn b(i: f64, _: f64) -> f64 {
    0.01 * (i + 1.0)
}

pub fn cases() -> Vec<Case> {
    let flat: [&[usize]; 3] = [&[1000], &[10_000], &[100_000]];
    let cubes: [&[usize]; 4] = [&[1, 64, 64, 64], &[1, 128, 128, 128], &[1, 256, 256, 256], &[1, 512, 512, 512]];
    [
        each("rustorch", Work::Add, F32, Input::Formula(a, b), &flat),
        each("rustorch", Work::Sum, F32, Input::Formula(a, b), &flat),
        each("rustorch", Work::MATMUL, F32, Input::Formula(a, b), &cubes),
        each("rustorch", Work::Mlp, F32, Input::Formula(a, b), &[&[32], &[64], &[128]]),
    ]
    .concat()
}
