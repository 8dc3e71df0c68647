//! Products on the ordinary arithmetic units: `cuda/matmul/simt.cu`.

use super::choose::Tile;
use super::problem::Problem;
use super::{OP, tiled};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::launch::Launch;
use crate::dtype::DType;
use crate::error::Result;

/// An entry point, with what the launch needs to know of its template's arguments.
struct Instance {
    dtype: DType,
    tile: Tile,
    depth: u32,
    threads: u32,
    stages: u32,
}

const fn instance(dtype: DType, tile: Tile, depth: u32, threads: u32, stages: u32) -> Instance {
    Instance { dtype, tile, depth, threads, stages }
}

const INSTANCES: [Instance; 9] = [
    instance(DType::F32, Tile::T128x256, 16, 256, 3),
    instance(DType::F32, Tile::T128x128, 16, 256, 3),
    instance(DType::F32, Tile::T64x64, 32, 256, 3),
    instance(DType::F32, Tile::T32x64, 16, 128, 4),
    instance(DType::F64, Tile::T64x64, 16, 256, 3),
    instance(DType::I32, Tile::T64x64, 16, 128, 3),
    instance(DType::U32, Tile::T64x64, 16, 128, 3),
    instance(DType::I64, Tile::T64x64, 16, 256, 3),
    instance(DType::U8, Tile::T64x64, 16, 128, 3),
];

impl Instance {
    /// Dynamic shared memory: the stages of both factors, each line padded by 16 bytes, types below four bytes widened to four.
    fn shared(&self) -> u32 {
        let element = self.dtype.size().max(4) as u32;
        let [m, n] = self.tile.size();
        self.stages * self.depth * ((m + n) as u32 * element + 32)
    }
}

static KERNELS: KernelSet<{ INSTANCES.len() }> = KernelSet::new(|index| {
    let (dtype, [m, n]) = (INSTANCES[index].dtype.name(), INSTANCES[index].tile.size());
    Entry { module: "matmul/simt", name: format!("matmul_simt_{dtype}_{m}x{n}") }
});

/// Launches the instance of that tile.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, tile: Tile) -> Result<()> {
    let found = INSTANCES.iter().position(|instance| instance.dtype == problem.dtype && instance.tile == tile);
    let Some(index) = found else {
        return cuda.unsupported(OP, problem.dtype, format!("it has no kernel with tiles of {tile:?}"));
    };
    let instance = &INSTANCES[index];
    let kernel = KERNELS.get(cuda, OP, index)?;
    let [m, n] = tile.size();
    let (parameters, blocks) = tiled(problem, m, n);
    let launch = Launch::linear(kernel, blocks, instance.threads).shared(instance.shared());
    // SAFETY: the entry takes one TwMatmul and as much shared memory as its stages need; it reads and writes what the operands'
    // pointers and strides reach inside their shapes.
    unsafe { cuda.launch(OP, &launch, &parameters) }
}
