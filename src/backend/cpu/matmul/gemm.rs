//! Tiles of matrix products in registers.
//!
//! The result is computed in blocks of some rows by two vectors of columns that stay in registers: for each step of k the two
//! vectors of `b` are loaded once and multiplied by each row's element of `a`. A block takes [`DEPTH`] steps and is then added to
//! the tile, in every case: so an element's bits depend on the values along k alone, not on shapes, strides, tiles or threads.
//!
//! `b` is read as panels as wide as a block, `a` as groups as high as one; *packed* operands have them one after the other, so
//! that reading them is reading straight on. A product too small for that to pay takes its operands as they lie.

use pulp::{Simd, WithSimd};

/// Steps of k that are added up in registers: a panel of `b` of this depth stays in the nearest cache.
pub const DEPTH: usize = 256;

/// A type that there are vectors of.
pub trait Lanes: Copy + Default + Send + Sync + bytemuck::Pod {
    type Vector<S: Simd>: bytemuck::Pod;

    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;
    fn multiply_add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, c: Self::Vector<S>) -> Self::Vector<S>;
    fn sum<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
}

macro_rules! lanes {
    ($t:ty, $vector:ident, $splat:ident, $multiply_add:ident, $add:ident) => {
        impl Lanes for $t {
            type Vector<S: Simd> = S::$vector;

            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$vector {
                simd.$splat(x)
            }
            #[inline(always)]
            fn multiply_add<S: Simd>(simd: S, a: S::$vector, b: S::$vector, c: S::$vector) -> S::$vector {
                simd.$multiply_add(a, b, c)
            }
            #[inline(always)]
            fn sum<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }
        }
    };
}
lanes!(f32, f32s, splat_f32s, mul_add_e_f32s, add_f32s);
lanes!(f64, f64s, splat_f64s, mul_add_e_f64s, add_f64s);

/// Rows of a block: with the two vectors of each, what the registers hold beside the operands.
const fn block_rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 12 } else { 6 }
}

const fn block_columns<T: Lanes, S: Simd>() -> usize {
    2 * size_of::<T::Vector<S>>() / size_of::<T>()
}

/// Rows of the next block or group when `left` are left.
#[inline(always)]
fn next_rows<S: Simd>(left: usize) -> usize {
    [block_rows::<S>(), 4, 2].into_iter().find(|&rows| rows <= left).unwrap_or(1)
}

/// Columns of a block for elements of `T`.
pub fn panel<T: Lanes>() -> usize {
    struct Panel<T>(std::marker::PhantomData<T>);
    impl<T: Lanes> WithSimd for Panel<T> {
        type Output = usize;
        fn with_simd<S: Simd>(self, _: S) -> usize {
            block_columns::<T, S>()
        }
    }
    pulp::Arch::new().dispatch(Panel::<T>(std::marker::PhantomData))
}

/// A matrix in memory.
#[derive(Clone, Copy)]
pub struct Matrix<T> {
    pub start: *const T,
    pub row: isize,
    pub column: isize,
}

/// `c = a @ b`, or `c += a @ b` unless `first`, for a tile of `rows` by `columns` (a multiple of [`panel`]) and up to [`DEPTH`] steps.
pub struct Multiply<T> {
    pub rows: usize,
    pub columns: usize,
    pub steps: usize,
    /// Packed, or, if one of its strides is 1, as it lies.
    pub a: Matrix<T>,
    pub a_packed: bool,
    pub b: *const T,
    /// From a step to the next, and from a panel to the next.
    pub b_strides: [isize; 2],
    pub c: *mut T,
    pub c_row: usize,
    pub first: bool,
}

impl<T: Lanes> Multiply<T> {
    /// # Safety
    /// The matrices must be valid for reads, `c` for reads and writes, none may be written by others meanwhile, and `a` and `b` lie
    /// outside `c`.
    pub unsafe fn run(self) {
        pulp::Arch::new().dispatch(self);
    }
}

impl<T: Lanes> WithSimd for Multiply<T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        for column in (0..self.columns).step_by(block_columns::<T, S>()) {
            let mut row = 0;
            while row < self.rows {
                let rows = next_rows::<S>(self.rows - row);
                // SAFETY: `run`'s caller vouches for the matrices, of which a block is a part.
                unsafe {
                    match rows {
                        12 => self.block::<S, 12>(simd, row, column),
                        6 => self.block::<S, 6>(simd, row, column),
                        4 => self.block::<S, 4>(simd, row, column),
                        2 => self.block::<S, 2>(simd, row, column),
                        _ => self.block::<S, 1>(simd, row, column),
                    }
                }
                row += rows;
            }
        }
    }
}

impl<T: Lanes> Multiply<T> {
    #[inline(always)]
    unsafe fn block<S: Simd, const ROWS: usize>(&self, simd: S, row: usize, column: usize) {
        let panel = column / block_columns::<T, S>();
        // SAFETY: `run`'s caller vouches for the matrices.
        unsafe {
            let b = self.b.offset(panel as isize * self.b_strides[1]);
            let c = self.c.add(row * self.c_row + column);
            // The stride that is a constant is one to the compiler, too.
            if self.a_packed {
                self.columns_of_a::<S, ROWS>(simd, self.a.start.add(row * self.steps), 1, ROWS as isize, b, c);
            } else if self.a.column == 1 {
                self.columns_of_a::<S, ROWS>(simd, self.a.start.offset(row as isize * self.a.row), self.a.row, 1, b, c);
            } else {
                self.columns_of_a::<S, ROWS>(simd, self.a.start.add(row), 1, self.a.column, b, c);
            }
        }
    }

    #[inline(always)]
    unsafe fn columns_of_a<S: Simd, const ROWS: usize>(
        &self,
        simd: S,
        mut a: *const T,
        a_row: isize,
        a_column: isize,
        mut b: *const T,
        c: *mut T,
    ) {
        let lanes = block_columns::<T, S>() / 2;
        let mut sums = [[T::splat(simd, T::default()); 2]; ROWS];
        // SAFETY: `run`'s caller vouches for the matrices.
        unsafe {
            for _ in 0..self.steps {
                let vectors = [0, 1].map(|j| b.add(j * lanes).cast::<T::Vector<S>>().read_unaligned());
                for (i, sums) in sums.iter_mut().enumerate() {
                    let x = T::splat(simd, *a.offset(i as isize * a_row));
                    sums[0] = T::multiply_add(simd, x, vectors[0], sums[0]);
                    sums[1] = T::multiply_add(simd, x, vectors[1], sums[1]);
                }
                a = a.wrapping_offset(a_column);
                b = b.wrapping_offset(self.b_strides[0]);
            }
            for (i, sums) in sums.into_iter().enumerate() {
                for (j, sum) in sums.into_iter().enumerate() {
                    let at = c.add(i * self.c_row + j * lanes).cast::<T::Vector<S>>();
                    at.write_unaligned(if self.first { sum } else { T::sum(simd, at.read_unaligned(), sum) });
                }
            }
        }
    }
}

/// Packs a part of a matrix.
pub struct Pack<'a, T> {
    pub matrix: Matrix<T>,
    pub steps: usize,
    /// Rows of `a` or columns of `b`.
    pub free: usize,
    pub out: &'a mut [T],
}

/// Groups of rows of `a`; `out` holds `steps * free` elements.
pub struct Groups<'a, T>(pub Pack<'a, T>);

/// Panels of columns of `b`, the last one filled with zeros; `out` holds `steps` times `free` rounded up to [`panel`].
pub struct Panels<'a, T>(pub Pack<'a, T>);

impl<T: Lanes> Groups<'_, T> {
    /// # Safety
    /// The part of the matrix must be valid for reads, written by no one meanwhile, and lie outside `out`.
    pub unsafe fn run(self) {
        pulp::Arch::new().dispatch(self);
    }
}

impl<T: Lanes> Panels<'_, T> {
    /// # Safety
    /// As for [`Groups::run`].
    pub unsafe fn run(self) {
        pulp::Arch::new().dispatch(self);
    }
}

impl<T: Lanes> WithSimd for Groups<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Pack { matrix, steps, free, out } = self.0;
        let mut row = 0;
        while row < free {
            let rows = next_rows::<S>(free - row);
            let group = &mut out[row * steps..(row + rows) * steps];
            let start = matrix.start.wrapping_offset(row as isize * matrix.row);
            let strides = [matrix.column, matrix.row];
            // SAFETY: the group is a part of what `run`'s caller vouches for.
            unsafe {
                match rows {
                    12 => interleave::<T, 12>(start, strides, group),
                    6 => interleave::<T, 6>(start, strides, group),
                    4 => interleave::<T, 4>(start, strides, group),
                    2 => interleave::<T, 2>(start, strides, group),
                    _ => interleave::<T, 1>(start, strides, group),
                }
            }
            row += rows;
        }
    }
}

impl<T: Lanes> WithSimd for Panels<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Pack { matrix, steps, free, out } = self.0;
        let width = block_columns::<T, S>();
        for (i, panel) in out.chunks_exact_mut(width * steps).enumerate() {
            let column = i * width;
            let start = matrix.start.wrapping_offset(column as isize * matrix.column);
            let strides = [matrix.row, matrix.column];
            // SAFETY: the panel is a part of what `run`'s caller vouches for.
            unsafe {
                match width {
                    _ if free - column < width => edge(start, strides, free - column, width, panel),
                    32 => interleave::<T, 32>(start, strides, panel),
                    16 => interleave::<T, 16>(start, strides, panel),
                    8 => interleave::<T, 8>(start, strides, panel),
                    4 => interleave::<T, 4>(start, strides, panel),
                    _ => edge(start, strides, width, width, panel),
                }
            }
        }
    }
}

/// Steps of a matrix of `N` rows (or columns), one after the other.
///
/// # Safety
/// `start[p * strides[0] + i * strides[1]]` must be valid for reads for `i` below `N` and `p` below `out.len() / N`.
#[inline(always)]
unsafe fn interleave<T: Lanes, const N: usize>(start: *const T, strides: [isize; 2], out: &mut [T]) {
    /// Steps that are turned at a time where steps are neighbours in memory.
    const TURN: usize = 8;
    let at = |p: usize, i: usize| start.wrapping_offset(p as isize * strides[0] + i as isize * strides[1]);
    let (out, _) = out.as_chunks_mut::<N>();
    // SAFETY: the caller vouches for the elements.
    unsafe {
        if strides[1] == 1 {
            for (p, out) in out.iter_mut().enumerate() {
                *out = at(p, 0).cast::<[T; N]>().read_unaligned();
            }
        } else if strides[0] == 1 {
            let (turns, rest) = out.as_chunks_mut::<TURN>();
            let done = turns.len() * TURN;
            for (q, turn) in turns.iter_mut().enumerate() {
                let lines: [[T; TURN]; N] =
                    std::array::from_fn(|i| at(q * TURN, i).cast::<[T; TURN]>().read_unaligned());
                for (p, out) in turn.iter_mut().enumerate() {
                    for (out, line) in out.iter_mut().zip(&lines) {
                        *out = line[p];
                    }
                }
            }
            for (p, out) in rest.iter_mut().enumerate() {
                *out = std::array::from_fn(|i| *at(done + p, i));
            }
        } else {
            for (p, out) in out.iter_mut().enumerate() {
                *out = std::array::from_fn(|i| *at(p, i));
            }
        }
    }
}

/// As [`interleave`] for `count` of `width`, and zeros for the rest.
///
/// # Safety
/// As there, for `i` below `count`.
unsafe fn edge<T: Lanes>(start: *const T, strides: [isize; 2], count: usize, width: usize, out: &mut [T]) {
    for (p, out) in out.chunks_exact_mut(width).enumerate() {
        for (i, out) in out.iter_mut().enumerate() {
            let at = start.wrapping_offset(p as isize * strides[0] + i as isize * strides[1]);
            // SAFETY: the caller vouches for the elements below `count`.
            *out = if i < count { unsafe { *at } } else { T::default() };
        }
    }
}
