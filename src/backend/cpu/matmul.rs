//! Matrix products with an epilogue.
//!
//! The output is computed in tiles, one task each, in memory of their own: a tile is finished, epilogue and all, before its part of
//! the output is written. Floats go through registers by [`gemm`], half types converted to f32 on the way; integers, which wrap, are
//! rows of `b` scaled and added up. Either way an element's bits depend on the values alone, not on strides or threads.

use super::blocks::Section;
use super::operand::{Input, Output, View};
use super::parallel;
use super::scalar::{Arithmetic, Real};
use super::storage::{Storage, match_number};
use crate::backend::Activation;
use crate::dtype::{DType, Scalar};
use crate::layout::{Dims, Layout, Loops, Order, Strides, collapse};

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod cut;
mod gemm;
mod panels;
mod real;
mod team;

/// Rows and columns of a tile of an integer product.
const TILE: usize = 256;
/// Length of the panels that an integer tile is accumulated from.
const DEPTH: usize = 512;
/// Multiplications below which an operation stays on the calling thread.
const LARGE: usize = 80 * 80 * 80;

/// The operands of `out = activation(alpha * (a @ b) + bias) * multiply + beta * c`.
#[derive(Clone, Copy)]
pub struct Matmul<'a> {
    pub a: View<'a>,
    pub b: View<'a>,
    pub alpha: Scalar,
    pub bias: Option<View<'a>>,
    pub activation: Activation,
    pub multiply: Option<View<'a>>,
    pub beta: Scalar,
    pub c: Option<View<'a>>,
}

impl<'a> Matmul<'a> {
    /// The operands of the epilogue.
    fn terms(&self) -> [Option<View<'a>>; TERMS] {
        [self.bias, self.multiply, self.c]
    }
}

/// The operands of the epilogue: bias, multiply and c.
const TERMS: usize = 3;

/// A type that products are computed in.
pub trait Product: Arithmetic {
    fn activate(self, activation: Activation) -> Self;
}

macro_rules! real_product {
    ($($t:ty)*) => {$(
        impl Product for $t {
            #[inline(always)]
            fn activate(self, activation: Activation) -> Self {
                match activation {
                    Activation::None => self,
                    Activation::Relu => Arithmetic::maximum(self, 0.0),
                    Activation::Gelu => self.gelu(),
                    Activation::Silu => self.silu(),
                    Activation::Sigmoid => self.sigmoid(),
                }
            }
        }
    )*};
}
real_product!(f32 f64);

/// A tile of an integer product: rows of `b`, scaled and added up.
struct IntegerTile<'a, T> {
    c: &'a mut [T],
    a: &'a [T],
    b: &'a [T],
    n: usize,
    k: usize,
}

impl<T: Arithmetic> pulp::NullaryFnOnce for IntegerTile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (c, a) in self.c.chunks_exact_mut(self.n).zip(self.a.chunks_exact(self.k)) {
            for (&a, b) in a.iter().zip(self.b.chunks_exact(self.n)) {
                for (c, &b) in c.iter_mut().zip(b) {
                    *c = a.mul(b).add(*c);
                }
            }
        }
    }
}

macro_rules! integer_product {
    ($($t:ty)*) => {$(
        impl Product for $t {
            /// Only `None` and `Relu` get here: `matmul` refuses the others for integers.
            #[inline(always)]
            fn activate(self, activation: Activation) -> Self {
                if activation == Activation::Relu { self.maximum(0) } else { self }
            }
        }
    )*};
}
integer_product!(i32 i64 u8 u32);

/// The last two axes of a layout: `[rows, columns]` and their strides.
#[derive(Clone, Copy)]
struct Matrix {
    shape: [usize; 2],
    strides: [isize; 2],
}

impl Matrix {
    fn transposed(self) -> Self {
        let ([rows, columns], [row, column]) = (self.shape, self.strides);
        Self { shape: [columns, rows], strides: [column, row] }
    }

    fn of(layout: &Layout) -> Self {
        let axis = layout.rank() - 2;
        Self {
            shape: [layout.shape()[axis], layout.shape()[axis + 1]],
            strides: [layout.strides()[axis], layout.strides()[axis + 1]],
        }
    }
}

/// The batch axes of a layout.
fn batch(layout: &Layout) -> Layout {
    let rank = layout.rank() - 2;
    Layout::from_parts(
        Dims::from_slice(&layout.shape()[..rank]),
        Strides::from_slice(&layout.strides()[..rank]),
        layout.offset(),
    )
}

/// Where the matrices of all operands begin: output, `a`, `b` and the epilogue's.
struct Batches {
    loops: Loops<{ 3 + TERMS }>,
}

impl Batches {
    fn new([a, b]: [&View; 2], terms: [Option<View>; TERMS], out: &View) -> Self {
        let or_out = |view: &Option<View>| batch(view.as_ref().unwrap_or(out).layout);
        let (a, b, out_batch) = (batch(a.layout), batch(b.layout), batch(out.layout));
        let [bias, multiply, c] = terms.each_ref().map(or_out);
        let layouts = [&out_batch, &a, &b, &bias, &multiply, &c];
        Self { loops: collapse(layouts, Order::Any) }
    }

    fn count(&self) -> usize {
        self.loops.len()
    }

    fn offsets(&self, n: usize) -> [isize; 3 + TERMS] {
        std::array::from_fn(|i| {
            let strides = &self.loops.strides[i];
            let offset = self.loops.offsets[i] as isize;
            Section { shape: &self.loops.shape, strides, offset, start: n, len: 1 }.offset_of(n)
        })
    }
}

/// Computes the product; `false` if it isn't defined for the type.
pub fn matmul(op: &Matmul, out: &View) -> bool {
    let on_integers = matches!(op.activation, Activation::None | Activation::Relu);
    if out.dtype.is_integer() && !on_integers {
        return false;
    }
    match out.dtype {
        DType::F32 => real::products::<f32>(&Job::new(op, out)),
        DType::F64 => real::products::<f64>(&Job::new(op, out)),
        DType::F16 => real::products::<half::f16>(&Job::new(op, out)),
        DType::BF16 => {
            let job = Job::new(op, out);
            #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
            if amx::products(&job) {
                return true;
            }
            real::products::<half::bf16>(&job);
        }
        _ => match_number!(out.dtype, S => tiles::<S>(&Job::new(op, out)), bool => return false),
    }
    true
}

/// The epilogue on slices, `out` being the product at first. A term that is absent changes nothing.
struct Finish<'a, T> {
    out: &'a mut [T],
    alpha: T,
    activation: Activation,
    beta: T,
    terms: [Option<&'a [T]>; TERMS],
}

impl<'a, T: Product> Finish<'a, T> {
    fn new(op: &Matmul, out: &'a mut [T], terms: [Option<&'a [T]>; TERMS]) -> Self {
        let (alpha, beta) = (T::from_scalar(op.alpha), T::from_scalar(op.beta));
        Self { out, alpha, activation: op.activation, beta, terms }
    }
}

impl<T: Product> pulp::NullaryFnOnce for Finish<'_, T> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let [bias, multiply, c] = self.terms.map(Option::unwrap_or_default);
        if self.alpha != T::ONE {
            self.out.iter_mut().for_each(|out| *out = out.mul(self.alpha));
        }
        for (out, &bias) in self.out.iter_mut().zip(bias) {
            *out = out.add(bias);
        }
        match self.activation {
            Activation::None => {}
            Activation::Relu => self.out.iter_mut().for_each(|out| *out = out.activate(Activation::Relu)),
            Activation::Gelu => self.out.iter_mut().for_each(|out| *out = out.activate(Activation::Gelu)),
            Activation::Silu => self.out.iter_mut().for_each(|out| *out = out.activate(Activation::Silu)),
            Activation::Sigmoid => self.out.iter_mut().for_each(|out| *out = out.activate(Activation::Sigmoid)),
        }
        for (out, &multiply) in self.out.iter_mut().zip(multiply) {
            *out = out.mul(multiply);
        }
        for (out, &c) in self.out.iter_mut().zip(c) {
            *out = out.add(c.mul(self.beta));
        }
    }
}

/// An operation, ready for its tiles.
struct Job<'a, S: Storage> {
    op: &'a Matmul<'a>,
    /// Rows, columns and steps of a product.
    shape: [usize; 3],
    a: (Input<S::Compute>, Matrix),
    b: (Input<S::Compute>, Matrix),
    terms: [Option<(Input<S::Compute>, Matrix)>; TERMS],
    out: (Output<S::Compute>, Matrix),
    batches: Batches,
}

impl<'a, S: Storage<Compute: Product>> Job<'a, S> {
    fn new(op: &'a Matmul, out: &View) -> Self {
        let matrix = Matrix::of(out.layout);
        let ([rows, columns], [down, across]) = (matrix.shape, matrix.strides.map(isize::unsigned_abs));
        // The product of the transposed: tiles are wide, and written row by row.
        let turned = columns == 1 || (rows > 1 && down < across);
        let (first, second) = if turned { (&op.b, &op.a) } else { (&op.a, &op.b) };
        let turn = |matrix: Matrix| if turned { matrix.transposed() } else { matrix };
        let input = |view: &View| (Input::new::<S>(view, out), turn(Matrix::of(view.layout)));
        let (a, b) = (input(first), input(second));
        let ([m, k], [_, n]) = (a.1.shape, b.1.shape);
        let terms = op.terms().map(|term| term.as_ref().map(input));
        let out_matrix = (Output::new::<S>(out), turn(matrix));
        let batches = Batches::new([first, second], op.terms(), out);
        Self { op, shape: [m, n, k], a, b, terms, out: out_matrix, batches }
    }

    /// Where the tile at `[row, column]` lies, if its rows do and the product is all there is to it but for how it is stored.
    fn direct(&self, offsets: &[isize], [row, column]: [usize; 2]) -> Option<gemm::Rows<S>> {
        let [down, across] = self.out.1.strides;
        let plain = S::Compute::from_scalar(self.op.alpha) == S::Compute::ONE
            && self.op.activation == Activation::None
            && self.terms.iter().all(Option::is_none);
        let start = self.out.0.start().cast::<S>();
        let start = start.wrapping_offset(offsets[0] + row as isize * down + column as isize);
        (plain && across == 1).then_some(gemm::Rows { start, row: down })
    }

    /// Finishes the tile at `[row, column]` of the product with these offsets, and writes it to the output.
    ///
    /// # Safety
    /// The operation must hold the locks of its buffers, and no other task write the tile.
    unsafe fn finish(&self, offsets: &[isize], at: [usize; 2], shape: [usize; 2], product: &mut [S::Compute]) {
        let mut stages: [Vec<S::Compute>; TERMS] = Default::default();
        let mut pairs = self.terms.iter().zip(&offsets[3..]).zip(&mut stages);
        let slices = std::array::from_fn(|_| {
            let ((term, &offset), stage) = pairs.next()?;
            let (input, matrix) = term.as_ref()?;
            // SAFETY: the locks are held, and `View::new` checked the layouts, of which this is a part; what is read in place
            // lies in another buffer than the output's.
            Some(unsafe { input.slice(&part(matrix, offset, at, &shape), stage) })
        });
        pulp::Arch::new().dispatch(Finish::new(self.op, product, slices));
        // SAFETY: the lock is held exclusively, each tile is written by one task alone, and the product is memory of its own.
        unsafe { self.out.0.put(&part(&self.out.1, offsets[0], at, &shape), product) };
    }
}

/// Tiles of integers.
fn tiles<S: Storage<Compute: Product>>(job: &Job<S>) {
    let [m, n, k] = job.shape;
    let grid = [m.div_ceil(TILE), n.div_ceil(TILE)];
    let work = |range: std::ops::Range<usize>| {
        let mut product = Vec::new();
        let [mut a_stage, mut b_stage] = [const { Vec::new() }; 2];
        for task in range {
            let offsets = job.batches.offsets(task / (grid[0] * grid[1]));
            let tile = task % (grid[0] * grid[1]);
            let (row, col) = (tile / grid[1] * TILE, tile % grid[1] * TILE);
            let shape = [TILE.min(m - row), TILE.min(n - col)];
            product.clear();
            product.resize(shape[0] * shape[1], S::Compute::ZERO);
            for depth in (0..k).step_by(DEPTH) {
                let len = DEPTH.min(k - depth);
                let (a_part, b_part) = ([shape[0], len], [len, shape[1]]);
                let ((a, a_matrix), (b, b_matrix)) = (&job.a, &job.b);
                // SAFETY: the operation holds the locks and `View::new` checked the layouts, of which these are parts; what
                // is read in place lies in another buffer than the output's.
                let (a, b) = unsafe {
                    (
                        a.slice(&part(a_matrix, offsets[1], [row, depth], &a_part), &mut a_stage),
                        b.slice(&part(b_matrix, offsets[2], [depth, col], &b_part), &mut b_stage),
                    )
                };
                pulp::Arch::new().dispatch(IntegerTile { c: &mut product, a, b, n: shape[1], k: len });
            }
            // SAFETY: the operation holds the locks, and this task alone has the tile.
            unsafe { job.finish(&offsets, [row, col], shape, &mut product) };
        }
    };
    let count = job.batches.count() * grid[0] * grid[1];
    let per_tile = m.min(TILE) * n.min(TILE) * k.max(1);
    parallel::run(per_tile.saturating_mul(count) >= LARGE, || {
        parallel::for_each(count, (LARGE / per_tile).max(1), &work);
    });
}

/// The part of a matrix that begins at `[row, column]` and has the shape `shape`.
fn part<'a>(matrix: &'a Matrix, offset: isize, [row, col]: [usize; 2], shape: &'a [usize; 2]) -> Section<'a> {
    let offset = offset + row as isize * matrix.strides[0] + col as isize * matrix.strides[1];
    // A single row is a run whatever the stride to the next.
    let from = usize::from(shape[0] == 1);
    Section { shape: &shape[from..], strides: &matrix.strides[from..], offset, start: 0, len: shape[0] * shape[1] }
}
