//! An operation in the form that kernels take: pointers and strides, a batch of at most two axes, the output by rows.
//!
//! Batch axes that lie one run in every operand become one; of what is left, two are walked by the kernel and the others here, a
//! launch for each index. `outᵀ = bᵀ @ aᵀ` serves a column-major output, and turns a product with one column into one with one row.

use std::ops::Range;

use crate::backend::cuda::abi::{TwMatmul, TwMatrix};
use crate::backend::cuda::ahead::Access;
use crate::backend::cuda::elementwise::computed;
use crate::backend::cuda::pointer;
use crate::backend::cuda::tensor_map::{BoxedTensor, Swizzle};
use crate::backend::{Activation, Matmul, Operand, Precision};
use crate::dtype::DType;
use crate::layout::{Layout, Order, collapse_axes};

/// The number of tiles in one launch stays below it, as grids and 32-bit indices demand.
const MOST_TILES: u64 = 1 << 31;

/// Out, a, b, bias, multiply, c.
const OPERANDS: usize = 6;

/// A batch of products that one launch computes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Problem {
    pub dtype: DType,
    pub precision: Precision,
    /// Whether the split of b is kept.
    pub kept: bool,
    /// All but the tiles, which depend on the kernel.
    pub parameters: TwMatmul,
}

/// Which way the elements of a factor run in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Along the rows: neighbours in a row are the nearer ones.
    RowMajor,
    /// Down the columns.
    ColumnMajor,
}

impl Problem {
    /// The layouts of the factors: 0 nn, 1 nt, 2 tn, 3 tt.
    pub fn layout(&self) -> usize {
        let by_columns = |factor| usize::from(Direction::of(factor) == Direction::ColumnMajor);
        2 * by_columns(&self.parameters.a) + by_columns(&self.parameters.b)
    }

    /// The map of a matrix of `shape` rows and columns with two batch axes, whose boxes are `lines` of `length` along its stride of 1.
    pub fn boxes(
        &self,
        x: &TwMatrix,
        [rows, columns]: [u64; 2],
        [lines, length]: [u32; 2],
        swizzle: Swizzle,
    ) -> BoxedTensor {
        let size = self.dtype.size() as u64;
        let (inner, outer, across) = match Direction::of(x) {
            Direction::RowMajor => (columns, rows, x.row),
            Direction::ColumnMajor => (rows, columns, x.column),
        };
        // An axis of stride 0 is one of length 1 whose stride nobody uses.
        let stride = |stride: i64| if stride == 0 { 16 } else { stride as u64 * size };
        let batch = |axis: usize| if x.batch[axis] == 0 { 1 } else { u64::from(self.parameters.batch[axis]) };
        BoxedTensor {
            pointer: x.pointer,
            dtype: self.dtype,
            rank: 4,
            lengths: [inner, outer, batch(1), batch(0), 1],
            strides: [0, stride(across), stride(x.batch[1]), stride(x.batch[0]), 0],
            boxes: [length, lines, 1, 1, 1],
            swizzle,
            rounded: false,
        }
    }
}

impl Direction {
    /// The direction of a stride of 1, else that of the smaller stride.
    pub fn of(matrix: &TwMatrix) -> Self {
        let by_rows = match (matrix.row, matrix.column) {
            (_, 1) => true,
            (1, _) => false,
            (row, column) => column.unsigned_abs() <= row.unsigned_abs(),
        };
        if by_rows { Direction::RowMajor } else { Direction::ColumnMajor }
    }
}

/// The launches that `op` takes.
pub(super) fn problems(op: &Matmul, out: &Operand) -> Vec<Problem> {
    let parameters = TwMatmul {
        activation: match op.activation {
            Activation::None => 0,
            Activation::Relu => 1,
            Activation::Gelu => 2,
            Activation::Silu => 3,
            Activation::Sigmoid => 4,
        },
        alpha: computed(op.alpha, out.dtype),
        beta: computed(op.beta, out.dtype),
        ..TwMatmul::default()
    };
    let operands = [Some(*out), Some(op.a), Some(op.b), op.bias, op.multiply, op.c];
    let placed = operands.map(|operand| operand.map(Placed::from));
    let kept = op.packed.is_some();
    plan(out.dtype, op.precision, &parameters, placed)
        .into_iter()
        .map(|problem| turned(Problem { kept, ..problem }))
        .collect()
}

/// The transpose of a problem whose output runs down its columns, else itself.
fn turned(problem: Problem) -> Problem {
    let p = &problem.parameters;
    let by_columns = p.n == 1 || p.out.column != 1 && p.out.row == 1;
    if p.m != 1 && by_columns { Problem { parameters: transposed(p), kept: false, ..problem } } else { problem }
}

/// An operand whose first element has this address.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub address: u64,
    pub dtype: DType,
    pub layout: &'a Layout,
}

impl<'a> From<Operand<'a>> for Placed<'a> {
    fn from(operand: Operand<'a>) -> Self {
        Self { address: pointer(&operand), dtype: operand.dtype, layout: operand.layout }
    }
}

/// As [`problems`], but for outputs that run down their columns, from the parameters that are alike in all of them and the operands: out,
/// a, b, of which none is absent, and bias, multiply, c.
pub(super) fn plan(
    dtype: DType,
    precision: Precision,
    common: &TwMatmul,
    operands: [Option<Placed>; OPERANDS],
) -> Vec<Problem> {
    let Some(out) = operands[0] else { return Vec::new() };
    let layouts = operands.map(|operand| operand.map_or(out.layout, |operand| operand.layout));
    let rank = layouts[0].rank();
    let [m, n] = [layouts[0].shape()[rank - 2], layouts[0].shape()[rank - 1]];
    let k = layouts[1].shape()[rank - 1];
    let axes: crate::layout::Dims = (0..rank - 2).collect();
    let batch = collapse_axes(layouts, &axes, Order::Any);
    // Relative to the first element, which the addresses name.
    let starts: [isize; OPERANDS] = std::array::from_fn(|i| batch.offsets[i] as isize - layouts[i].offset() as isize);

    // The kernel walks the last axes, as many as two, while the tiles of a launch stay below the limit; the smallest are 64 x 8.
    let most = (MOST_TILES / (m.div_ceil(64) as u64 * n.div_ceil(8) as u64 + 1)).max(1) as usize;
    let mut sizes = [1usize; 2];
    let mut outer = batch.rank();
    for slot in [1, 0] {
        // The last axis may be cut into pieces; the one before it is taken whole or not at all.
        if outer > 0 && (slot == 1 || batch.shape[outer - 1] <= most / sizes[1]) {
            outer -= 1;
            sizes[slot] = batch.shape[outer];
        }
    }
    let pieces = sizes[1].div_ceil(most);
    let inner_strides = |i: usize| -> [i64; 2] {
        let strides = &batch.strides[i][outer..];
        std::array::from_fn(|slot| {
            (slot + strides.len()).checked_sub(2).and_then(|axis| strides.get(axis)).map_or(0, |&s| s as i64)
        })
    };
    let launches: usize = batch.shape[..outer].iter().product();
    (0..launches * pieces)
        .map(|launch| {
            let first = launch % pieces * most;
            let matrix = |i: usize| {
                let Some(operand) = operands[i] else { return TwMatrix::default() };
                let size = operand.dtype.size() as i64;
                let mut offset = starts[i] + first as isize * inner_strides(i)[1] as isize;
                let mut rest = launch / pieces;
                for axis in (0..outer).rev() {
                    offset += (rest % batch.shape[axis]) as isize * batch.strides[i][axis];
                    rest /= batch.shape[axis];
                }
                let address = operand.address.wrapping_add_signed(offset as i64 * size);
                let shape = &layouts[i].shape()[rank - 2..];
                let strides = &layouts[i].strides()[rank - 2..];
                // The stride of an axis of length 1 says nothing.
                let [row, column] = std::array::from_fn(|axis| if shape[axis] == 1 { 0 } else { strides[axis] as i64 });
                let mut matrix = TwMatrix { pointer: address, row, column, batch: inner_strides(i), aligned: 0 };
                matrix.aligned = u32::from(is_aligned(&matrix, size));
                matrix
            };
            let parameters = TwMatmul {
                out: matrix(0),
                a: matrix(1),
                b: matrix(2),
                bias: matrix(3),
                multiply: matrix(4),
                c: matrix(5),
                m: m as u64,
                n: n as u64,
                k: k as u64,
                batch: [sizes[0] as u32, (sizes[1] - first).min(most) as u32],
                ..*common
            };
            Problem { dtype, precision, kept: false, parameters }
        })
        .collect()
}

/// Whether every group of 16 bytes along the axis of stride 1 is aligned, in every line and every matrix.
fn is_aligned(matrix: &TwMatrix, size: i64) -> bool {
    let [outer, inner] = matrix.batch;
    let across = match (matrix.row, matrix.column) {
        (row, 1) => row,
        (1, column) => column,
        _ => return false,
    };
    matrix.pointer.is_multiple_of(16) && [across, outer, inner].iter().all(|stride| (stride * size) % 16 == 0)
}

/// What the kernel of these parameters, for factors of dtype `factor`, does to memory.
pub(super) fn access(p: &TwMatmul, factor: DType, out: DType) -> Access {
    let like_out = |x| extent(x, [p.m, p.n], p.batch, out);
    let factors = [extent(&p.a, [p.m, p.k], p.batch, factor), extent(&p.b, [p.k, p.n], p.batch, factor)];
    let others = [&p.bias, &p.multiply, &p.c].into_iter().map(like_out).collect();
    Access { factors, others, writes: like_out(&p.out) }
}

/// The addresses from the first byte of a batch of matrices of `shape` to its last; of an absent one none.
pub(super) fn extent(x: &TwMatrix, shape: [u64; 2], batch: [u32; 2], dtype: DType) -> Range<u64> {
    let axes = [(x.row, shape[0]), (x.column, shape[1]), (x.batch[0], batch[0].into()), (x.batch[1], batch[1].into())];
    if x.pointer == 0 || axes.iter().any(|&(_, length)| length == 0) {
        return 0..0;
    }
    let ends = axes.map(|(stride, length)| stride * (length - 1) as i64 * dtype.size() as i64);
    let [below, above]: [i64; 2] =
        [ends.iter().filter(|&&end| end < 0).sum(), ends.iter().filter(|&&end| end > 0).sum()];
    x.pointer.wrapping_add_signed(below)..x.pointer.wrapping_add_signed(above + dtype.size() as i64)
}

pub(super) fn transposed(p: &TwMatmul) -> TwMatmul {
    let flip = |x: TwMatrix| TwMatrix { row: x.column, column: x.row, ..x };
    TwMatmul {
        a: flip(p.b),
        b: flip(p.a),
        out: flip(p.out),
        bias: flip(p.bias),
        multiply: flip(p.multiply),
        c: flip(p.c),
        m: p.n,
        n: p.m,
        ..*p
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(shape: &[usize], strides: &[isize], offset: usize) -> Layout {
        Layout::from_parts(shape.into(), strides.into(), offset)
    }

    fn dense(shape: &[usize]) -> Layout {
        Layout::contiguous("test", shape, 4).unwrap()
    }

    fn plan_f32(out: &Layout, a: &Layout, b: &Layout) -> Vec<Problem> {
        let place = |address, layout| Some(Placed { address, dtype: DType::F32, layout });
        let operands = [place(0x1000, out), place(0x2000, a), place(0x3000, b), None, None, None];
        plan(DType::F32, Precision::F32, &TwMatmul::default(), operands).into_iter().map(turned).collect()
    }

    #[test]
    fn a_contiguous_batch_is_one_axis() {
        let problems = plan_f32(&dense(&[3, 4, 5, 8]), &dense(&[3, 4, 5, 16]), &dense(&[3, 4, 16, 8]));
        let [Problem { parameters: p, .. }] = problems[..] else { panic!("{} launches", problems.len()) };
        assert_eq!((p.m, p.n, p.k, p.batch), (5, 8, 16, [1, 12]));
        assert_eq!((p.a.row, p.a.column, p.a.batch, p.a.aligned), (16, 1, [0, 80], 1));
        assert_eq!((p.b.row, p.b.column, p.b.batch, p.b.aligned), (8, 1, [0, 128], 1));
        assert_eq!((p.out.pointer, p.bias.pointer), (0x1000, 0));
    }

    #[test]
    fn heads_of_an_attention_are_two_axes() {
        let out = layout(&[2, 4, 16, 8], &[512, 8, 32, 1], 0);
        let problems = plan_f32(&out, &dense(&[2, 4, 16, 16]), &dense(&[2, 4, 16, 8]));
        let [Problem { parameters: p, .. }] = problems[..] else { panic!("{} launches", problems.len()) };
        assert_eq!((p.batch, p.out.batch, p.a.batch), ([2, 4], [512, 8], [1024, 256]));
    }

    #[test]
    fn a_broadcast_factor_keeps_stride_zero() {
        let b = layout(&[6, 16, 8], &[0, 8, 1], 0);
        let p = plan_f32(&dense(&[6, 5, 8]), &dense(&[6, 5, 16]), &b)[0].parameters;
        assert_eq!((p.batch, p.b.batch, p.a.batch), ([1, 6], [0, 0], [0, 80]));
    }

    #[test]
    fn further_axes_become_launches() {
        let out = layout(&[2, 3, 2, 4, 4], &[400, 100, 40, 8, 1], 0);
        let problems = plan_f32(&out, &dense(&[2, 3, 2, 4, 4]), &dense(&[2, 3, 2, 4, 4]));
        let outs: Vec<_> = problems.iter().map(|p| (p.parameters.out.pointer - 0x1000) / 4).collect();
        assert_eq!(outs, [0, 400]);
        assert_eq!(problems[1].parameters.a.pointer, 0x2000 + 4 * 96);
        assert_eq!(problems[1].parameters.batch, [3, 2]);
    }

    #[test]
    fn a_reversed_batch_starts_at_its_end() {
        let a = layout(&[3, 4, 4], &[-16, 4, 1], 32);
        let p = plan_f32(&dense(&[3, 4, 4]), &a, &dense(&[3, 4, 4]))[0].parameters;
        assert_eq!((p.a.pointer, p.a.batch), (0x2000, [0, -16]));
        let out = layout(&[3, 4, 4], &[-16, 4, 1], 32);
        let p = plan_f32(&out, &dense(&[3, 4, 4]), &dense(&[3, 4, 4]))[0].parameters;
        assert_eq!((p.out.pointer, p.out.batch), (0x1000 - 4 * 32, [0, 16]));
        assert_eq!((p.a.pointer, p.a.batch), (0x2000 + 4 * 32, [0, -16]));
    }

    #[test]
    fn column_major_outputs_and_single_columns_are_transposed() {
        let out = layout(&[32, 8], &[1, 32], 0);
        let p = plan_f32(&out, &dense(&[32, 16]), &dense(&[16, 8]))[0].parameters;
        assert_eq!((p.m, p.n, p.out.row, p.out.column), (8, 32, 32, 1));
        assert_eq!((p.a.pointer, p.a.row, p.a.column), (0x3000, 1, 8));
        let p = plan_f32(&dense(&[32, 1]), &dense(&[32, 16]), &dense(&[16, 1]))[0].parameters;
        assert_eq!((p.m, p.n, p.out.row, p.out.column), (1, 32, 0, 1));
        let p = plan_f32(&dense(&[1, 1]), &dense(&[1, 16]), &dense(&[16, 1]))[0].parameters;
        assert_eq!((p.m, p.n, p.a.pointer), (1, 1, 0x2000));
    }

    #[test]
    fn an_extent_reaches_from_the_first_byte_to_the_last() {
        let of = |strides: &[isize]| {
            let a = layout(&[2, 3, 5], strides, 40);
            let p = plan_f32(&dense(&[2, 3, 8]), &a, &dense(&[2, 5, 8]))[0].parameters;
            access(&p, DType::F32, DType::F32).factors[0].clone()
        };
        assert_eq!(of(&[15, 5, 1]), 0x2000..0x2000 + 4 * 30);
        assert_eq!(of(&[0, 5, 1]), 0x2000..0x2000 + 4 * 15, "one matrix for all");
        assert_eq!(of(&[-15, 10, -1]), 0x2000 - 4 * 19..0x2000 + 4 * 21, "backwards");
        let p = plan_f32(&dense(&[3, 8]), &dense(&[3, 5]), &dense(&[5, 8]))[0].parameters;
        let Access { factors, others, writes } = access(&p, DType::F32, DType::F32);
        assert_eq!((writes, &factors[1]), (0x1000..0x1000 + 96, &(0x3000..0x3000 + 160)));
        assert_eq!(others[..], [0..0, 0..0, 0..0]);
        let nothing = access(&TwMatmul { k: 0, ..p }, DType::F32, DType::F32);
        assert_eq!(nothing.factors[0], 0..0, "no k, no factors");
    }

    #[test]
    fn alignment_is_of_pointer_and_every_stride_but_the_unit_one() {
        let aligned =
            |a: Layout| plan_f32(&dense(&[a.shape()[0], 8]), &a, &dense(&[a.shape()[1], 8]))[0].parameters.a.aligned;
        assert_eq!(aligned(layout(&[8, 16], &[20, 1], 0)), 1);
        assert_eq!(aligned(layout(&[8, 16], &[18, 1], 0)), 0);
        assert_eq!(aligned(layout(&[8, 16], &[1, 8], 0)), 1);
        assert_eq!(aligned(layout(&[8, 16], &[1, 1], 0)), 0, "a window");
        assert_eq!(aligned(layout(&[8, 16], &[32, 2], 0)), 0);
    }

    #[test]
    fn a_huge_batch_is_several_launches_that_cover_it() {
        let tiles = |p: &Problem| u64::from(p.parameters.batch[0]) * u64::from(p.parameters.batch[1]);
        for shape in [[1 << 20, 1 << 13, 1, 1], [1, (1 << 33) + 5, 1, 1]] {
            let out = dense(&shape);
            let problems = plan_f32(&out, &layout(&shape, &[1, 2, 0, 0], 0), &out);
            assert_eq!(problems.iter().map(tiles).sum::<u64>(), (shape[0] * shape[1]) as u64);
            assert!(problems.iter().all(|p| tiles(p) < MOST_TILES) && problems.len() < 1 << 21);
            let last = problems.last().unwrap().parameters;
            let end = last.out.pointer - 0x1000 + 4 * u64::from(last.batch[1]);
            assert_eq!(end, 4 * (shape[0] * shape[1]) as u64, "the pieces lie end to end");
        }
    }
}
