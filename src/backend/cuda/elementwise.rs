//! Elementwise operations: from an operation value to its kernel.
//!
//! Each operation has two kernels for each element type (`cuda/include/tilework/elementwise.h`): over vectors and over elements;
//! `plan` chooses. A number as operand goes to the kernel by value. `docs/kernels/elementwise.md` has the design and its figures.

mod plan;
mod transpose;

use half::{bf16, f16};

use self::plan::{Mapping, Slot};
use super::abi::{TW_ELEMENTS, TW_ELEMENTS_HEAVY, TW_THREADS, TW_VECTORS, TW_VECTORS_HEAVY};
use super::kernels::{Entry, Kernel, KernelSet};
use super::launch::Launch;
use super::{Cuda, buffer};
use crate::backend::op::{Binary, Compare, Unary};
use crate::backend::{Operand, Source};
use crate::dtype::{DType, Element, F8E4M3, F8E5M2, Scalar};
use crate::error::Result;
use crate::layout::Layout;

const DTYPES: usize = DType::ALL.len();
/// The suffixes of an operation's kernels, in the order of [`Mapping`].
const MAPPINGS: [&str; 2] = ["vectors", "elements"];

/// The number of a kernel among those of all operations, types and mappings.
fn index(op: usize, dtype: DType, mapping: Mapping) -> usize {
    (op * DTYPES + dtype as usize) * 2 + mapping as usize
}

/// The operation, type and mapping of a number.
fn parts(index: usize) -> (usize, DType, &'static str) {
    (index / 2 / DTYPES, DType::ALL[index / 2 % DTYPES], MAPPINGS[index % 2])
}

/// The type's name in the kernels.
fn type_name(dtype: DType) -> &'static str {
    if dtype == DType::Bool { "b8" } else { dtype.name() }
}

fn is_fp8(dtype: DType) -> bool {
    matches!(dtype, DType::F8E4M3 | DType::F8E5M2)
}

static UNARY: KernelSet<{ Unary::ALL.len() * DTYPES * 2 }> = KernelSet::new(|i| {
    let (op, dtype, mapping) = parts(i);
    let module = match dtype {
        DType::F32 => "elementwise/unary_f32",
        DType::F64 => "elementwise/unary_f64",
        DType::F16 => "elementwise/unary_f16",
        DType::BF16 => "elementwise/unary_bf16",
        _ => "elementwise/unary_integer",
    };
    Entry { module, name: format!("{}_{}_{mapping}", Unary::ALL[op].name(), type_name(dtype)) }
});

static BINARY: KernelSet<{ Binary::ALL.len() * DTYPES * 2 }> = KernelSet::new(|i| {
    let (op, dtype, mapping) = parts(i);
    let module = match dtype {
        DType::F32 => "elementwise/binary_f32",
        DType::F64 => "elementwise/binary_f64",
        DType::F16 => "elementwise/binary_f16",
        DType::BF16 => "elementwise/binary_bf16",
        _ => "elementwise/binary_integer",
    };
    Entry { module, name: format!("{}_{}_{mapping}", Binary::ALL[op].name(), type_name(dtype)) }
});

static COMPARE: KernelSet<{ Compare::ALL.len() * DTYPES * 2 }> = KernelSet::new(|i| {
    let (op, dtype, mapping) = parts(i);
    let name = format!("{}_{}_{mapping}", Compare::ALL[op].name(), type_name(dtype));
    Entry { module: "elementwise/compare", name }
});

static CAST: KernelSet<{ DTYPES * DTYPES * 2 }> = KernelSet::new(|i| {
    let (from, to, mapping) = parts(i);
    let from = DType::ALL[from];
    let module = if is_fp8(from) || is_fp8(to) { "elementwise/cast_fp8" } else { "elementwise/cast" };
    Entry { module, name: format!("cast_{}_{}_{mapping}", type_name(from), type_name(to)) }
});

static AFFINE: KernelSet<{ DTYPES * 2 }> = KernelSet::new(|i| {
    let (_, dtype, mapping) = parts(i);
    Entry { module: "elementwise/ternary", name: format!("affine_{}_{mapping}", type_name(dtype)) }
});

/// By size: 1, 2, 4 and 8 bytes.
static SELECT: KernelSet<8> = KernelSet::new(|i| Entry {
    module: "elementwise/ternary",
    name: format!("select_{}_{}", 1 << (i / 2), MAPPINGS[i % 2]),
});

static COPY: KernelSet<8> = KernelSet::new(|i| Entry {
    module: "elementwise/copy",
    name: format!("copy_{}_{}", 1 << (i / 2), MAPPINGS[i % 2]),
});

static TRANSPOSE: KernelSet<8> = KernelSet::new(|i| Entry {
    module: "elementwise/copy",
    name: format!("transpose_{}_{}", 1 << (i / 2), MAPPINGS[i % 2]),
});

/// The number of a kernel that moves elements whole.
fn sized(size: usize, mapping: Mapping) -> usize {
    size.trailing_zeros() as usize * 2 + mapping as usize
}

/// The bits of the type that `dtype` is computed in: f32 for the half types and the 8-bit floats.
pub(super) fn computed(value: Scalar, dtype: DType) -> u64 {
    match dtype {
        DType::F32 | DType::F16 | DType::BF16 | DType::F8E4M3 | DType::F8E5M2 => {
            u64::from((value.to_f64() as f32).to_bits())
        }
        DType::F64 => value.to_f64().to_bits(),
        DType::Bool => u64::from(value.to_f64() != 0.0),
        DType::I32 | DType::I64 | DType::U8 | DType::U32 => value.to_i64() as u64,
    }
}

/// The bits of an element of `dtype` in memory.
fn stored(value: Scalar, dtype: DType) -> u64 {
    match dtype {
        DType::F16 => u64::from(f16::from_f64(value.to_f64()).to_bits()),
        DType::BF16 => u64::from(bf16::from_f64(value.to_f64()).to_bits()),
        DType::F8E4M3 => u64::from(<F8E4M3 as Element>::from_f64(value.to_f64()).to_bits()),
        DType::F8E5M2 => u64::from(<F8E5M2 as Element>::from_f64(value.to_f64()).to_bits()),
        _ => computed(value, dtype),
    }
}

fn tensor(operand: &Operand) -> Slot {
    Slot::Tensor { buffer: buffer(operand.buffer).pointer(), size: operand.dtype.size() }
}

/// A source as the kernels see it; a value takes the output's layout, which keeps no axes from merging.
fn source<'a>(
    source: &Source<'a>,
    dtype: DType,
    bits: fn(Scalar, DType) -> u64,
    out: &Operand<'a>,
) -> (Slot, &'a Layout) {
    match source {
        Source::Tensor(operand) => (tensor(operand), operand.layout),
        Source::Scalar(value) => (Slot::Value { bits: bits(*value, dtype), size: dtype.size() }, out.layout),
    }
}

/// The type of a source pair's elements.
fn dtype_of(a: &Source, b: &Source, or: DType) -> DType {
    match (a, b) {
        (Source::Tensor(operand), _) | (_, Source::Tensor(operand)) => operand.dtype,
        _ => or,
    }
}

/// Threads' work in the two mappings; `heavy` as in `HEAVY` of the kernels.
fn per_block(mapping: Mapping, heavy: bool) -> u32 {
    let items = match (mapping, heavy) {
        (Mapping::Vectors, false) => TW_VECTORS,
        (Mapping::Vectors, true) => TW_VECTORS_HEAVY,
        (Mapping::Elements, false) => TW_ELEMENTS,
        (Mapping::Elements, true) => TW_ELEMENTS_HEAVY,
    };
    TW_THREADS * items
}

/// Launches an operation over its operands, the output first.
fn run<const N: usize>(
    cuda: &Cuda,
    op: &'static str,
    slots: [Slot; N],
    layouts: [&Layout; N],
    parameters: [u64; 2],
    heavy: bool,
    kernel: impl Fn(Mapping) -> Result<&'static Kernel>,
) -> Result<()> {
    plan::for_each_part(layouts, &slots, &mut |loops, mapping| {
        let mut launch = plan::parameters(loops, mapping, &slots);
        if N == 2 {
            launch.values[1..].copy_from_slice(&parameters);
        }
        let blocks = launch.items.div_ceil(per_block(mapping, heavy));
        let kernel = kernel(mapping)?;
        // SAFETY: all elementwise kernels take a TwElementwise; the plan visits exactly the layouts' elements, which lie in
        // their buffers, and output and inputs overlap element on element or not at all.
        unsafe { cuda.launch(op, &Launch::linear(kernel, blocks, TW_THREADS), &launch) }
    })
}

/// See [`crate::backend::Backend::fill`].
pub(super) fn fill(cuda: &Cuda, value: Scalar, out: Operand) -> Result<()> {
    let size = out.dtype.size();
    let value = Slot::Value { bits: stored(value, out.dtype), size };
    let kernel = |mapping| COPY.get(cuda, "fill", sized(size, mapping));
    run(cuda, "fill", [tensor(&out), value], [out.layout; 2], [0; 2], false, kernel)
}

/// The kernel that converts: `None` where the bits only move. Bool converts as the byte that it is, and between integers only
/// the sign of what is widened matters.
fn conversion(from: DType, to: DType) -> Option<(DType, DType)> {
    use DType::*;
    let from = if from == Bool && to != Bool { U8 } else { from };
    match (from, to) {
        (I32, U32) | (U32, I32) => None,
        (from, to) if from == to => None,
        (I64 | U8, U32) => Some((from, I32)),
        pair => Some(pair),
    }
}

/// See [`crate::backend::Backend::copy`].
pub(super) fn copy(cuda: &Cuda, x: Operand, out: Operand) -> Result<()> {
    let (slots, layouts) = ([tensor(&out), tensor(&x)], [out.layout, x.layout]);
    if let Some((from, to)) = conversion(x.dtype, out.dtype) {
        let kernel = |mapping| CAST.get(cuda, "cast", index(from as usize, to, mapping));
        return run(cuda, "cast", slots, layouts, [0; 2], false, kernel);
    }
    if transposed(cuda, &x, &out)? {
        return Ok(());
    }
    let kernel = |mapping| COPY.get(cuda, "copy", sized(out.dtype.size(), mapping));
    run(cuda, "copy", slots, layouts, [0; 2], false, kernel)
}

/// Does the copy by tiles if it is one that transposes.
fn transposed(cuda: &Cuda, x: &Operand, out: &Operand) -> Result<bool> {
    let loops = crate::layout::collapse([out.layout, x.layout], crate::layout::Order::Any);
    let (size, to, from) = (out.dtype.size(), buffer(out.buffer).pointer(), buffer(x.buffer).pointer());
    let Some(plan) = transpose::plan(&loops, size, to, from) else {
        return Ok(false);
    };
    let mapping = if plan.vectors { Mapping::Vectors } else { Mapping::Elements };
    let kernel = TRANSPOSE.get(cuda, "copy", sized(size, mapping))?;
    // SAFETY: the transposing kernels take a TwTranspose; they visit exactly the layouts' elements, which lie in their buffers.
    unsafe { cuda.launch("copy", &Launch::linear(kernel, plan.blocks, TW_THREADS), &plan.parameters)? };
    Ok(true)
}

/// See [`crate::backend::Backend::unary`].
pub(super) fn unary(cuda: &Cuda, op: Unary, params: [Scalar; 2], x: Operand, out: Operand) -> Result<()> {
    let parameters = params.map(|value| computed(value, x.dtype));
    let heavy = x.dtype.size() == 8;
    let kernel = |mapping| UNARY.get(cuda, op.name(), index(op as usize, x.dtype, mapping));
    run(cuda, op.name(), [tensor(&out), tensor(&x)], [out.layout, x.layout], parameters, heavy, kernel)
}

/// See [`crate::backend::Backend::binary`].
pub(super) fn binary(cuda: &Cuda, op: Binary, a: Source, b: Source, out: Operand) -> Result<()> {
    let dtype = out.dtype;
    let ((a, a_layout), (b, b_layout)) = (source(&a, dtype, computed, &out), source(&b, dtype, computed, &out));
    let kernel = |mapping| BINARY.get(cuda, op.name(), index(op as usize, dtype, mapping));
    run(cuda, op.name(), [tensor(&out), a, b], [out.layout, a_layout, b_layout], [0; 2], false, kernel)
}

/// See [`crate::backend::Backend::compare`].
pub(super) fn compare(cuda: &Cuda, op: Compare, a: Source, b: Source, out: Operand) -> Result<()> {
    let dtype = dtype_of(&a, &b, out.dtype);
    let ((a, a_layout), (b, b_layout)) = (source(&a, dtype, computed, &out), source(&b, dtype, computed, &out));
    let kernel = |mapping| COMPARE.get(cuda, op.name(), index(op as usize, dtype, mapping));
    run(cuda, op.name(), [tensor(&out), a, b], [out.layout, a_layout, b_layout], [0; 2], false, kernel)
}

/// See [`crate::backend::Backend::select`].
pub(super) fn select(cuda: &Cuda, cond: Operand, a: Source, b: Source, out: Operand) -> Result<()> {
    let dtype = out.dtype;
    let ((a, a_layout), (b, b_layout)) = (source(&a, dtype, stored, &out), source(&b, dtype, stored, &out));
    let kernel = |mapping| SELECT.get(cuda, "select", sized(dtype.size(), mapping));
    let layouts = [out.layout, cond.layout, a_layout, b_layout];
    run(cuda, "select", [tensor(&out), tensor(&cond), a, b], layouts, [0; 2], false, kernel)
}

/// See [`crate::backend::Backend::affine`].
pub(super) fn affine(cuda: &Cuda, x: Operand, scale: Source, shift: Source, out: Operand) -> Result<()> {
    let dtype = x.dtype;
    let (scale, scale_layout) = source(&scale, dtype, computed, &out);
    let (shift, shift_layout) = source(&shift, dtype, computed, &out);
    let kernel = |mapping| AFFINE.get(cuda, "affine", index(0, dtype, mapping));
    let layouts = [out.layout, x.layout, scale_layout, shift_layout];
    run(cuda, "affine", [tensor(&out), tensor(&x), scale, shift], layouts, [0; 2], false, kernel)
}
