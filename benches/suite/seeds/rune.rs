//! Rune, `rune/bench/bench_grad_rune.ml`: the forward functions, f32; its gradients come with gradients.

use tilework::DType::F32;

use super::super::case::{Case, Input, Unary, Work};
use super::each;

pub fn cases() -> Vec<Case> {
    let vectors: [&[usize]; 3] = [&[100], &[500], &[1000]];
    let matrices: [&[usize]; 3] = [&[100, 100], &[500, 500], &[1000, 1000]];
    [
        each("rune", Work::Unary(Unary::Square), F32, Input::Formula(|_, _| 5.0, |_, _| 5.0), &[&[1]]),
        each("rune", Work::SumSquare, F32, Input::Random, &vectors),
        each("rune", Work::SumMatmul, F32, Input::Random, &matrices),
        each("rune", Work::SumExpTanhSquare, F32, Input::Random, &matrices),
    ]
    .concat()
}
