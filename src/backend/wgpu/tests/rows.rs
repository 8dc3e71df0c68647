//! The kernels of reductions, softmax, normalisation and matrix products are composed and validated, without a device.

use super::super::operand::Format;
use super::super::rows::{Lanes, Rows};
use super::super::shader::Access;
use super::super::{matmul, norm, reduce, softmax};
use super::kernels::{domain_contains, validate};
use crate::backend::Activation;
use crate::backend::op::{Domain, Norm, Reduce, Softmax};

const LANES: [Lanes; 3] =
    [Lanes { count: 256, along: true }, Lanes { count: 8, along: false }, Lanes { count: 1, along: true }];

#[test]
fn reduction_kernels_are_valid() {
    use Reduce::*;
    let all = [Sum, Mean, Prod, Max, Min, ArgMax, ArgMin, Any, All, Var { ddof: 1.0 }, Norm, Dot];
    let sources =
        [reduce::Input::Operands(Access::Elements), reduce::Input::Operands(Access::Chunks), reduce::Input::Partials];
    for op in all {
        let domain = match op {
            Any | All => Domain::Bool,
            Mean | Var { .. } | Norm => Domain::Float,
            _ => Domain::Number,
        };
        for format in Format::ALL.into_iter().filter(|&f| domain_contains(domain, f)) {
            for (input, lanes) in sources.into_iter().zip(LANES) {
                let result = if op.is_arg() { Format::U32 } else { format };
                // What is merged from accumulators is a result.
                let outputs = if input == reduce::Input::Partials { 1 } else { 2 };
                for output in [Some(result), None].into_iter().take(outputs) {
                    let variant = reduce::Variant { op, format, input, output, lanes, kept: 2, reduced: 1 };
                    validate(&format!("{variant:?}"), &variant.source());
                }
            }
        }
    }
    // The means that a variance is taken around are written unrounded.
    for (format, output) in [(Format::F16, Format::F32), (Format::BF16, Format::F32)] {
        let (input, lanes) = (sources[0], LANES[0]);
        let variant = reduce::Variant { op: Mean, format, input, output: Some(output), lanes, kept: 0, reduced: 3 };
        validate(&format!("{variant:?}"), &variant.source());
    }
}

#[test]
fn softmax_and_norm_kernels_are_valid() {
    for format in [Format::F32, Format::F64, Format::F16, Format::BF16] {
        for (held, lanes) in [0, 4, 1].into_iter().zip(LANES) {
            for access in [Access::Chunks, Access::Elements] {
                let rows = Rows { format, access, lanes, held, rank: 2 };
                for op in [Softmax::Softmax, Softmax::LogSoftmax] {
                    validate(&format!("{op:?} {rows:?}"), &softmax::source(op, &rows));
                }
                for op in [Norm::Rms { eps: 0.0 }, Norm::Layer { eps: 0.0 }] {
                    for (weight, bias) in [(false, false), (true, false), (true, true)] {
                        validate(&format!("{op:?} {rows:?}"), &norm::source(op, &rows, weight, bias));
                    }
                }
            }
        }
    }
}

#[test]
fn matmul_kernels_are_valid() {
    use Activation::{Gelu, Relu, Sigmoid, Silu};
    let activations = [Activation::None, Relu, Gelu, Silu, Sigmoid];
    let sides = [(true, Access::Chunks), (true, Access::Elements), (false, Access::Chunks), (false, Access::Elements)]
        .map(|(along_k, access)| matmul::Side { along_k, access });
    for format in Format::ALL.into_iter().filter(|&f| domain_contains(Domain::Number, f)) {
        for (i, a) in sides.into_iter().enumerate() {
            for (j, b) in sides.into_iter().enumerate() {
                let is_float = domain_contains(Domain::Float, format);
                let activation = if is_float { activations[(i + j) % 5] } else { Activation::None };
                let out = if (i + j) % 2 == 0 { Access::Chunks } else { Access::Elements };
                let (terms, rank, scaled) = ([j % 2 == 0, j > 1, i > 1], j, i % 2 == 0);
                let mut tiles = vec![if i % 2 == 0 { matmul::Tile::Small } else { matmul::Tile::Large }];
                if format == Format::F16 && a.access == Access::Chunks && b.access == Access::Chunks {
                    tiles.push(matmul::Tile::Cooperative);
                }
                for tile in tiles {
                    let whole = j % 2 == 0;
                    let variant = matmul::Variant { format, tile, whole, a, b, out, scaled, activation, terms, rank };
                    validate(&format!("{variant:?}"), &variant.source());
                }
            }
        }
    }
}
