//! Batches of products of small matrices of 16-bit elements: `cuda/matmul/burst_*.cu`.

use super::problem::{Problem, access};
use super::{OP, wgmma};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::kernels::{self, Entry, KernelSet};
use crate::backend::cuda::launch::Launch;
use crate::dtype::DType;
use crate::error::Result;

/// The most rows and columns, and the greatest depth.
pub(super) const SIDE: u64 = 64;

const DTYPES: [DType; 2] = [DType::BF16, DType::F16];
const MODULES: [&str; DTYPES.len()] = ["matmul/burst_bf16", "matmul/burst_f16"];

const THREADS: u32 = 128;
/// Dynamic shared memory: both factors.
const SHARED: u32 = 2 * 64 * 64 * 2;

/// For each dtype nn, nt, tn, tt.
static KERNELS: KernelSet<{ 4 * DTYPES.len() }> = KernelSet::new(|index| {
    let dtype = DTYPES[index / 4].name();
    Entry { module: MODULES[index / 4], name: format!("matmul_burst_{dtype}_{}", ["nn", "nt", "tn", "tt"][index % 4]) }
});

/// The module with the kernels of a dtype.
pub(super) fn module(dtype: DType) -> Option<&'static str> {
    DTYPES.iter().position(|&other| other == dtype).map(|index| MODULES[index])
}

/// Launches the instance for the layouts of the factors.
pub(super) fn launch(cuda: &Cuda, problem: &Problem) -> Result<()> {
    let Some(dtype) = DTYPES.iter().position(|&dtype| dtype == problem.dtype) else {
        return cuda.unsupported(OP, problem.dtype, "it has no kernel for small matrices");
    };
    let parameters = &problem.parameters;
    let kernel = KERNELS.get(cuda, OP, dtype * 4 + problem.layout())?;
    let blocks = parameters.batch[0] * parameters.batch[1];
    let launch = Launch::linear(kernel, blocks, THREADS).shared(SHARED);
    // Code for older GPUs, which newer ones run where they have no other, does not.
    let waits_by_itself =
        wgmma::module(problem.dtype).is_some_and(|module| kernels::has_module(cuda.context(), module));
    // SAFETY: the entry takes one TwMatmul and as much shared memory as its factors need; it reads and writes what the operands'
    // pointers and strides reach inside their shapes. `access` is of the same parameters, and the kernel writes after its wait.
    unsafe {
        if waits_by_itself {
            let access = access(parameters, problem.dtype, problem.dtype);
            cuda.launch_ahead(OP, &launch.dependent(), &[], *parameters, &access)
        } else {
            cuda.launch(OP, &launch, parameters)
        }
    }
}
