//! Normalisation over the last axis. The kernels are in `cuda/norm/`.

use super::Cuda;
use super::rows::{Family, Kernels, Rows};
use crate::backend::{Operand, op};
use crate::error::Result;

const FAMILY: Family = Family { name: "norm", rows: "norm/rows", cluster: "norm/cluster", long: "norm/long" };

static KERNELS: Kernels = Kernels::new(|index| FAMILY.entry(index));

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
    let rows = Rows { op: op.name(), family: FAMILY, kernels: &KERNELS, variant, eps, x, weight, bias, out };
    rows.run(cuda)
}
