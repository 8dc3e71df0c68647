//! Softmax and log-softmax over the last axis. The kernels are in `cuda/softmax/`.

use super::Cuda;
use super::rows::{Kernels, Rows, entry};
use crate::backend::{Operand, op};
use crate::error::Result;

const CLUSTER: &str = "softmax/cluster";

static KERNELS: Kernels = Kernels::new(|index| entry("softmax/rows", CLUSTER, "softmax", index));

/// See [`crate::backend::Backend::softmax`].
pub(super) fn softmax(cuda: &Cuda, op: op::Softmax, x: Operand, out: Operand) -> Result<()> {
    let variant = match op {
        op::Softmax::Softmax => 0,
        op::Softmax::LogSoftmax => 1,
    };
    let rows = Rows {
        op: op.name(),
        kernels: &KERNELS,
        cluster: CLUSTER,
        variant,
        eps: 0.0,
        x,
        weight: None,
        bias: None,
        out,
    };
    rows.run(cuda)
}
