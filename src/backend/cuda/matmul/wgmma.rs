//! 16-bit products on Hopper: `cuda/matmul/wgmma_bf16.cu` and `wgmma_f16.cu`.

use super::problem::Problem;
use super::wgmma_plan::{INSTANCES, Plan, ROW};
use super::{GROUP, OP, tiled};
use crate::backend::cuda::Cuda;
use crate::backend::cuda::abi::TwMatrix;
use crate::backend::cuda::kernels::{Entry, KernelSet};
use crate::backend::cuda::launch::Launch;
use crate::backend::cuda::tensor_map::Swizzle;
use crate::dtype::DType;
use crate::error::Result;

/// The module with the kernels of a dtype.
pub(super) fn module(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::BF16 => Some("matmul/wgmma_bf16"),
        DType::F16 => Some("matmul/wgmma_f16"),
        _ => None,
    }
}

/// For each dtype the instances; for each of those nn, nt, tn, tt.
static KERNELS: KernelSet<{ 2 * 4 * INSTANCES.len() }> = KernelSet::new(|index| {
    let dtype = index / (4 * INSTANCES.len());
    let instance = INSTANCES[index / 4 % INSTANCES.len()].name;
    let layout = ["nn", "nt", "tn", "tt"][index % 4];
    Entry {
        module: ["matmul/wgmma_bf16", "matmul/wgmma_f16"][dtype],
        name: format!("matmul_wgmma_{}_{instance}_{layout}", ["bf16", "f16"][dtype]),
    }
});

/// Launches what `plan` says, the variant for the layouts of the factors.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, plan: Plan) -> Result<()> {
    let instance = &INSTANCES[plan.instance];
    let (m, n) = (instance.rows(), instance.columns);
    let (mut parameters, _) = tiled(problem, u64::from(m), u64::from(n));
    let (a, b, out) = (parameters.a, parameters.b, parameters.out);
    let layout = problem.layout();
    let dtype = usize::from(problem.dtype == DType::F16);
    let kernel = KERNELS.get(cuda, OP, (dtype * INSTANCES.len() + plan.instance) * 4 + layout)?;

    // A factor that runs along k is read in boxes as high as the tile, the others in squares; of b, in a block's share of them.
    let (rows, columns, depth) = (parameters.m, parameters.n, parameters.k);
    let a_lines = if layout / 2 == 0 { m } else { ROW };
    let b_lines = (if layout % 2 == 1 { n } else { ROW }) / plan.rows;
    let boxes = |x: &TwMatrix, shape, size| problem.boxes(x, shape, size, Swizzle::CU_TENSOR_MAP_SWIZZLE_128B);
    let map = |x: &TwMatrix, shape, lines| cuda.tensor_map(OP, &boxes(x, shape, [lines, ROW]));
    let a_map = map(&a, [rows, depth], a_lines)?;
    let b_map = map(&b, [depth, columns], b_lines)?;
    let boxed_out = boxes(&out, [rows, columns], [ROW, ROW]);
    let store_boxes =
        !instance.split && problem.is_plain() && out.column == 1 && out.aligned == 1 && boxed_out.is_encodable();
    // A map that the kernel does not use must still be one.
    let out_map = if store_boxes { cuda.tensor_map(OP, &boxed_out)? } else { a_map.clone() };
    parameters.store_boxes = store_boxes.into();

    let (tiles, rows_of_tiles) = plan.tiles(problem);
    parameters.group = GROUP.min(rows_of_tiles as u32);
    parameters.splits = plan.splits;
    // Partial sums of whole tiles, one after another for each tile.
    let sums = match plan.splits {
        1 => None,
        splits => Some(cuda.scratch(tiles as usize * (plan.rows * splits * m * n * 4) as usize)?),
    };
    if let Some(sums) = &sums {
        parameters.partials = sums.pointer();
        parameters.tickets = cuda.tickets.pointer(OP)?;
    }
    // Blocks that share a tile have one each; the others go on to the next.
    let items = tiles as u32 * plan.splits;
    let clusters =
        if instance.split { items } else { items.min((cuda.context().multiprocessors / plan.cluster_size()).max(1)) };
    let grid = [1, plan.rows, plan.slices * clusters];
    let launch = Launch::new(kernel, grid, [instance.threads(), 1, 1])
        .shared(instance.shared_bytes())
        .cluster([1, plan.rows, plan.slices])
        .dependent();
    // SAFETY: the entry takes three maps and one TwMatmul, and as much shared memory as its buffers need; maps reach what the
    // operands' shapes reach, and so do the pointers that the epilogue uses; the scratch holds every tile's sums, and the plan has
    // no more tiles than there are counters.
    unsafe { cuda.launch_with_maps(OP, &launch, &[&a_map, &b_map, &out_map], &parameters) }
}
