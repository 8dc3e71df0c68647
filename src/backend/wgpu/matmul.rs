//! Matrix products.

use super::super::{Matmul, Operand, unsupported};
use super::Wgpu;
use crate::error::Result;

impl Wgpu {
    pub(super) fn matmul_batched(&self, op: Matmul, _out: Operand) -> Result<()> {
        Err(unsupported(&self.info, "matmul", op.a.dtype, "there is no kernel for it"))
    }
}
