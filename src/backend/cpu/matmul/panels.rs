//! Panels: as many columns of a matrix as a block has, or as many rows of the transposed, the elements of a step beside each other.
//!
//! [`gemm`](super::gemm) reads a packed panel straight on, and from the nearest cache, whatever the strides of the matrix were.

use pulp::{Simd, WithSimd};

use super::gemm::{Lanes, Matrix};

/// Packs a matrix of `steps` by `columns` as panels of some `width`, the last of them filled up with zeros.
pub struct Panels<'a, T> {
    pub matrix: Matrix<T>,
    pub steps: usize,
    pub columns: usize,
    pub width: usize,
    /// As long as the steps times the columns of all panels.
    pub out: &'a mut [T],
}

impl<T: Lanes> Panels<'_, T> {
    /// # Safety
    /// The part of the matrix must be valid for reads, written by no one meanwhile, and lie outside `out`.
    pub unsafe fn run(self) {
        pulp::Arch::new().dispatch(self);
    }
}

impl<T: Lanes> WithSimd for Panels<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Panels { matrix, steps, columns, width, out } = self;
        let mut done = 0;
        if matrix.column == 1 {
            done = columns / width;
            // SAFETY: the panels are a part of what `run`'s caller vouches for.
            unsafe {
                match width {
                    32 => side_by_side::<T, 32>(matrix.start, matrix.row, steps, done, out),
                    16 => side_by_side::<T, 16>(matrix.start, matrix.row, steps, done, out),
                    12 => side_by_side::<T, 12>(matrix.start, matrix.row, steps, done, out),
                    8 => side_by_side::<T, 8>(matrix.start, matrix.row, steps, done, out),
                    6 => side_by_side::<T, 6>(matrix.start, matrix.row, steps, done, out),
                    4 => side_by_side::<T, 4>(matrix.start, matrix.row, steps, done, out),
                    _ => done = 0,
                }
            }
        }
        for (i, panel) in out.chunks_exact_mut(width * steps).enumerate().skip(done) {
            let column = i * width;
            let start = matrix.start.wrapping_offset(column as isize * matrix.column);
            let strides = [matrix.row, matrix.column];
            // SAFETY: the panel is a part of what `run`'s caller vouches for.
            unsafe {
                match width {
                    _ if columns - column < width => edge(start, strides, columns - column, width, panel),
                    32 => interleave::<T, 32, 4>(start, strides, panel),
                    16 => interleave::<T, 16, 4>(start, strides, panel),
                    12 => interleave::<T, 12, 4>(start, strides, panel),
                    8 => interleave::<T, 8, 4>(start, strides, panel),
                    6 => interleave::<T, 6, 2>(start, strides, panel),
                    4 => interleave::<T, 4, 4>(start, strides, panel),
                    _ => edge(start, strides, width, width, panel),
                }
            }
        }
    }
}

/// `count` panels of `N` columns that are neighbours in memory, all of them step by step, so that memory is read straight on.
///
/// # Safety
/// `start[p * stride + i]` must be valid for reads for `i` below `count * N` and `p` below `steps`.
#[inline(always)]
unsafe fn side_by_side<T: Lanes, const N: usize>(
    start: *const T,
    stride: isize,
    steps: usize,
    count: usize,
    out: &mut [T],
) {
    let out = &mut out.as_chunks_mut::<N>().0[..count * steps];
    for p in 0..steps {
        let from = start.wrapping_offset(p as isize * stride).cast::<[T; N]>();
        for i in 0..count {
            // SAFETY: the caller vouches for the elements.
            out[i * steps + p] = unsafe { from.add(i).read_unaligned() };
        }
    }
}

/// A panel of `N` columns, one step after the other. Squares of edge `EDGE`, a divisor of `N` and 16, are turned in registers.
///
/// # Safety
/// `start[p * strides[0] + i * strides[1]]` must be valid for reads for `i` below `N` and `p` below `out.len() / N`.
#[inline(always)]
unsafe fn interleave<T: Lanes, const N: usize, const EDGE: usize>(start: *const T, strides: [isize; 2], out: &mut [T]) {
    /// Steps that are turned of some columns before the next: a line of the cache, or two.
    const TURN: usize = 16;
    let at = |p: usize, i: usize| start.wrapping_offset(p as isize * strides[0] + i as isize * strides[1]);
    let (out, _) = out.as_chunks_mut::<N>();
    let mut done = 0;
    // SAFETY: the caller vouches for the elements.
    unsafe {
        if strides[0] == 1 {
            let (turns, _) = out.as_chunks_mut::<TURN>();
            done = turns.len() * TURN;
            for (q, turn) in turns.iter_mut().enumerate() {
                for i in (0..N).step_by(EDGE) {
                    for (p, out) in turn.as_chunks_mut::<EDGE>().0.iter_mut().enumerate() {
                        let square: [[T; EDGE]; EDGE] = std::array::from_fn(|j| {
                            at(q * TURN + p * EDGE, i + j).cast::<[T; EDGE]>().read_unaligned()
                        });
                        for (p, out) in out.iter_mut().enumerate() {
                            out[i..i + EDGE].copy_from_slice(&square.map(|line| line[p]));
                        }
                    }
                }
            }
        }
        for (p, out) in out.iter_mut().enumerate().skip(done) {
            *out = std::array::from_fn(|i| *at(p, i));
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
