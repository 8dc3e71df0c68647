//! Trueno, `benches/gpu_ops.rs` and `benches/async_gpu_ops.rs`: the 13 operations, f32, and the batch chains.

use tilework::DType::F32;

use super::super::case::{Case, Input, Unary, Work};
use super::each;

fn half(i: f64, _: f64) -> f64 {
    0.5 * i
}

fn centred(i: f64, n: f64) -> f64 {
    0.5 * i - 0.25 * n
}

fn thousandths(i: f64, n: f64) -> f64 {
    0.001 * i - 0.0005 * n
}

fn hundredths(i: f64, n: f64) -> f64 {
    0.01 * i - 0.005 * n
}

fn one(_: f64, _: f64) -> f64 {
    1.0
}

pub fn cases() -> Vec<Case> {
    let four: [&[usize]; 4] = [&[1000], &[10_000], &[100_000], &[1_000_000]];
    let three = &four[1..];
    // Softmax is over the whole vector: one row.
    let rows: [&[usize]; 3] = [&[1, 10_000], &[1, 100_000], &[1, 1_000_000]];
    let cubes: [&[usize]; 3] = [&[1, 100, 100, 100], &[1, 500, 500, 500], &[1, 1000, 1000, 1000]];
    let unary = |op, formula| each("trueno", Work::Unary(op), F32, Input::Formula(formula, formula), three);
    [
        each("trueno", Work::Add, F32, Input::Formula(half, half), &four),
        each("trueno", Work::Dot, F32, Input::Formula(half, half), &four),
        each("trueno", Work::MATMUL, F32, Input::Formula(half, half), &cubes),
        unary(Unary::Relu, centred),
        unary(Unary::LeakyRelu, centred),
        unary(Unary::Elu, centred),
        unary(Unary::Clip, half),
        unary(Unary::Sigmoid, thousandths),
        unary(Unary::Tanh, thousandths),
        unary(Unary::Silu, thousandths),
        unary(Unary::GeluTanh, thousandths),
        each("trueno", Work::Softmax, F32, Input::Formula(hundredths, hundredths), &rows),
        each("trueno", Work::LogSoftmax, F32, Input::Formula(hundredths, hundredths), &rows),
        each("trueno", Work::Chain { deep: false }, F32, Input::Formula(one, one), &four),
        each("trueno", Work::Chain { deep: true }, F32, Input::Formula(one, one), three),
    ]
    .concat()
}
