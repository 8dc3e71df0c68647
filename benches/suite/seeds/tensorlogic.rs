//! TensorLogic, `benches/metal_performance.rs`: f16, all tensors ones; and its fused against unfused kernels.

use tilework::DType::F16;

use super::super::case::{Case, Input, Unary, Work};
use super::each;

fn one(_: f64, _: f64) -> f64 {
    1.0
}

pub fn cases() -> Vec<Case> {
    let ones = Input::Formula(one, one);
    let flat: [&[usize]; 4] = [&[1000], &[10_000], &[100_000], &[1_000_000]];
    let copies: [&[usize]; 4] = [&[1024], &[10_240], &[102_400], &[1_024_000]];
    let cubes: [&[usize]; 5] =
        [&[1, 64, 64, 64], &[1, 128, 128, 128], &[1, 256, 256, 256], &[1, 512, 512, 512], &[1, 1024, 1024, 1024]];
    let group = "tensorlogic";
    [
        each(group, Work::MATMUL, F16, ones, &cubes),
        each(group, Work::Add, F16, ones, &flat),
        each(group, Work::Mul, F16, ones, &flat),
        each(group, Work::Sum, F16, ones, &flat),
        each(group, Work::Upload, F16, ones, &copies),
        each(group, Work::Download, F16, ones, &copies),
        each(group, Work::Unary(Unary::Relu), F16, ones, &flat),
        each(group, Work::Unary(Unary::GeluTanh), F16, ones, &flat),
        each(group, Work::AddRelu { fused: true }, F16, ones, &flat),
        each(group, Work::AddRelu { fused: false }, F16, ones, &flat),
        each(group, Work::Linear { fused: true }, F16, ones, &cubes),
        each(group, Work::Linear { fused: false }, F16, ones, &cubes),
    ]
    .concat()
}
