//! The cases of the library's own families but the matrix products, at the sizes at which PyTorch was measured on an H200.

use tilework::DType::{self, BF16, F32};

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
    // Longer than a multiprocessor, or a cluster of them, can hold.
    let long: [&[usize]; 2] = [&[1, 1 << 20], &[32, 1 << 20]];
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
    for shapes in [&rows[..], &long] {
        add("softmax", Work::Softmax, &both, shapes);
        add("norm", Work::RmsNorm, &both, shapes);
        add("norm", Work::LayerNorm, &both, shapes);
    }
    add("transfer", Work::Upload, &[F32], &[&[1024], &[1 << 20], &[1 << 26]]);
    add("transfer", Work::Download, &[F32], &[&[1024], &[1 << 20], &[1 << 26]]);
    cases
}
