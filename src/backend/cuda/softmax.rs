//! Softmax and log-softmax over the last axis. The kernels are in `cuda/softmax/`.

use super::Cuda;
use super::rows::{Family, Kernels, Rows};
use crate::backend::{Operand, op};
use crate::error::Result;

const FAMILY: Family =
    Family { name: "softmax", rows: "softmax/rows", cluster: "softmax/cluster", long: "softmax/long" };

static KERNELS: Kernels = Kernels::new(|index| FAMILY.entry(index));

/// See [`crate::backend::Backend::softmax`].
pub(super) fn softmax(cuda: &Cuda, op: op::Softmax, x: Operand, out: Operand) -> Result<()> {
    let variant = match op {
        op::Softmax::Softmax => 0,
        op::Softmax::LogSoftmax => 1,
    };
    let rows =
        Rows { op: op.name(), family: FAMILY, kernels: &KERNELS, variant, eps: 0.0, x, weight: None, bias: None, out };
    rows.run(cuda)
}
