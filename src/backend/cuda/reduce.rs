//! Reductions. [`plan()`] chooses a kernel for the loops at hand; this file launches it. The kernels are in `cuda/reduce/`.

mod plan;

use plan::{Plan, Walk, plan};

use super::abi::{TwNest, TwReduce, TwWideDivisor};
use super::elementwise;
use super::kernels::{Entry, KernelSet};
use super::launch::Launch;
use super::nest::MAX_RANK;
use super::{Cuda, buffer};
use crate::backend::{self, Operand, op};
use crate::dtype::DType;
use crate::error::Result;
use crate::layout::{Layout, Loops, Order, Reduction};

/// Threads of a block, as in `cuda/reduce/kernels.h`.
const THREADS: u32 = 256;

/// Modules and entry points by operation.
const FAMILIES: [(&str, &str); 7] = [
    ("reduce/sum", "sum"),
    ("reduce/prod", "prod"),
    ("reduce/dot", "dot"),
    ("reduce/max", "max"),
    ("reduce/argmax", "argmax"),
    ("reduce/moments", "norm"),
    ("reduce/moments", "var"),
];
/// Element types of the entry points.
const ELEMENTS: [&str; 9] = ["f32", "f64", "f16", "bf16", "u8", "u32", "u64", "i32", "i64"];

static KERNELS: KernelSet<{ FAMILIES.len() * ELEMENTS.len() * Walk::COUNT }> = KernelSet::new(|index| {
    let (rest, walk) = (index / Walk::COUNT, index % Walk::COUNT);
    let (module, family) = FAMILIES[rest / ELEMENTS.len()];
    Entry { module, name: format!("{family}_{}_{}", ELEMENTS[rest % ELEMENTS.len()], Walk::NAMES[walk]) }
});

/// What the kernels need to know of an operation on an element type.
#[derive(Debug, PartialEq)]
struct Kind {
    /// Index into `FAMILIES`.
    family: usize,
    /// Index into `ELEMENTS`.
    element: usize,
    /// The bits to flip so that the maximum becomes the minimum.
    flip: u64,
    /// What the result is divided by.
    divisor: f64,
    /// Bytes of an accumulator's state.
    state: usize,
}

impl Kind {
    fn new(op: op::Reduce, dtype: DType, length: usize) -> Self {
        use op::Reduce::*;
        let family = match op {
            Sum | Mean => 0,
            Prod => 1,
            Dot => 2,
            Max | Min | Any | All => 3,
            ArgMax | ArgMin => 4,
            Norm => 5,
            Var { .. } => 6,
        };
        let element = match dtype {
            DType::F32 => 0,
            DType::F64 => 1,
            DType::F16 => 2,
            DType::BF16 => 3,
            // The 8-bit floats have no reductions; as bytes they would be these.
            DType::U8 | DType::Bool | DType::F8E4M3 | DType::F8E5M2 => 4,
            // What wraps does the same to signed numbers; what compares does not.
            DType::U32 => 5,
            DType::I32 => {
                if family < 3 {
                    5
                } else {
                    7
                }
            }
            DType::I64 => {
                if family < 3 {
                    6
                } else {
                    8
                }
            }
        };
        let bits = 8 * dtype.size() as u32;
        let reversed = if dtype.is_float() { 1 << (bits - 1) } else { u64::MAX >> (64 - bits) };
        let divisor = match op {
            Mean => length as f64,
            Var { ddof } => (length as f64 - ddof).max(0.0),
            _ => 1.0,
        };
        let computed = if dtype.size() == 8 { 8 } else { 4 };
        let state = match family {
            4 => 2 * computed,
            6 => 3 * computed,
            _ => computed,
        };
        let flip = if matches!(op, Min | All | ArgMin) { reversed } else { 0 };
        Self { family, element, flip, divisor, state }
    }

    /// Index into `KERNELS`.
    fn kernel(&self, walk: Walk) -> usize {
        (self.family * ELEMENTS.len() + self.element) * Walk::COUNT + walk as usize
    }
}

/// See [`crate::backend::Backend::reduce`].
pub(super) fn reduce(
    cuda: &Cuda,
    op: op::Reduce,
    x: Operand,
    y: Option<Operand>,
    axes: &[usize],
    out: Operand,
) -> Result<()> {
    let order = if op.is_arg() { Order::RowMajor } else { Order::Any };
    let Reduction { kept, reduced } = Reduction::new(out.layout, x.layout, y.map(|y| y.layout), axes, order);
    if reduced.rank() > MAX_RANK {
        return densely(cuda, op, x, y, axes, out);
    }
    let length = reduced.len();
    if op.is_arg() && u32::try_from(length).is_err() {
        return cuda.unsupported(
            op.name(),
            x.dtype,
            "more than 2^32 - 1 elements have no u32 index; reduce fewer axes at a time",
        );
    }
    let kind = Kind::new(op, x.dtype, length);
    let call = Call { cuda, op, x, y, out, kind };
    call.run(&kept, &reduced)
}

/// Reduces dense copies of operands whose reduced axes are more than a kernel has loops for.
fn densely(cuda: &Cuda, op: op::Reduce, x: Operand, y: Option<Operand>, axes: &[usize], out: Operand) -> Result<()> {
    // The reduced axes of a row-major copy must be one run: they go last.
    let kept = (0..x.layout.rank()).filter(|axis| !axes.contains(axis));
    let order: Vec<usize> = kept.chain(axes.iter().copied()).collect();
    let last: Vec<usize> = (order.len() - axes.len()..order.len()).collect();
    let shape: Vec<usize> = order.iter().map(|&axis| x.layout.shape()[axis]).collect();
    let dense = Layout::contiguous(op.name(), &shape, x.dtype.size())?;
    let copy = |operand: Operand| {
        let copied = backend::Buffer::Cuda(cuda.scratch(dense.len() * operand.dtype.size())?);
        let view = operand.layout.permuted(op.name(), &order)?;
        let target = Operand { buffer: &copied, layout: &dense, dtype: operand.dtype };
        elementwise::copy(cuda, Operand { layout: &view, ..operand }, target)?;
        Ok(copied)
    };
    let copied = (copy(x)?, y.map(copy).transpose()?);
    let x = Operand { buffer: &copied.0, layout: &dense, dtype: x.dtype };
    let y = copied.1.as_ref().map(|buffer| Operand { buffer, ..x });
    reduce(cuda, op, x, y, &last, out)
}

struct Call<'a> {
    cuda: &'a Cuda,
    op: op::Reduce,
    x: Operand<'a>,
    y: Option<Operand<'a>>,
    out: Operand<'a>,
    kind: Kind,
}

impl Call<'_> {
    /// One launch, or one for each index of an axis while there are too many kept axes.
    fn run(&self, kept: &Loops<3>, reduced: &Loops<2>) -> Result<()> {
        if kept.rank() <= MAX_RANK {
            return self.launch(kept, reduced);
        }
        let shortest = (0..kept.rank()).min_by_key(|&axis| kept.shape[axis]).unwrap_or(0);
        let mut part = kept.clone();
        part.shape.remove(shortest);
        let steps = part.strides.each_mut().map(|strides| strides.remove(shortest));
        for _ in 0..kept.shape[shortest] {
            self.run(&part, reduced)?;
            for (offset, step) in part.offsets.iter_mut().zip(steps) {
                *offset = offset.wrapping_add_signed(step);
            }
        }
        Ok(())
    }

    fn launch(&self, kept: &Loops<3>, reduced: &Loops<2>) -> Result<()> {
        let Self { cuda, op, kind, .. } = self;
        let address = |operand: &Operand, offset: usize| {
            buffer(operand.buffer).pointer() + (offset * operand.dtype.size()) as u64
        };
        let y = self.y.unwrap_or(self.x);
        let pointers =
            [address(&self.out, kept.offsets[0]), address(&self.x, kept.offsets[1]), address(&y, kept.offsets[2])];
        let pack = 16 / self.x.dtype.size();
        let aligned = pointers[1].is_multiple_of(16) && pointers[2].is_multiple_of(16);
        let Some(plan) = plan(kept, reduced, pack, aligned, cuda.context().multiprocessors) else {
            let reason = "it would take more than 2^31 blocks; reduce a part at a time";
            return cuda.unsupported(op.name(), self.x.dtype, reason);
        };
        let mut parameters = parameters(kind, &plan, kept, reduced, pack, pointers);
        let scratch = match plan.states(kept, pack) {
            0 => None,
            states => Some(cuda.scratch(states * kind.state)?),
        };
        let tickets = scratch.as_ref().map(|_| cuda.tickets.take(op.name())).transpose()?;
        if let (Some(scratch), Some(tickets)) = (&scratch, &tickets) {
            parameters.partials = scratch.pointer();
            parameters.tickets = tickets.pointer();
        }
        let kernel = KERNELS.get(cuda, op.name(), kind.kernel(plan.walk))?;
        // SAFETY: the entry points of `cuda/reduce` take a `TwReduce`; the plan was made for these loops, whose offsets are inside
        // the operands, and for scratch of this size.
        unsafe { cuda.launch(op.name(), &Launch::new(kernel, plan.grid, [THREADS, 1, 1]), &parameters) }
    }
}

/// The kernel's parameters but for its scratch. `pointers` are the first elements of output, x and y.
fn parameters(
    kind: &Kind,
    plan: &Plan,
    kept: &Loops<3>,
    reduced: &Loops<2>,
    pack: usize,
    pointers: [u64; 3],
) -> TwReduce {
    let [out, x, y] = pointers;
    let mut parameters = TwReduce {
        x,
        y,
        out,
        outputs: kept.len() as u64,
        length: reduced.len() as u64,
        part: plan.part as u64,
        splits: plan.splits,
        lanes: plan.lanes,
        packed: plan.packed.into(),
        flip: kind.flip,
        divisor: kind.divisor,
        ..TwReduce::default()
    };
    let mut reduced = reduced.clone();
    if plan.walk == Walk::RowsPacked
        && let Some(inner) = reduced.shape.last_mut()
    {
        // The nest counts packs.
        *inner = inner.div_ceil(pack);
        reduced.strides.iter_mut().filter_map(|strides| strides.last_mut()).for_each(|step| *step = pack as isize);
    }
    let mut kept = kept.clone();
    if let Some(columns) = &plan.columns {
        parameters.columns = kept.shape.remove(columns.axis) as u64;
        parameters.column_packs = TwWideDivisor::new(columns.packs as u64);
        parameters.packs = (kept.len() * columns.packs) as u64;
        parameters.column_strides = kept.strides.each_mut().map(|strides| strides.remove(columns.axis) as i64);
    }
    parameters.kept = TwNest::new(&kept.shape, kept.strides.each_ref().map(|strides| &strides[..]));
    parameters.reduced = TwNest::new(&reduced.shape, reduced.strides.each_ref().map(|strides| &strides[..]));
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flip_reverses_the_order() {
        let flip = |dtype| Kind::new(op::Reduce::Min, dtype, 1).flip;
        assert_eq!(flip(DType::F32), 1 << 31);
        assert_eq!(flip(DType::F64), 1 << 63);
        assert_eq!(flip(DType::BF16), 1 << 15);
        assert_eq!(flip(DType::I64), u64::MAX);
        assert_eq!(flip(DType::U8), 0xFF);
        assert_eq!(Kind::new(op::Reduce::Max, DType::F32, 1).flip, 0);
        assert_eq!(flip(DType::Bool), Kind::new(op::Reduce::All, DType::Bool, 1).flip);
    }

    #[test]
    fn divisors_are_those_of_the_operation() {
        assert_eq!(Kind::new(op::Reduce::Mean, DType::F32, 10).divisor, 10.0);
        assert_eq!(Kind::new(op::Reduce::Var { ddof: 1.0 }, DType::F32, 10).divisor, 9.0);
        assert_eq!(Kind::new(op::Reduce::Var { ddof: 3.0 }, DType::F32, 2).divisor, 0.0);
        assert_eq!(Kind::new(op::Reduce::Sum, DType::F32, 10).divisor, 1.0);
    }
}
