//! Normalisation.

use super::super::{Operand, op, unsupported};
use super::Wgpu;
use crate::error::Result;

impl Wgpu {
    pub(super) fn norm_rows(
        &self,
        op: op::Norm,
        x: Operand,
        _weight: Option<Operand>,
        _bias: Option<Operand>,
        _out: Operand,
    ) -> Result<()> {
        Err(unsupported(&self.info, op.name(), x.dtype, "there is no kernel for it"))
    }
}
