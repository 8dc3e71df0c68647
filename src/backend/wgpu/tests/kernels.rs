//! Every kernel's text is composed and validated, without a device: a scalar function that is missing fails on every machine.

use smallvec::SmallVec;
use wgpu::naga;

use super::super::elementwise::{Function, Input, Reach, Variant};
use super::super::kernel::{Params, Source, module_text};
use super::super::operand::Format;
use super::super::random;
use super::super::shader::Access;
use crate::backend::op::{Binary, Compare, Domain, Random, Unary};

pub(super) fn domain_contains(domain: Domain, format: Format) -> bool {
    match format {
        Format::Bits16 | Format::F8E4M3 | Format::F8E5M2 => false,
        Format::Bool => domain == Domain::Bool,
        Format::F32 | Format::F64 | Format::F16 | Format::BF16 => domain != Domain::Bool,
        Format::I32 | Format::I64 => matches!(domain, Domain::Number | Domain::Signed),
        Format::U8 | Format::U32 => domain == Domain::Number,
    }
}

/// Fails with the compiler's message unless naga accepts the module in both places of its parameters.
pub(super) fn validate(what: &str, source: &Source) {
    let limits = wgpu::Limits { max_immediate_size: 128, ..Default::default() };
    for params in [Params::place(source.params, &limits), Params::Ring { bytes: source.params * 4 }] {
        let text = module_text(&source.wgsl, params);
        let module = naga::front::wgsl::parse_str(&text)
            .unwrap_or_else(|error| panic!("{what}: {}\n{text}", error.emit_to_string(&text)));
        let mut validator =
            naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all());
        if let Err(error) = validator.validate(&module) {
            panic!("{what}: {}\n{text}", error.emit_to_string(&text));
        }
        let entry = &module.entry_points[0];
        assert_eq!((module.entry_points.len(), entry.name.as_str()), (1, "main"), "{what}");
    }
}

/// The function on inputs of `formats` in every way of reaching them.
fn validate_function(function: Function, formats: &[Format], output: Format) {
    use Reach::*;
    let combinations: &[(&[Reach], Access, bool)] = &[
        (&[Run, Run, Run], Access::Chunks, true),
        (&[Run, One, Strided], Access::Chunks, false),
        (&[Strided, Strided, Strided], Access::Chunks, true),
        (&[Run, Scalar, Scalar], Access::Chunks, false),
        (&[Strided, One, Scalar], Access::Elements, false),
        (&[Scalar, Strided, Strided], Access::Elements, false),
    ];
    for &(reaches, access, rows) in combinations {
        // A condition is always a tensor.
        if function == Function::Select && reaches[0] == Scalar {
            continue;
        }
        let inputs: SmallVec<[Input; 3]> = formats
            .iter()
            .zip(reaches)
            .enumerate()
            .map(|(i, (&format, &reach))| Input { format, reach, shared: i == 1 && reach != Scalar })
            .collect();
        let variant = Variant { function, inputs, output, access, rows, wide: !rows };
        validate(&format!("{} {formats:?} {reaches:?} {access:?}", function.name()), &variant.source());
    }
}

#[test]
fn unary_kernels_are_valid() {
    for &op in Unary::ALL {
        for format in Format::ALL.into_iter().filter(|&f| domain_contains(op.domain(), f)) {
            validate_function(Function::Unary(op), &[format], format);
        }
    }
}

#[test]
fn binary_kernels_are_valid() {
    for &op in Binary::ALL {
        for format in Format::ALL.into_iter().filter(|&f| domain_contains(op.domain(), f)) {
            validate_function(Function::Binary(op), &[format, format], format);
        }
    }
}

#[test]
fn compare_select_and_affine_kernels_are_valid() {
    for format in Format::ALL {
        if domain_contains(Domain::Number, format) {
            for &op in Compare::ALL {
                validate_function(Function::Compare(op), &[format, format], Format::Bool);
            }
            validate_function(Function::Affine, &[format, format, format], format);
        }
        validate_function(Function::Select, &[Format::Bool, format, format], format);
    }
}

#[test]
fn cast_kernels_are_valid() {
    for from in Format::ALL {
        for to in Format::ALL {
            if (from == Format::Bits16) == (to == Format::Bits16) {
                validate_function(Function::Cast, &[from], to);
            }
        }
    }
}

#[test]
fn random_kernels_are_valid() {
    for format in [Format::F32, Format::F16, Format::BF16, Format::F64] {
        for op in [Random::Uniform, Random::Normal] {
            validate(&format!("{} {format:?}", op.name()), &random::random_source(op, format));
        }
    }
}
