//! Normalisation over the last axis. The kernels are in `cuda/norm/`.

use super::Cuda;
use super::rows::{Kernels, Rows, entry};
use crate::backend::{Operand, op};
use crate::error::Result;

const CLUSTER: &str = "norm/cluster";

static KERNELS: Kernels = Kernels::new(|index| entry("norm/rows", CLUSTER, "norm", index));

/// See [`crate::backend::Backend::norm`].
pub(super) fn norm(
    cuda: &Cuda,
    op: op::Norm,
    x: Operand,
    weight: Option<Operand>,
    bias: Option<Operand>,
    out: Operand,
) -> Result<()> {
    let (variant, eps) = match op {
        op::Norm::Rms { eps } => (0, eps),
        op::Norm::Layer { eps } => (1, eps),
    };
    let rows = Rows { op: op.name(), kernels: &KERNELS, cluster: CLUSTER, variant, eps, x, weight, bias, out };
    rows.run(cuda)
}
