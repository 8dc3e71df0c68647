//! The cases of the library's own families, at the sizes at which PyTorch was measured on an H200.

use tilework::DType::{self, BF16, F16, F32};

use super::case::{Case, Input, Unary, Work};

pub fn cases() -> Vec<Case> {
    let mut cases = vec![];
    let mut add = |group, work, dtypes: &[DType], shapes: &[&[usize]]| {
        for shape in shapes {
            for &dtype in dtypes {
                cases.push(Case { group, work, dtype, shape: shape.to_vec(), input: Input::Random });
            }
        }
    };
    let both = [F32, BF16];
    let flat: [&[usize]; 4] = [&[1 << 20], &[10_000_000], &[100_000_000], &[1 << 29]];
    let rows: [&[usize]; 9] = [
        &[512, 512],
        &[1024, 1024],
        &[2048, 2048],
        &[2048, 4096],
        &[4096, 4096],
        &[8192, 8192],
        &[16384, 1024],
        &[4096, 32768],
        &[512, 131072],
    ];
    let squares: [&[usize]; 6] = [
        &[1, 256, 256, 256],
        &[1, 512, 512, 512],
        &[1, 1024, 1024, 1024],
        &[1, 2048, 2048, 2048],
        &[1, 4096, 4096, 4096],
        &[1, 8192, 8192, 8192],
    ];
    let shapes: [&[usize]; 10] = [
        &[1, 1, 4096, 4096],
        &[1, 16, 4096, 4096],
        &[1, 128, 4096, 4096],
        &[1, 4096, 14336, 4096],
        &[1, 4096, 4096, 14336],
        &[1, 8192, 128, 8192],
        &[1, 64, 64, 65536],
        &[1024, 64, 64, 64],
        &[256, 256, 256, 256],
        &[64, 1024, 1024, 1024],
    ];
    add("elementwise", Work::Add, &both, &flat);
    for op in [Unary::Silu, Unary::Gelu, Unary::GeluTanh, Unary::Sigmoid] {
        add("elementwise", Work::Unary(op), &both, &flat);
    }
    add("elementwise", Work::TransposeCopy, &both, &rows);
    for work in [Work::Sum, Work::Dot, Work::ArgMax] {
        add("reduce", work, &both, &flat);
    }
    for work in [Work::SumRows, Work::SumColumns] {
        add("reduce", work, &both, &rows);
    }
    add("softmax", Work::Softmax, &both, &rows);
    add("norm", Work::RmsNorm, &both, &rows);
    add("norm", Work::LayerNorm, &both, &rows);
    add("matmul", Work::Matmul, &[F32, F16, BF16], &squares);
    add("matmul", Work::Matmul, &both, &shapes);
    add("matmul", Work::Linear { fused: true }, &[BF16], &[&[1, 4096, 4096, 4096]]);
    add("matmul", Work::Linear { fused: false }, &[BF16], &[&[1, 4096, 4096, 4096]]);
    add("transfer", Work::Upload, &[F32], &[&[1024], &[1 << 20], &[1 << 26]]);
    add("transfer", Work::Download, &[F32], &[&[1024], &[1 << 20], &[1 << 26]]);
    cases
}
