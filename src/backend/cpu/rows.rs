//! Operations on each row of the last axis: softmax and normalisation.

use super::blocks::Section;
use super::operand::{Input, Output, View};
use super::parallel;
use super::scalar::Arithmetic;
use super::storage::Storage;
use crate::layout::{Dims, Loops, Order, collapse_axes};

/// Rows that are gathered together if the last axis is the further one, so that each cache line fetched is used whole.
const TOGETHER: usize = 16;
/// Elements gathered together at most, unless one row has more.
const GATHERED: usize = 64 * 1024;

/// Accumulators that take turns in sums over a row.
pub const LANES: usize = 16;

/// Calls `compute(out, x)` for every row.
pub fn for_each_row<S>(x: &View, out: &View, compute: impl Fn(&mut [S::Compute], &[S::Compute]) + Sync)
where
    S: Storage<Compute: Arithmetic>,
{
    let Some(last) = x.layout.rank().checked_sub(1) else {
        // A single element is a row of one.
        let loops = collapse_axes([out.layout, x.layout], &[], Order::Any);
        return Rows::<S>::new(x, out, loops, 1, [1, 1]).run(&compute);
    };
    let outer: Dims = (0..last).collect();
    let loops = collapse_axes([out.layout, x.layout], &outer, Order::Any);
    let steps = [out.layout.strides()[last], x.layout.strides()[last]];
    Rows::<S>::new(x, out, loops, x.layout.shape()[last], steps).run(&compute);
}

struct Rows<S: Storage> {
    x: Input<S::Compute>,
    out: Output<S::Compute>,
    /// The loops over the rows: output, input.
    loops: Loops<2>,
    /// Length of a row.
    len: usize,
    /// Strides along a row: output, input.
    steps: [isize; 2],
    /// Rows per visit.
    together: usize,
}

impl<S: Storage<Compute: Arithmetic>> Rows<S> {
    fn new(x: &View, out: &View, mut loops: Loops<2>, len: usize, steps: [isize; 2]) -> Self {
        if loops.rank() == 0 {
            loops.shape.push(1);
            loops.strides.iter_mut().for_each(|s| s.push(0));
        }
        let down = loops.strides[1].last().map_or(0, |s| s.unsigned_abs());
        let across = down != 0 && down < steps[1].unsigned_abs();
        let together = if across { (GATHERED / len).clamp(1, TOGETHER) } else { 1 };
        Self { x: Input::new::<S>(x, out), out: Output::new::<S>(out), loops, len, steps, together }
    }

    fn run(&self, compute: &(impl Fn(&mut [S::Compute], &[S::Compute]) + Sync)) {
        let inner = self.loops.shape.last().copied().unwrap_or(1);
        let groups = inner.div_ceil(self.together);
        let count = self.loops.len() / inner * groups;
        let work = |range: std::ops::Range<usize>| {
            let (mut x_stage, mut out_stage) = (Vec::new(), Vec::new());
            for n in range {
                let first = n % groups * self.together;
                let rows = self.together.min(inner - first);
                let start = n / groups * inner + first;
                let shape = [rows, self.len];
                let strides = [0, 1].map(|i| [self.loops.strides[i].last().copied().unwrap_or(0), self.steps[i]]);
                let section = |i: usize| self.section(i, start, &shape, &strides[i]);
                // SAFETY: the operation holds the locks and `View::new` checked the layouts; what is read in place lies in
                // another buffer than the output's.
                let x = unsafe { self.x.slice(&section(1), &mut x_stage) };
                // SAFETY: the lock is held exclusively, each row is written by one call alone, and `x` lies elsewhere.
                unsafe {
                    self.out.write(&section(0), &mut out_stage, |out| {
                        for (out, x) in out.chunks_exact_mut(self.len).zip(x.chunks_exact(self.len)) {
                            compute(out, x);
                        }
                    });
                }
            }
        };
        let large = self.loops.len().saturating_mul(self.len) >= parallel::THRESHOLD;
        let grain = (parallel::THRESHOLD / 2 / (self.len * self.together)).max(1);
        parallel::run(large, || parallel::for_each(count, grain, &work));
    }

    /// Some rows of operand `i`, from number `start` on; a single one as a section of rank 1.
    fn section<'a>(&self, i: usize, start: usize, shape: &'a [usize; 2], strides: &'a [isize; 2]) -> Section<'a> {
        let offset = Section {
            shape: &self.loops.shape,
            strides: &self.loops.strides[i],
            offset: self.loops.offsets[i] as isize,
            start,
            len: 1,
        }
        .offset_of(start);
        let from = usize::from(shape[0] == 1);
        Section { shape: &shape[from..], strides: &strides[from..], offset, start: 0, len: shape[0] * shape[1] }
    }
}

/// The sum of `f(x)` over a row, in f64: sixteen accumulators, added pairwise.
#[inline(always)]
pub fn sum<T: Copy>(x: &[T], f: impl Fn(T) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let mut chunks = x.chunks_exact(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            lanes[lane] += f(chunk[lane]);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane += f(x);
    }
    pairwise(lanes)
}

/// The sum of the lanes.
#[inline(always)]
pub fn pairwise(mut lanes: [f64; LANES]) -> f64 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}
