//! Softmax.

use super::super::{Operand, op, unsupported};
use super::Wgpu;
use crate::error::Result;

impl Wgpu {
    pub(super) fn softmax_rows(&self, op: op::Softmax, x: Operand, _out: Operand) -> Result<()> {
        Err(unsupported(&self.info, op.name(), x.dtype, "there is no kernel for it"))
    }
}
