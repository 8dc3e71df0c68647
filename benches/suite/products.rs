//! The cases of the matrix product: the shapes and layouts that cuBLAS is raced on.

use tilework::DType::{self, BF16, F8E4M3, F16, F32, F64};
use tilework::{Accumulation, BackendKind, Device, Precision};

use super::case::{Case, Input, Product, Work};

const PRECISIONS: [(DType, Precision); 6] = [
    (BF16, Precision::F32),
    (F16, Precision::F32),
    (F32, Precision::F32),
    (F32, Precision::Fma),
    (F32, Precision::Tf32),
    (F64, Precision::F32),
];

/// Sides of square matrices.
const SQUARES: [usize; 10] = [256, 512, 1024, 1536, 2048, 3072, 4096, 5120, 6144, 8192];

/// `[batch, m, n, k]`: few rows, the layers of a language model, a narrow output, a long inner axis, batches of small ones.
const SHAPES: [[usize; 4]; 10] = [
    [1, 1, 4096, 4096],
    [1, 16, 4096, 4096],
    [1, 128, 4096, 4096],
    [1, 4096, 14336, 4096],
    [1, 4096, 4096, 14336],
    [1, 8192, 128, 8192],
    [1, 64, 64, 65536],
    [1024, 64, 64, 64],
    [256, 256, 256, 256],
    [64, 1024, 1024, 1024],
];

/// Those that are done in every layout of the factors.
const EVERY_LAYOUT: [[usize; 4]; 4] =
    [[1, 1024, 1024, 1024], [1, 4096, 4096, 4096], [1, 4096, 14336, 4096], [1, 4096, 4096, 14336]];

/// Fewer rows than columns, of f32: what packing is for, and what is packed beside.
const FEWER_ROWS: [[usize; 4]; 2] = [[1, 256, 4096, 4096], [1, 512, 4096, 4096]];
const PACKED: [[usize; 4]; 4] =
    [[1, 1024, 1024, 1024], [1, 2048, 2048, 2048], [1, 4096, 4096, 4096], [1, 4096, 14336, 4096]];

/// Those of a quick run, with row-major factors.
const QUICK: [[usize; 4]; 6] = [
    [1, 256, 256, 256],
    [1, 1024, 1024, 1024],
    [1, 4096, 4096, 4096],
    [1, 1, 4096, 4096],
    [1, 64, 64, 65536],
    [256, 256, 256, 256],
];

pub fn cases() -> Vec<Case> {
    let mut cases = vec![];
    let mut add = |work, dtype, shape: [usize; 4]| {
        cases.push(Case { group: "matmul", work, dtype, shape: shape.to_vec(), input: Input::Random });
    };
    for (dtype, precision) in PRECISIONS {
        for shape in SQUARES.map(|n| [1, n, n, n]).into_iter().chain(SHAPES) {
            add(Work::Matmul(Product { precision, ..Product::PLAIN }), dtype, shape);
        }
        for transposed in [[false, true], [true, false], [true, true]] {
            for shape in EVERY_LAYOUT {
                add(Work::Matmul(Product { transposed, precision, packed: false }), dtype, shape);
            }
        }
    }
    for shape in FEWER_ROWS {
        add(Work::MATMUL, F32, shape);
    }
    for shape in FEWER_ROWS.into_iter().chain(PACKED) {
        add(Work::Matmul(Product { packed: true, ..Product::PLAIN }), F32, shape);
    }
    for accumulation in [Accumulation::F32, Accumulation::Fast] {
        for shape in SQUARES.map(|n| [1, n, n, n]).into_iter().chain(SHAPES) {
            add(Work::ScaledMatmul(accumulation), F8E4M3, shape);
        }
    }
    let square = [1, 4096, 4096, 4096];
    for dtype in [BF16, F16] {
        add(Work::LinearResidual, dtype, square);
    }
    for fused in [true, false] {
        add(Work::Linear { fused }, BF16, square);
    }
    cases
}

/// Whether a quick run does `case`; it does all that are no products.
pub fn is_quick(case: &Case) -> bool {
    if case.group != "matmul" {
        return true;
    }
    match case.work {
        Work::Matmul(Product { transposed: [false, false], .. }) | Work::ScaledMatmul(_) => {
            QUICK.iter().any(|shape| case.shape == shape)
        }
        Work::Matmul(_) => case.shape == [1, 1024, 1024, 1024],
        _ => true,
    }
}

/// Whether `case` says something on `device`: what only races against cuBLAS does not elsewhere.
pub fn suits(case: &Case, device: &Device) -> bool {
    let large = case.shape.iter().product::<usize>() > 1 << 30;
    let product = match case.work {
        Work::Matmul(product) => product,
        Work::ScaledMatmul(accumulation) => {
            return device.kind() == BackendKind::Cuda || accumulation == Accumulation::F32 && !large;
        }
        _ => return true,
    };
    device.kind() == BackendKind::Cuda
        || product.precision == Precision::F32 && !product.packed && (product.transposed == [false; 2] || !large)
}
