//! Tiles of matrix products in registers.
//!
//! The result is computed in blocks of some rows by two vectors of columns that stay in registers: for each step of k the two
//! vectors of `b` are loaded once and multiplied by each row's element of `a`. A block takes [`DEPTH`] steps and is then added to
//! the tile, in every case: so an element's bits depend on the values along k alone, not on shapes, strides, tiles or threads.
//!
//! `b` is read in panels as wide as a block and `a` in groups of rows as high as one, as they lie or packed (see
//! [`panels`](super::panels)).

use pulp::{Simd, WithSimd};

#[cfg(target_arch = "x86_64")]
use super::avx512;

/// Steps of k that are added up in registers: a panel of `b` of this depth stays in the nearest cache.
pub const DEPTH: usize = 256;

/// A type that there are vectors of.
pub trait Lanes: Copy + Default + Send + Sync + bytemuck::Pod {
    type Vector<S: Simd>: bytemuck::Pod;

    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;
    fn multiply_add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>, c: Self::Vector<S>) -> Self::Vector<S>;
    fn sum<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;

    /// The sums of a block of `ROWS`, if there is machine code for it: of `steps` products of a column of `a` and two vectors of `b`.
    ///
    /// # Safety
    /// `S` must be what [`pulp::Arch`] dispatched to, there must be a step, and what the products are of must be valid for reads.
    unsafe fn block_sums<S: Simd, const ROWS: usize>(
        simd: S,
        a: Matrix<Self>,
        b: *const Self,
        b_step: isize,
        steps: usize,
    ) -> Option<[[Self::Vector<S>; 2]; ROWS]>;
}

macro_rules! lanes {
    ($t:ty, $vector:ident, $splat:ident, $multiply_add:ident, $add:ident, $machine:ident) => {
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
            #[inline(always)]
            #[allow(unused_variables, reason = "other processors have no such code")]
            unsafe fn block_sums<S: Simd, const ROWS: usize>(
                _: S,
                a: Matrix<$t>,
                b: *const $t,
                b_step: isize,
                steps: usize,
            ) -> Option<[[S::$vector; 2]; ROWS]> {
                #[cfg(target_arch = "x86_64")]
                if ROWS == avx512::ROWS && size_of::<S::$vector>() == 64 {
                    // SAFETY: the caller vouches for what is read, and that `pulp::Arch` chose these vectors, which have 64 bytes
                    // only where it has found AVX-512. The types of the sums differ in name only.
                    return Some(unsafe { std::mem::transmute_copy(&avx512::$machine(a, b, b_step, steps)) });
                }
                None
            }
        }
    };
}
lanes!(f32, f32s, splat_f32s, mul_add_e_f32s, add_f32s, sums_f32);
lanes!(f64, f64s, splat_f64s, mul_add_e_f64s, add_f64s, sums_f64);

/// Rows of a block: with the two vectors of each, what the registers hold beside the operands.
const fn block_rows<S: Simd>() -> usize {
    if S::REGISTER_COUNT >= 32 { 12 } else { 6 }
}

pub const fn block_columns<T: Lanes, S: Simd>() -> usize {
    2 * size_of::<T::Vector<S>>() / size_of::<T>()
}

/// Rows of the next block when `left` are left.
#[inline(always)]
fn next_rows<S: Simd>(left: usize) -> usize {
    [block_rows::<S>(), 4, 2].into_iter().find(|&rows| rows <= left).unwrap_or(1)
}

/// Rows and columns of a block for elements of `T`.
pub fn block<T: Lanes>() -> [usize; 2] {
    struct Block<T>(std::marker::PhantomData<T>);
    impl<T: Lanes> WithSimd for Block<T> {
        type Output = [usize; 2];
        fn with_simd<S: Simd>(self, _: S) -> [usize; 2] {
            [block_rows::<S>(), block_columns::<T, S>()]
        }
    }
    pulp::Arch::new().dispatch(Block::<T>(std::marker::PhantomData))
}

/// A matrix in memory.
#[derive(Clone, Copy)]
pub struct Matrix<T> {
    pub start: *const T,
    pub row: isize,
    pub column: isize,
}

/// `to = a @ b`, plus `sums` unless `first`, for a tile of `rows` by `columns` (whole panels) and up to [`DEPTH`] steps.
pub struct Multiply<T> {
    pub rows: usize,
    pub columns: usize,
    pub steps: usize,
    /// Within a group one of its strides is 1.
    pub a: Matrix<T>,
    /// From a group of as many rows of `a` as a block has to the next.
    pub a_group: isize,
    pub b: *const T,
    /// From a step to the next, and from a panel to the next.
    pub b_strides: [isize; 2],
    /// What earlier steps gave.
    pub sums: Rows<T>,
    /// Where the result goes, which may be where the sums are.
    pub to: Rows<T>,
    pub first: bool,
}

/// Rows of neighbours in memory that is written.
#[derive(Clone, Copy)]
pub struct Rows<T> {
    pub start: *mut T,
    pub row: isize,
}

impl<T> Rows<T> {
    pub fn at(&self, row: usize, column: usize) -> *mut T {
        self.start.wrapping_offset(row as isize * self.row).wrapping_add(column)
    }
}

impl<T: Lanes> Multiply<T> {
    /// # Safety
    /// There must be a step, and within a group one stride of `a` must be 1. The matrices and, unless this is the `first` time, the
    /// sums must be valid for reads and `to` for writes; nobody else may write the former or access the latter meanwhile, and `a`
    /// and `b` lie outside `to`.
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
        let (group, within) = (row / block_rows::<S>(), row % block_rows::<S>());
        let start = self.a.start.wrapping_offset(group as isize * self.a_group + within as isize * self.a.row);
        let a = Matrix { start, ..self.a };
        let b = self.b.wrapping_offset(panel as isize * self.b_strides[1]);
        // SAFETY: `run`'s caller vouches for the matrices, of which these are parts, and that there is a step; `run` has dispatched.
        unsafe {
            let sums = match T::block_sums::<S, ROWS>(simd, a, b, self.b_strides[0], self.steps) {
                Some(sums) => sums,
                // The stride that is a constant is one to the compiler, too.
                None if a.column == 1 => self.sums::<S, ROWS>(simd, a.start, [a.row, 1], b),
                None => self.sums::<S, ROWS>(simd, a.start, [1, a.column], b),
            };
            self.put(simd, sums, [row, column]);
        }
    }

    #[inline(always)]
    unsafe fn sums<S: Simd, const ROWS: usize>(
        &self,
        simd: S,
        mut a: *const T,
        [a_row, a_column]: [isize; 2],
        mut b: *const T,
    ) -> [[T::Vector<S>; 2]; ROWS] {
        let lanes = block_columns::<T, S>() / 2;
        let mut sums = [[T::splat(simd, T::default()); 2]; ROWS];
        for _ in 0..self.steps {
            // SAFETY: `run`'s caller vouches for the matrices.
            unsafe {
                let vectors = [0, 1].map(|j| b.add(j * lanes).cast::<T::Vector<S>>().read_unaligned());
                for (i, sums) in sums.iter_mut().enumerate() {
                    let x = T::splat(simd, *a.offset(i as isize * a_row));
                    sums[0] = T::multiply_add(simd, x, vectors[0], sums[0]);
                    sums[1] = T::multiply_add(simd, x, vectors[1], sums[1]);
                }
            }
            a = a.wrapping_offset(a_column);
            b = b.wrapping_offset(self.b_strides[0]);
        }
        sums
    }

    /// Adds a block's sums to those before and puts them where they go.
    #[inline(always)]
    unsafe fn put<S: Simd, const ROWS: usize>(
        &self,
        simd: S,
        sums: [[T::Vector<S>; 2]; ROWS],
        [row, column]: [usize; 2],
    ) {
        let lanes = block_columns::<T, S>() / 2;
        for (i, sums) in sums.into_iter().enumerate() {
            for (j, sum) in sums.into_iter().enumerate() {
                let at = |rows: &Rows<T>| rows.at(row + i, column + j * lanes).cast::<T::Vector<S>>();
                // SAFETY: `run`'s caller vouches for both.
                unsafe {
                    let before = (!self.first).then(|| at(&self.sums).read_unaligned());
                    at(&self.to).write_unaligned(before.map_or(sum, |before| T::sum(simd, before, sum)));
                }
            }
        }
    }
}
