//! 16-bit products on Hopper: `cuda/matmul/wgmma_bf16.cu` and `wgmma_f16.cu`.

use std::sync::Arc;

use super::problem::{Problem, access};
use super::wgmma_plan::{INSTANCES, Plan, ROW, row};
use super::{GROUP, OP, tiled};
use crate::backend::cuda::abi::{self, TwMatmul, TwMatrix};
use crate::backend::cuda::kernels::{Entry, Kernel, KernelSet};
use crate::backend::cuda::launch::Launch;
use crate::backend::cuda::tensor_map::{BoxedTensor, Swizzle, TensorMap};
use crate::backend::cuda::tickets::Taken;
use crate::backend::cuda::{Buffer, Cuda};
use crate::dtype::DType;
use crate::error::Result;

/// The module with the kernels of a dtype.
pub(super) fn module(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::BF16 => Some(MODULES[0][0]),
        DType::F16 => Some(MODULES[1][0]),
        _ => None,
    }
}

/// For each dtype the module of products with an epilogue, and that of plain ones, whose code is less.
const MODULES: [[&str; 2]; 2] =
    [["matmul/wgmma_bf16", "matmul/wgmma_bf16_plain"], ["matmul/wgmma_f16", "matmul/wgmma_f16_plain"]];

/// For each of the modules the instances; for each of those nn, nt, tn, tt.
static KERNELS: KernelSet<{ 4 * 4 * INSTANCES.len() }> = KernelSet::new(|index| {
    let module = index / (4 * INSTANCES.len());
    let module = MODULES[module / 2][module % 2];
    let instance = INSTANCES[index / 4 % INSTANCES.len()].name;
    let layout = ["nn", "nt", "tn", "tt"][index % 4];
    Entry { module, name: format!("{}_{instance}_{layout}", module.replace('/', "_")) }
});

/// A launch that a plan makes of a problem, with what it needs.
pub(super) struct Arranged<'a> {
    pub launch: Launch,
    pub maps: [Arc<TensorMap>; 5],
    pub parameters: TwMatmul,
    /// The partial sums and the counters, where k is split between clusters.
    _sums: Option<(Buffer, Taken<'a>)>,
}

/// Launches what `plan` says, the variant for the layouts of the factors.
pub(super) fn launch(cuda: &Cuda, problem: &Problem, plan: Plan) -> Result<()> {
    let kernel = |plain| {
        let module = 2 * usize::from(problem.dtype == DType::F16) + usize::from(plain);
        KERNELS.get(cuda, OP, (module * INSTANCES.len() + plan.instance) * 4 + problem.layout())
    };
    let arranged = arrange(cuda, problem, plan, problem.dtype, kernel)?;
    let maps = arranged.maps.each_ref().map(|map| &**map);
    let access = access(&arranged.parameters, problem.dtype, problem.dtype);
    // SAFETY: the entry takes five maps and one TwMatmul, and as much shared memory as its buffers need; maps reach what the
    // operands' shapes reach, and so do the pointers that the epilogue uses; the scratch holds every tile's sums, and the plan has
    // no more tiles than there are counters. `access` is of the same parameters, and the kernel writes after `wait_to_write`.
    unsafe { cuda.launch_ahead(OP, &arranged.launch, &maps, arranged.parameters, &access) }
}

/// The launch of an instance for the layouts of the factors, whose output is of dtype `out`. `kernel` is told whether the product is plain
/// and its output has boxes.
pub(super) fn arrange<'a>(
    cuda: &'a Cuda,
    problem: &Problem,
    plan: Plan,
    out: DType,
    kernel: impl FnOnce(bool) -> Result<&'static Kernel>,
) -> Result<Arranged<'a>> {
    let instance = &INSTANCES[plan.instance];
    let (m, n) = (instance.rows(), instance.columns);
    let (mut parameters, _) = tiled(problem, u64::from(m), u64::from(n));
    let layout = problem.layout();

    // A factor that runs along k is read in boxes as high as the tile, but no higher than the factor, the others in squares; of b, in a
    // block's share of them.
    let (rows, columns, depth) = (parameters.m, parameters.n, parameters.k);
    let side = row(problem.dtype);
    let a_lines = if layout / 2 == 0 { m.min((rows as u32).next_multiple_of(8)) } else { side };
    let b_lines = match layout % 2 {
        // TF32's tiles load no more columns than there are.
        1 if problem.dtype == DType::F32 && plan.rows == 1 => n.min((columns as u32).next_multiple_of(8)),
        1 => n / plan.rows,
        _ => side / plan.rows,
    };
    let boxes = |x: &TwMatrix, shape, size| problem.boxes(x, shape, size, Swizzle::CU_TENSOR_MAP_SWIZZLE_128B);
    // The tensor cores multiply f32 as TF32.
    let rounded = problem.dtype == DType::F32;
    let map =
        |x: &TwMatrix, shape, lines| cuda.tensor_map(OP, &BoxedTensor { rounded, ..boxes(x, shape, [lines, side]) });
    let a = map(&parameters.a, [rows, depth], a_lines)?;
    let b = map(&parameters.b, [depth, columns], b_lines)?;

    // What has the shape of the output is written in squares, one for each consumer, or in what a block of a split tile owns of them,
    // and read in boxes as high as the tile.
    let like_out = Problem { dtype: out, ..*problem };
    let width = if instance.split { n / plan.slices } else { ROW };
    let swizzle = match width {
        ROW => Swizzle::CU_TENSOR_MAP_SWIZZLE_128B,
        32 => Swizzle::CU_TENSOR_MAP_SWIZZLE_64B,
        16 => Swizzle::CU_TENSOR_MAP_SWIZZLE_32B,
        _ => Swizzle::CU_TENSOR_MAP_SWIZZLE_NONE,
    };
    let boxed = |x: &TwMatrix, lines| {
        let boxes = like_out.boxes(x, [rows, columns], [lines, width], swizzle);
        (x.column == 1 && (x.row != 0 || rows == 1) && boxes.is_encodable()).then_some(boxes)
    };
    let absent_or_boxed = |x: &TwMatrix| x.pointer == 0 || boxed(x, m).is_some();
    let bias_repeats = parameters.bias.pointer == 0 || parameters.bias.row == 0 || parameters.bias.column == 0;
    let out_boxes = boxed(&parameters.out, ROW).filter(|_| {
        let others = absent_or_boxed(&parameters.multiply) && absent_or_boxed(&parameters.c);
        out.size() == 2 && bias_repeats && others
    });
    // A map that the kernel does not use must still be one.
    let mut maps = [a.clone(), b, a.clone(), a.clone(), a];
    parameters.boxed = 0;
    if let Some(out_boxes) = out_boxes {
        parameters.boxed = abi::TW_BOXED_OUT;
        maps[2] = cuda.tensor_map(OP, &out_boxes)?;
        let read = [(parameters.multiply, abi::TW_BOXED_MULTIPLY), (parameters.c, abi::TW_BOXED_C)];
        for (place, (x, bit)) in read.into_iter().enumerate() {
            if let Some(boxes) = boxed(&x, m).filter(|_| x.pointer != 0) {
                parameters.boxed |= bit;
                maps[3 + place] = cuda.tensor_map(OP, &boxes)?;
            }
        }
    }

    let kernel = kernel(parameters.boxed == abi::TW_BOXED_OUT && is_plain(&parameters))?;

    let (tiles, rows_of_tiles) = plan.tiles(problem);
    parameters.group = GROUP.min(rows_of_tiles as u32);
    parameters.splits = plan.splits;
    // Partial sums of whole tiles, one after another for each tile.
    let sums = match plan.splits {
        1 => None,
        splits => {
            let sums = cuda.scratch(tiles as usize * (plan.rows * splits * m * n * 4) as usize)?;
            Some((sums, cuda.tickets.take(OP)?))
        }
    };
    if let Some((sums, tickets)) = &sums {
        parameters.partials = sums.pointer();
        parameters.tickets = tickets.pointer();
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
    Ok(Arranged { launch, maps, parameters, _sums: sums })
}

/// Whether there is nothing to do with the products but to write them.
pub(super) fn is_plain(p: &TwMatmul) -> bool {
    let absent = |x: &TwMatrix| x.pointer == 0;
    absent(&p.bias) && absent(&p.multiply) && absent(&p.c) && p.activation == 0 && p.alpha == u64::from(1f32.to_bits())
}
