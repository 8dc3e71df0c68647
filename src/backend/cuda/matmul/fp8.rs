//! Products of 8-bit floats with scales on Hopper: `cuda/matmul/fp8_e4m3.cu` and `fp8_mixed.cu`; `skinny_fp8.rs` for a few rows.
//!
//! The tensor cores read 8-bit factors that run along k alone. One that does not, or whose lines do not begin at multiples of 16 bytes,
//! is copied to where they do first, into memory from the pool: a byte read and written for each element, which a product of more than a
//! few hundred rows and columns does not notice.

use super::problem::{Placed, Problem, access, extent, plan};
use super::skinny_fp8;
use super::wgmma::{self, Arranged};
use super::wgmma_plan::{
    Candidate, INSTANCES, T64X64, T64X64_SPLIT, T64X128, T128X128, T128X160_ALONG_K, T128X192, T128X256, candidate,
    plan_among,
};
use crate::backend::cuda::abi::{TwFp8, TwMatmul, TwMatrix};
use crate::backend::cuda::ahead::Access;
use crate::backend::cuda::elementwise::{self, computed};
use crate::backend::cuda::kernels::{self, Entry, KernelSet};
use crate::backend::cuda::{Cuda, pointer};
use crate::backend::{self, Accumulation, Operand, Precision, ScaledMatmul};
use crate::dtype::{DType, Scalar};
use crate::error::Result;
use crate::layout::{Dims, Layout, Strides};

pub(super) const OP: &str = "matmul_scaled";

/// The types of the factors.
const PAIRS: [(DType, DType); 4] = [
    (DType::F8E4M3, DType::F8E4M3),
    (DType::F8E4M3, DType::F8E5M2),
    (DType::F8E5M2, DType::F8E4M3),
    (DType::F8E5M2, DType::F8E5M2),
];
/// The types of the output.
pub(super) const OUTPUTS: [DType; 3] = [DType::F32, DType::F16, DType::BF16];

/// Elements along k, and columns of b, that may have a scale of their own.
const BLOCK: u64 = 128;

/// How the products are added up (`cuda/include/tilework/matmul/fp8_kernel.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Fast,
    Precise,
    Blocks,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Fast, Kind::Precise, Kind::Blocks];

    /// The instances that there are for it and these types of factors, and their costs.
    fn candidates(self, pair: usize) -> &'static [Candidate] {
        match (self, pair) {
            (Kind::Fast, _) => &FAST,
            (Kind::Precise, 0) => &PRECISE,
            (Kind::Blocks, 0) => &BLOCKS,
            (Kind::Precise, _) => &PRECISE_MIXED,
            (Kind::Blocks, _) => &BLOCKS_MIXED,
        }
    }
}

/// Fitted to measurements on one GPU (`docs/kernels/matmul.md`).
const FAST: [Candidate; 9] = [
    candidate(T128X256, [2, 1], [800.0, 1200.0, 3000.0]),
    candidate(T128X256, [1, 1], [801.0, 1200.0, 3000.0]),
    candidate(T128X192, [1, 1], [610.0, 1000.0, 3000.0]),
    candidate(T128X160_ALONG_K, [1, 1], [515.0, 1000.0, 3000.0]),
    candidate(T128X128, [1, 1], [415.0, 700.0, 3000.0]),
    candidate(T64X128, [1, 1], [285.0, 300.0, 2700.0]),
    candidate(T64X64, [1, 1], [205.0, 300.0, 2500.0]),
    candidate(T64X64_SPLIT, [1, 2], [205.0, 300.0, 6500.0]),
    candidate(T64X64_SPLIT, [1, 8], [205.0, 300.0, 6500.0]),
];
pub(super) const PRECISE: [Candidate; 9] = [
    candidate(T128X256, [2, 1], [808.0, 1200.0, 3000.0]),
    candidate(T128X256, [1, 1], [809.0, 1200.0, 3000.0]),
    candidate(T128X192, [1, 1], [588.0, 1100.0, 3000.0]),
    candidate(T128X160_ALONG_K, [1, 1], [503.0, 1000.0, 3000.0]),
    candidate(T128X128, [1, 1], [420.0, 700.0, 3000.0]),
    candidate(T64X128, [1, 1], [290.0, 350.0, 2800.0]),
    candidate(T64X64, [1, 1], [225.0, 300.0, 2500.0]),
    candidate(T64X64_SPLIT, [1, 2], [225.0, 300.0, 6500.0]),
    candidate(T64X64_SPLIT, [1, 8], [225.0, 300.0, 6500.0]),
];
const BLOCKS: [Candidate; 7] = [
    candidate(T128X256, [2, 1], [950.0, 1200.0, 3000.0]),
    candidate(T128X256, [1, 1], [951.0, 1200.0, 3000.0]),
    candidate(T128X128, [1, 1], [520.0, 700.0, 3000.0]),
    candidate(T64X128, [1, 1], [345.0, 350.0, 2900.0]),
    candidate(T64X64, [1, 1], [260.0, 300.0, 2500.0]),
    candidate(T64X64_SPLIT, [1, 2], [260.0, 300.0, 6500.0]),
    candidate(T64X64_SPLIT, [1, 8], [260.0, 300.0, 6500.0]),
];
const PRECISE_MIXED: [Candidate; 2] =
    [candidate(T128X256, [1, 1], [861.0, 1200.0, 3000.0]), candidate(T64X128, [1, 1], [290.0, 350.0, 2800.0])];
const BLOCKS_MIXED: [Candidate; 2] =
    [candidate(T128X256, [1, 1], [951.0, 1200.0, 3000.0]), candidate(T64X128, [1, 1], [345.0, 350.0, 2900.0])];

/// Numbers of kernels, of which not all exist.
const NUMBERS: usize = PAIRS.len() * Kind::ALL.len() * OUTPUTS.len() * INSTANCES.len();

static KERNELS: KernelSet<NUMBERS> = KernelSet::new(|index| {
    let instance = INSTANCES[index % INSTANCES.len()].name;
    let output = OUTPUTS[index / INSTANCES.len() % OUTPUTS.len()].name();
    let kind = ["fast", "precise", "blocks"][index / (INSTANCES.len() * OUTPUTS.len()) % Kind::ALL.len()];
    let pair = index / (INSTANCES.len() * OUTPUTS.len() * Kind::ALL.len());
    let [a, b] = [PAIRS[pair].0, PAIRS[pair].1].map(|dtype| if dtype == DType::F8E4M3 { "e4m3" } else { "e5m2" });
    Entry { module: module(pair), name: format!("matmul_fp8_{a}_{b}_{kind}_{output}_{instance}") }
});

/// The number of a kernel in the set.
fn index(pair: usize, kind: Kind, output: usize, instance: usize) -> usize {
    ((pair * Kind::ALL.len() + kind as usize) * OUTPUTS.len() + output) * INSTANCES.len() + instance
}

/// The module with the kernels for a pair of types.
fn module(pair: usize) -> &'static str {
    if pair == 0 { "matmul/fp8_e4m3" } else { "matmul/fp8_mixed" }
}

/// See [`crate::backend::Backend::matmul_scaled`].
pub fn matmul_scaled(cuda: &Cuda, op: ScaledMatmul, out: Operand) -> Result<bool> {
    let pair = PAIRS.iter().position(|&pair| pair == (op.a.dtype, op.b.dtype));
    let output = OUTPUTS.iter().position(|&dtype| dtype == out.dtype);
    let (Some(pair), Some(output)) = (pair, output) else { return Ok(false) };
    if !kernels::has_module(cuda.context(), module(pair)) || !is_narrow(&op) {
        return Ok(false);
    }
    let uniform = [op.a_scales, op.b_scales].iter().flatten().all(|scales| is_uniform(scales.layout));
    let kind = match op.accumulation {
        _ if !uniform => Kind::Blocks,
        // A permission, of which factors of other types make no use.
        Accumulation::Fast if pair == 0 => Kind::Fast,
        _ => Kind::Precise,
    };
    let (a, b) = (Factor::along_k(cuda, &op.a, false)?, Factor::along_k(cuda, &op.b, true)?);
    // Where one factor has a scale for each block and the other none, its scales are ones.
    let one = if kind == Kind::Blocks { Some(one(cuda)?) } else { None };
    let everywhere = Layout::from_parts(out.layout.shape().into(), Strides::from_elem(0, out.layout.rank()), 0);
    let scales = [op.a_scales, op.b_scales].map(|scales| {
        let one = one.as_ref().map(|buffer| Operand { buffer, layout: &everywhere, dtype: DType::F32 });
        scales.or(one).map(Placed::from)
    });

    let common = TwMatmul { alpha: computed(Scalar::Float(1.0), DType::F32), ..TwMatmul::default() };
    // The scales ride where operands of the epilogue would.
    let operands = [Some(Placed::from(out)), Some(a.placed()), Some(b.placed()), scales[0], scales[1], None];
    for problem in plan(op.a.dtype, Precision::F32, &common, operands) {
        let [a_scales, b_scales] = [problem.parameters.bias, problem.parameters.multiply];
        let mut parameters =
            TwMatmul { bias: TwMatrix::default(), multiply: TwMatrix::default(), ..problem.parameters };
        // Which way the factors run, even where an axis has length 1.
        (parameters.a.column, parameters.b.row) = (1, 1);
        let problem = Problem { parameters, ..problem };
        let dtypes = [op.a.dtype, op.b.dtype];
        if kind != Kind::Blocks && skinny_fp8::launch(cuda, &problem, dtypes, out.dtype, [a_scales, b_scales])? {
            continue;
        }
        let plan = plan_among("fp8", kind.candidates(pair), &problem, cuda.context().multiprocessors);
        let kernel = |_| KERNELS.get(cuda, OP, index(pair, kind, output, plan.instance));
        let Arranged { launch, maps, parameters, .. } = &wgmma::arrange(cuda, &problem, plan, out.dtype, kernel)?;
        let parameters = TwFp8 { product: *parameters, a_scales, b_scales };
        let access = scaled_access(&parameters, problem.dtype, out.dtype);
        // SAFETY: the entry takes three maps and one TwFp8, and as much shared memory as its buffers need; the maps reach what the
        // operands' shapes or their copies reach, and so do the pointers, of scales too, which the kernel reads at rows, columns
        // and depths inside the product alone. Copies are dropped after this, so that who gets their memory comes later.
        // `access` is of the same parameters and scales, and the kernel writes after `wait_to_write`.
        unsafe { cuda.launch_ahead(OP, launch, &[&maps[0], &maps[1], &maps[2]], parameters, &access)? };
    }
    Ok(true)
}

/// What the kernel of these parameters, for 8-bit factors, does to memory.
pub(super) fn scaled_access(p: &TwFp8, factor: DType, out: DType) -> Access {
    let TwMatmul { m, n, k, batch, .. } = p.product;
    let [columns, depth] = [n, k].map(|length| length.div_ceil(BLOCK));
    let mut access = access(&p.product, factor, out);
    access.others.push(extent(&p.a_scales, [m, depth], batch, DType::F32));
    access.others.push(extent(&p.b_scales, [depth, columns], batch, DType::F32));
    access
}

/// Whether lengths, and the strides of scales, are within the kernels' integers.
fn is_narrow(op: &ScaledMatmul) -> bool {
    let matrix = |layout: &Layout| layout.rank() - 2..layout.rank();
    let lengths = [op.a.layout, op.b.layout].map(|layout| &layout.shape()[matrix(layout)]);
    let scales = [op.a_scales, op.b_scales];
    let mut strides = scales.iter().flatten().flat_map(|scales| &scales.layout.strides()[matrix(scales.layout)]);
    lengths.iter().copied().flatten().all(|&length| i32::try_from(length).is_ok())
        && strides.all(|&stride| i32::try_from(stride).is_ok())
}

/// Whether one element stands for all.
fn is_uniform(layout: &Layout) -> bool {
    layout.shape().iter().zip(layout.strides()).all(|(&length, &stride)| length == 1 || stride == 0)
}

/// A 1 in memory.
fn one(cuda: &Cuda) -> Result<backend::Buffer> {
    let buffer = backend::Buffer::Cuda(cuda.scratch(DType::F32.size())?);
    let layout = Layout::from_parts(Dims::new(), Strides::new(), 0);
    elementwise::fill(cuda, Scalar::Float(1.0), Operand { buffer: &buffer, layout: &layout, dtype: DType::F32 })?;
    Ok(buffer)
}

/// A factor as the tensor memory accelerator can read it along k: as it lies, or a copy.
struct Factor {
    address: u64,
    dtype: DType,
    layout: Layout,
    /// Kept until the launch is enqueued.
    _copy: Option<backend::Buffer>,
}

impl Factor {
    /// `x`, whose k is the last axis, or the one before it where it is `transposed`.
    fn along_k(cuda: &Cuda, x: &Operand, transposed: bool) -> Result<Self> {
        let turn = |layout: &Layout| if transposed { swapped(layout) } else { layout.clone() };
        let lines = turn(x.layout);
        if is_readable(pointer(x), &lines) {
            return Ok(Self { address: pointer(x), dtype: x.dtype, layout: x.layout.clone(), _copy: None });
        }
        // What is repeated is copied once.
        let mut source = lines.clone();
        for axis in 0..lines.rank() - 2 {
            if lines.strides()[axis] == 0 {
                source = source.narrow(axis, 0, 1);
            }
        }
        let last = source.rank() - 1;
        let mut shape = Dims::from_slice(source.shape());
        let depth = shape[last];
        shape[last] = depth.next_multiple_of(LINE);
        let padded = Layout::contiguous(OP, &shape, x.dtype.size())?;
        let copy = backend::Buffer::Cuda(cuda.scratch(padded.len() * x.dtype.size())?);
        let target = padded.narrow(last, 0, depth);
        let to = Operand { buffer: &copy, layout: &target, dtype: x.dtype };
        elementwise::copy(cuda, Operand { layout: &source, ..*x }, to)?;
        let address = pointer(&to);
        let layout = turn(&target.broadcast(OP, lines.shape())?);
        Ok(Self { address, dtype: x.dtype, layout, _copy: Some(copy) })
    }

    fn placed(&self) -> Placed<'_> {
        Placed { address: self.address, dtype: self.dtype, layout: &self.layout }
    }
}

/// Lines begin at multiples of this many bytes.
const LINE: usize = 16;

/// Whether lines along the last axis can be read by the accelerator: of stride 1, aligned, and each in a place of its own; a whole
/// matrix may stand for several.
fn is_readable(address: u64, lines: &Layout) -> bool {
    let (shape, strides) = (lines.shape(), lines.strides());
    let last = lines.rank() - 1;
    let steps = shape[..last].iter().zip(strides).filter(|(length, _)| **length > 1).map(|(_, &stride)| stride as i64);
    let line = strides[last - 1] != 0 || shape[last - 1] == 1;
    address.is_multiple_of(LINE as u64)
        && (strides[last] == 1 || shape[last] == 1)
        && line
        && steps.into_iter().all(|stride| stride % LINE as i64 == 0 && (0..1 << 40).contains(&stride))
}

/// A layout with its last two axes exchanged.
fn swapped(layout: &Layout) -> Layout {
    let (mut shape, mut strides) = (Dims::from_slice(layout.shape()), Strides::from_slice(layout.strides()));
    let last = layout.rank() - 1;
    shape.swap(last - 1, last);
    strides.swap(last - 1, last);
    Layout::from_parts(shape, strides, layout.offset())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(kind: Kind, pair: usize, m: u64, n: u64, k: u64) -> &'static str {
        chosen_of_batch(kind, pair, 1, [m, n, k])
    }

    fn chosen_of_batch(kind: Kind, pair: usize, batch: u32, [m, n, k]: [u64; 3]) -> &'static str {
        let parameters = TwMatmul { m, n, k, batch: [batch, 1], ..TwMatmul::default() };
        let problem = Problem { dtype: DType::F8E4M3, precision: Precision::F32, kept: false, parameters };
        INSTANCES[plan_among("fp8", kind.candidates(pair), &problem, 132).instance].name
    }

    #[test]
    fn rounds_are_full() {
        for kind in [Kind::Fast, Kind::Precise] {
            assert_eq!(chosen(kind, 0, 256, 256, 256), "64x64");
            assert_eq!(chosen(kind, 0, 1024, 1024, 1024), "64x128");
            assert_eq!(chosen(kind, 0, 1536, 1536, 1536), "128x160", "120 tiles");
            assert_eq!(chosen(kind, 0, 3072, 3072, 3072), "128x192");
            assert_eq!(chosen(kind, 0, 5120, 5120, 5120), "128x160", "9.7 rounds");
            assert_eq!(chosen(kind, 0, 16, 4096, 4096), "64x64");
            assert_eq!(chosen(kind, 0, 64, 64, 65536), "64x64_split");
        }
        assert_eq!(chosen(Kind::Fast, 0, 4096, 4096, 4096), "128x256");
        assert_eq!(chosen(Kind::Blocks, 0, 8192, 8192, 8192), "128x256");
        assert_eq!(chosen(Kind::Blocks, 0, 3072, 3072, 3072), "128x128");
        assert_eq!(chosen(Kind::Precise, 1, 64, 64, 65536), "64x128", "of two tiles");
    }

    /// The conformance suite's batch of which a block has several large tiles, whose outputs are deferred.
    #[test]
    fn batches_have_large_tiles() {
        assert_eq!(chosen_of_batch(Kind::Fast, 0, 260, [72, 200, 400]), "128x256");
    }

    #[test]
    fn what_is_read_as_it_lies() {
        let layout = |shape: &[usize], strides: &[isize]| Layout::from_parts(shape.into(), strides.into(), 0);
        let readable = |shape: &[usize], strides: &[isize]| is_readable(0x100, &layout(shape, strides));
        assert!(readable(&[8, 100], &[112, 1]));
        assert!(readable(&[3, 8, 100], &[0, 112, 1]), "one matrix for all");
        assert!(readable(&[1, 100], &[7, 1]), "the step to a line that is not there");
        assert!(!readable(&[8, 100], &[100, 1]), "lines that are not aligned");
        assert!(!readable(&[8, 100], &[1, 16]), "along the other axis");
        assert!(!readable(&[8, 100], &[0, 1]), "one line for all");
        assert!(!readable(&[8, 100], &[-112, 1]), "backwards");
        assert!(!readable(&[8, 100], &[224, 2]), "every second element");
        assert!(!is_readable(0x108, &layout(&[8, 100], &[112, 1])));
        let turned = swapped(&layout(&[3, 8, 100], &[800, 100, 1]));
        assert_eq!((turned.shape(), turned.strides()), (&[3, 100, 8][..], &[800, 1, 100][..]));
    }

    #[test]
    fn kernels_have_numbers_of_their_own() {
        let mut seen = std::collections::HashSet::new();
        for pair in 0..PAIRS.len() {
            for (kind, output) in Kind::ALL.into_iter().flat_map(|kind| (0..OUTPUTS.len()).map(move |o| (kind, o))) {
                assert!((0..INSTANCES.len()).all(|instance| seen.insert(index(pair, kind, output, instance))));
            }
        }
        assert!(seen.len() == NUMBERS && seen.iter().all(|&number| number < NUMBERS));
    }
}
