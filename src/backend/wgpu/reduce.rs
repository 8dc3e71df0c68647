//! Reductions.

use super::super::{Operand, op, unsupported};
use super::Wgpu;
use crate::error::Result;

impl Wgpu {
    pub(super) fn reduce_axes(
        &self,
        op: op::Reduce,
        x: Operand,
        _y: Option<Operand>,
        _axes: &[usize],
        _out: Operand,
    ) -> Result<()> {
        Err(unsupported(&self.info, op.name(), x.dtype, "there is no kernel for it"))
    }
}
