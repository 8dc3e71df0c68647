//! Softmax and its logarithm over the last axis.

use super::super::{Operand, op};
use super::Wgpu;
use super::kernel::{Key, Source};
use super::rows::Rows;
use super::shader::{self, WORKGROUP};
use crate::error::Result;

const KERNEL: &str = include_str!("../../../wgsl-fallback/softmax.wgsl");

/// The words of `rows::Part` and no more.
const HEAD: usize = 6;

/// The kernel for `op` on `rows`.
pub(super) fn source(op: op::Softmax, rows: &Rows) -> Source {
    let held = rows.held > 0;
    let log = op == op::Softmax::LogSoftmax;
    let pass = |name: &str| rows.pass(shader::section(KERNEL, name));
    let compute = rows.format.compute();
    let (workgroup, hold, largest) = (format!("{WORKGROUP}u"), rows.hold(), pass("largest"));
    // Exponentials are kept instead of the elements, unless those are wanted again.
    let sum = pass(if held && !log { "sum held" } else { "sum" });
    let write = pass(match (log, held) {
        (true, _) => "write log",
        (false, true) => "write softmax held",
        (false, false) => "write softmax",
    });
    let values = [
        ("T", compute),
        ("workgroup", &workgroup),
        ("hold", &hold),
        ("lowest", if compute == "f64" { "-1.7976931348623157e308lf" } else { "-3.4028234663852886e38f" }),
        ("largest", &largest),
        ("sum", &sum),
        ("log", if log { "let log_sum = m_log(sum);" } else { "" }),
        ("write", &write),
    ];
    let wgsl = rows.wgsl(HEAD) + &shader::fill(shader::section(KERNEL, "main"), &values);
    Source { wgsl, writable: vec![true, false], params: HEAD + 3 * rows.rank }
}

impl Wgpu {
    pub(super) fn softmax_rows(&self, op: op::Softmax, x: Operand, out: Operand) -> Result<()> {
        self.over_rows(op.name(), x, out, true, HEAD, &mut |part| {
            let mut spec = [0; 16];
            spec[..5].copy_from_slice(&part.rows.code());
            let kernel = self.gpu.kernel(Key { name: op.name(), spec }, || source(op, &part.rows))?;
            self.gpu.dispatch(&kernel, &part.windows, &part.words, self.gpu.grid(part.groups))
        })
    }
}
