//! Normalisation over the last axis.

use super::super::{Operand, op, unsupported};
use super::Wgpu;
use super::kernel::{Key, Source};
use super::operand::{self, Format, Window};
use super::rows::{self, Rows};
use super::shader::{self, WORKGROUP};
use crate::dtype::{DType, Scalar};
use crate::error::Result;

const KERNEL: &str = include_str!("../../../wgsl-fallback/norm.wgsl");

/// The words of `rows::Part`, then `eps` in two words, offset and step of weight and bias, and the length of a row in two words.
const HEAD: usize = 14;
const EPS: usize = 6;
const WEIGHT: usize = 8;
const BIAS: usize = 10;
const COUNT: usize = 12;

/// The kernel for `op` on `rows`, with or without weight and bias.
pub(super) fn source(op: op::Norm, rows: &Rows, weight: bool, bias: bool) -> Source {
    let layer = matches!(op, op::Norm::Layer { .. });
    let pass = |name: &str| rows.pass(shader::section(KERNEL, name));
    let compute = rows.format.compute();
    let mut wgsl = rows.wgsl(HEAD);
    let mut writable = vec![true, false];
    let mut term = |present: bool, name: &str| {
        if !present {
            return "";
        }
        wgsl.push_str(&rows.parameter(name, writable.len()));
        writable.push(false);
        shader::section(KERNEL, name)
    };
    let terms = [("weight", term(weight, "weight")), ("bias", term(bias, "bias"))];
    wgsl.push_str(shader::scalar_parameter(rows.format));
    wgsl.push_str(shader::section(KERNEL, &format!("scale {compute}")));

    let (mean, deviations, squares) = (pass("mean"), pass("deviations"), pass("squares"));
    let passes = [("T", compute), ("mean", &mean), ("deviations", &deviations), ("squares", &squares)];
    let moments = shader::fill(shader::section(KERNEL, if layer { "layer" } else { "rms" }), &passes);
    let write = rows.pass(&shader::fill(shader::section(KERNEL, "write"), &terms));
    let (workgroup, hold, peak) = (format!("{WORKGROUP}u"), rows.hold(), pass("peak"));
    let values = [
        ("T", compute),
        ("workgroup", &workgroup),
        ("hold", &hold),
        ("peak", &peak),
        ("moments", &moments),
        ("write", &write),
    ];
    wgsl.push_str(&shader::fill(shader::section(KERNEL, "main"), &values));
    Source { wgsl, writable, params: HEAD + 3 * rows.rank }
}

impl Wgpu {
    pub(super) fn norm_rows<'a>(
        &self,
        op: op::Norm,
        x: Operand<'a>,
        weight: Option<Operand<'a>>,
        bias: Option<Operand<'a>>,
        out: Operand<'a>,
    ) -> Result<()> {
        let (op::Norm::Rms { eps } | op::Norm::Layer { eps }) = op;
        let limits = &self.gpu.limits;
        let bind = |parameter: Option<Operand<'a>>| -> Result<(Option<Window<'a>>, u32, isize)> {
            let Some(parameter) = parameter else { return Ok((None, 0, 0)) };
            if !operand::fits(parameter.layout, parameter.dtype.size(), limits) {
                let reason = "weight or bias is larger than a binding of the device; use the CPU";
                return Err(unsupported(&self.info, op.name(), x.dtype, reason));
            }
            let (window, offset) = Window::new(parameter, parameter.layout, limits)?;
            Ok((Some(window), offset, parameter.layout.strides()[0]))
        };
        let count = x.layout.shape()[x.layout.rank() - 1];
        let parameters = [(bind(weight)?, WEIGHT), (bind(bias)?, BIAS)];
        let vectors = parameters
            .iter()
            .all(|((window, offset, step), _)| window.is_none() || rows::has_vectors(4, count, *step, *offset, &[]));
        let precise = if x.dtype == DType::F64 { Format::F64 } else { Format::F32 };
        self.over_rows(op.name(), x, out, vectors, HEAD, &mut |mut part| {
            part.words[EPS..EPS + 2].copy_from_slice(&precise.words(Scalar::Float(eps)));
            part.words[COUNT..COUNT + 2].copy_from_slice(&precise.words(Scalar::Float(count as f64)));
            for ((window, offset, step), word) in &parameters {
                part.windows.extend(*window);
                part.words[*word] = *offset;
                part.words[word + 1] = *step as u32;
            }
            let mut spec = [0; 16];
            spec[..5].copy_from_slice(&part.rows.code());
            spec[5] = u8::from(weight.is_some()) | u8::from(bias.is_some()) << 1;
            let describe = || source(op, &part.rows, weight.is_some(), bias.is_some());
            let kernel = self.gpu.kernel(Key { name: op.name(), spec }, describe)?;
            self.gpu.dispatch(&kernel, &part.windows, &part.words, self.gpu.grid(part.groups))
        })
    }
}
