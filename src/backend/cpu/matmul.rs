//! Matrix products with an epilogue.
//!
//! f32 and f64 go to the `gemm` crate as they lie in memory, at any strides, and the epilogue is a second pass over the output.
//! Everything else is computed tile by tile: half types, whose panels are converted to f32 on the way; integers, which wrap;
//! and the shapes for which `gemm` would choose the order of summation by the operands' strides, so that an element's bits
//! depend on the shapes and the values alone. A tile is finished, epilogue and all, before its part of the output is written.

use gemm::Parallelism;

use super::blocks::Section;
use super::elementwise::{self, zip};
use super::memory::Buffer;
use super::operand::{Input, Output, View};
use super::parallel;
use super::scalar::{Arithmetic, Real};
use super::storage::{Storage, match_number};
use crate::backend::Activation;
use crate::dtype::{DType, Element, Scalar};
use crate::layout::{Dims, Layout, Loops, Order, Strides, collapse, row_major};

/// Rows and columns of a tile of the output.
const TILE: usize = 256;
/// Length of the panels that a tile is accumulated from.
const DEPTH: usize = 512;
/// Outputs up to this many elements are small to `gemm`: it then sums in an order that depends on the strides.
const SMALL: usize = 16 * 16;
/// Multiplications below which an operation stays on the calling thread.
const LARGE: usize = 64 * 64 * 64;

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

/// A type that products are accumulated in.
pub trait Product: Arithmetic {
    /// `c += a @ b` for row-major `c` (`m` by `n`), `a` (`m` by `k`) and `b` (`k` by `n`), the lengths being those.
    fn accumulate(c: &mut [Self], a: &[Self], b: &[Self], n: usize, k: usize);

    fn activate(self, activation: Activation) -> Self;
}

macro_rules! real_product {
    ($($t:ty)*) => {$(
        impl Product for $t {
            fn accumulate(c: &mut [Self], a: &[Self], b: &[Self], n: usize, k: usize) {
                let (m, k, n) = (c.len() / n, k as isize, n as isize);
                debug_assert!(a.len() == m * k as usize && b.len() == (k * n) as usize);
                // SAFETY: the slices are row-major matrices of these sizes, and `c` is none of the others.
                unsafe {
                    gemm::gemm(
                        m, n as usize, k as usize,
                        c.as_mut_ptr(), 1, n, true,
                        a.as_ptr(), 1, k,
                        b.as_ptr(), 1, n,
                        1.0, 1.0, false, false, false, Parallelism::None,
                    );
                }
            }

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
            fn accumulate(c: &mut [Self], a: &[Self], b: &[Self], n: usize, k: usize) {
                pulp::Arch::new().dispatch(IntegerTile { c, a, b, n, k });
            }

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
    fn new(op: &Matmul, out: &View) -> Self {
        let or_out = |view: &Option<View>| batch(view.as_ref().unwrap_or(out).layout);
        let (a, b, out_batch) = (batch(op.a.layout), batch(op.b.layout), batch(out.layout));
        let [bias, multiply, c] = op.terms().each_ref().map(or_out);
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
    let [m, n] = Matrix::of(out.layout).shape;
    let canonical = m > 1 && n > 1 && m * n > SMALL;
    // A first pass over the output would destroy an operand that is the output's memory.
    let apart = [op.a, op.b].iter().chain(op.terms().iter().flatten()).all(|view| !view.shares_buffer(out));
    match out.dtype {
        DType::F32 if canonical && apart => forwards::<f32>(op, out),
        DType::F64 if canonical && apart => forwards::<f64>(op, out),
        _ => match_number!(out.dtype, S => tiles::<S>(op, out), bool => return false),
    }
    true
}

/// [`whole`], with a copy of an operand that lies backwards along the axis of summation: `gemm` would sum backwards too.
fn forwards<T>(op: &Matmul, out: &View)
where
    T: Element + Storage<Compute = T> + Product + Real,
{
    let backwards = |view: &View, axis: usize| Matrix::of(view.layout).strides[axis] < 0;
    if backwards(&op.a, 1) {
        return with_copy::<T>(&op.a, |a| forwards::<T>(&Matmul { a, ..*op }, out));
    }
    if backwards(&op.b, 0) {
        return with_copy::<T>(&op.b, |b| forwards::<T>(&Matmul { b, ..*op }, out));
    }
    whole::<T>(op, out);
}

/// Calls `work` with a row-major copy of `view`.
fn with_copy<T: Element>(view: &View, work: impl FnOnce(View)) {
    let buffer = Buffer::adopt(vec![T::ZERO; view.layout.len()]);
    let layout = Layout::from_parts(view.layout.shape().into(), row_major(view.layout.shape()), 0);
    let copy = View { buffer: &buffer, layout: &layout, dtype: view.dtype };
    elementwise::copy(view, &copy);
    work(copy);
}

/// Whole matrices by `gemm`, then the epilogue.
fn whole<T>(op: &Matmul, out: &View)
where
    T: Storage<Compute = T> + Product + Real,
{
    let (a, b, c) = (Matrix::of(op.a.layout), Matrix::of(op.b.layout), Matrix::of(out.layout));
    let ([m, k], [_, n]) = (a.shape, b.shape);
    let batches = Batches::new(op, out);
    let matrices = Pointers::<T> {
        a: op.a.buffer.start().cast_const().cast(),
        b: op.b.buffer.start().cast_const().cast(),
        out: out.buffer.start().cast(),
    };
    let product = |batch: usize, parallelism: Parallelism| {
        let offsets = batches.offsets(batch);
        let (a_start, b_start, out_start) = matrices.get();
        // SAFETY: the operation holds the locks, `View::new` checked the layouts, of which these are the last two axes, the
        // output reaches no element twice and shares no buffer with the operands, and each batch is written by one call alone.
        unsafe {
            gemm::gemm(
                m,
                n,
                k,
                out_start.offset(offsets[0]),
                c.strides[1],
                c.strides[0],
                false,
                a_start.offset(offsets[1]),
                a.strides[1],
                a.strides[0],
                b_start.offset(offsets[2]),
                b.strides[1],
                b.strides[0],
                <T as Arithmetic>::ZERO,
                <T as Arithmetic>::ONE,
                false,
                false,
                false,
                parallelism,
            );
        }
    };
    let work = m.saturating_mul(n).saturating_mul(k.max(1));
    let (count, threads) = (batches.count(), parallel::threads());
    parallel::run(work.saturating_mul(count) >= LARGE, || {
        // Many products run side by side, few one after the other on all threads.
        if count >= 4 * threads {
            let grain = (LARGE / work).max(1);
            parallel::for_each(count, grain, &|range| range.for_each(|n| product(n, Parallelism::None)));
        } else {
            (0..count).for_each(|n| product(n, Parallelism::Rayon(threads)));
        }
    });
    epilogue::<T>(op, out);
}

/// Addresses of the matrices, for several threads.
struct Pointers<T> {
    a: *const T,
    b: *const T,
    out: *mut T,
}

// SAFETY: they are used only while the operation holds the buffers' locks.
unsafe impl<T> Sync for Pointers<T> {}

impl<T> Pointers<T> {
    fn get(&self) -> (*const T, *const T, *mut T) {
        (self.a, self.b, self.out)
    }
}

/// The epilogue over an output that holds the product.
fn epilogue<T: Storage<Compute = T> + Product>(op: &Matmul, out: &View) {
    let terms = op.terms();
    let scaled = T::from_scalar(op.alpha) != <T as Arithmetic>::ONE;
    if !scaled && op.activation == Activation::None && terms.iter().all(Option::is_none) {
        return;
    }
    let input = |view: &Option<View>| view.map_or(Input::Scalar(T::ZERO), |view| Input::new::<T>(&view, out));
    let layout = |view: &Option<View>| view.map_or(out.layout.clone(), |view| view.layout.clone());
    let [bias, multiply, c] = terms.each_ref().map(layout);
    let loops = collapse([out.layout, out.layout, &bias, &multiply, &c], Order::Any);
    let [bias, multiply, c] = terms.each_ref().map(input);
    let inputs = [Input::new::<T>(out, out), bias, multiply, c];
    let present = terms.map(|term| term.is_some());
    zip(&loops, &Output::new::<T>(out), &inputs, |out, [product, terms @ ..]| {
        out.copy_from_slice(product);
        let terms = std::array::from_fn(|i| if present[i] { Some(terms[i]) } else { None });
        pulp::Arch::new().dispatch(Finish::new(op, out, terms));
    });
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

/// Tiles of the output, one task each.
fn tiles<S: Storage<Compute: Product>>(op: &Matmul, out: &View) {
    let (a, b, c) = (Matrix::of(op.a.layout), Matrix::of(op.b.layout), Matrix::of(out.layout));
    let ([m, k], [_, n]) = (a.shape, b.shape);
    let batches = Batches::new(op, out);
    let operand = |view: &View| Input::new::<S>(view, out);
    let (a_input, b_input) = (operand(&op.a), operand(&op.b));
    let terms = op.terms().map(|term| term.map(|view| (operand(&view), Matrix::of(view.layout))));
    let output = Output::new::<S>(out);
    let grid = [m.div_ceil(TILE), n.div_ceil(TILE)];
    let work = |range: std::ops::Range<usize>| {
        let mut product = Vec::new();
        let mut stages: [Vec<S::Compute>; 3 + TERMS] = Default::default();
        for task in range {
            let offsets = batches.offsets(task / (grid[0] * grid[1]));
            let tile = task % (grid[0] * grid[1]);
            let (row, col) = (tile / grid[1] * TILE, tile % grid[1] * TILE);
            let shape = [TILE.min(m - row), TILE.min(n - col)];
            product.clear();
            product.resize(shape[0] * shape[1], S::Compute::ZERO);
            let [out_stage, a_stage, b_stage, term_stages @ ..] = &mut stages;
            for depth in (0..k).step_by(DEPTH) {
                let len = DEPTH.min(k - depth);
                let (a_part, b_part) = ([shape[0], len], [len, shape[1]]);
                // SAFETY: the operation holds the locks and `View::new` checked the layouts, of which these are parts; what
                // is read in place lies in another buffer than the output's.
                let (a, b) = unsafe {
                    (
                        a_input.slice(&part(&a, offsets[1], [row, depth], &a_part), a_stage),
                        b_input.slice(&part(&b, offsets[2], [depth, col], &b_part), b_stage),
                    )
                };
                S::Compute::accumulate(&mut product, a, b, shape[1], len);
            }
            let mut pairs = terms.iter().zip(&offsets[3..]).zip(term_stages);
            let slices = std::array::from_fn(|_| {
                let ((term, &offset), stage) = pairs.next()?;
                let (input, matrix) = term.as_ref()?;
                // SAFETY: as above.
                Some(unsafe { input.slice(&part(matrix, offset, [row, col], &shape), stage) })
            });
            pulp::Arch::new().dispatch(Finish::new(op, &mut product, slices));
            // SAFETY: the lock is held exclusively and each tile is written by one task alone; what was read is in memory of
            // its own or in other buffers.
            unsafe {
                output.write(&part(&c, offsets[0], [row, col], &shape), out_stage, |out| out.copy_from_slice(&product));
            }
        }
    };
    let count = batches.count() * grid[0] * grid[1];
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
