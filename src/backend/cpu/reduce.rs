//! Reductions over any set of axes, in an order that depends on the shape alone.
//!
//! The reduced elements of one output are cut into blocks of 1024. Within a block sixteen accumulators take turns, which is both
//! SIMD and pairwise summation; blocks are merged by a balanced tree, whose branches run on different threads. So results don't
//! depend on the number of threads, and rounding errors grow with the logarithm of the length. Floating-point sums, products
//! and moments are accumulated in f64 whatever the type.
//!
//! The same arithmetic runs in two arrangements: *along rows*, where the reduced elements of one output are neighbours, and
//! *down columns*, where those of neighbouring outputs are, and a strip of outputs is accumulated at once.

use std::ops::Range;

use super::blocks::{BLOCK, Section};
use super::operand::{Input, Output, View};
use super::parallel;
use super::scalar::{Arithmetic, Real};
use super::storage::{Storage, match_float, match_number};
use crate::backend::op::Reduce;
use crate::dtype::DType;
use crate::layout::{Order, Reduction};

/// Accumulators that take turns.
const LANES: usize = 16;
/// Outputs that are accumulated at once down columns: a page of f32, so that the rows are fetched in long runs.
const STRIP: usize = BLOCK;
/// Below so many reduced elements an accumulation along rows doesn't pay.
const SHORT: usize = 32;

/// A reduction of values computed in `C`.
trait Reducer<C: Copy>: Copy + Send + Sync {
    /// An accumulator within a block.
    type Lane: Copy;
    /// What is known of one or more blocks.
    type Part: Copy + Send;
    type Out: Copy + Default + Send + Sync + 'static;

    fn start(self) -> Self::Lane;
    /// Takes in `x` (and `y`), the `index`-th of the reduced elements; `first` is the block's first `x`.
    fn step(self, lane: Self::Lane, x: C, y: C, first: C, index: u32) -> Self::Lane;
    fn join(self, a: Self::Lane, b: Self::Lane) -> Self::Lane;
    /// What a block of `len` elements amounts to.
    fn close(self, lane: Self::Lane, first: C, len: usize) -> Self::Part;
    /// Puts together two runs of blocks, `a` before `b`.
    fn merge(self, a: Self::Part, b: Self::Part) -> Self::Part;
    fn finish(self, part: Self::Part, count: usize) -> Self::Out;

    /// A block along a row, whose first element is the `index`-th of the reduced.
    #[inline(always)]
    fn block(self, x: &[C], y: &[C], index: u32) -> Self::Part {
        let first = x[0];
        let mut lanes = [self.start(); LANES];
        let (mut xs, mut ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
        let mut at = index;
        for (x, y) in (&mut xs).zip(&mut ys) {
            for lane in 0..LANES {
                lanes[lane] = self.step(lanes[lane], x[lane], y[lane], first, at.wrapping_add(lane as u32));
            }
            at = at.wrapping_add(LANES as u32);
        }
        for (lane, (&x, &y)) in xs.remainder().iter().zip(ys.remainder()).enumerate() {
            lanes[lane] = self.step(lanes[lane], x, y, first, at.wrapping_add(lane as u32));
        }
        self.close(self.join_all(lanes), first, x.len())
    }

    /// The lanes as one, in a fixed order.
    #[inline(always)]
    fn join_all(self, mut lanes: [Self::Lane; LANES]) -> Self::Lane {
        let mut half = LANES / 2;
        while half > 0 {
            for lane in 0..half {
                lanes[lane] = self.join(lanes[lane], lanes[lane + half]);
            }
            half /= 2;
        }
        lanes[0]
    }
}

/// The type that sums are accumulated in.
trait Accumulate: Arithmetic {
    type Wide: Arithmetic;
    fn widen(self) -> Self::Wide;
    fn narrow(wide: Self::Wide) -> Self;
}

macro_rules! accumulate {
    ($($t:ty, $wide:ty;)*) => {$(
        impl Accumulate for $t {
            type Wide = $wide;

            #[inline(always)]
            fn widen(self) -> $wide {
                <$wide>::from(self)
            }
            #[inline(always)]
            fn narrow(wide: $wide) -> $t {
                wide as $t
            }
        }
    )*};
}
accumulate! { f32, f64; f64, f64; i32, i32; i64, i64; u8, u8; u32, u32; }

/// Reductions whose accumulators are of one type from the first element to the last.
macro_rules! simple_reducer {
    ($(#[$doc:meta])* $name:ident<$C:ident: $bound:ident> in $Lane:ty, $out:ty,
     start $start:expr, step |$lane:ident, $x:ident, $y:ident, $index:ident| $step:expr,
     merge |$a:ident, $b:ident| $merge:expr, finish |$part:ident, $count:ident| $finish:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        struct $name;

        impl<$C: $bound> Reducer<$C> for $name {
            type Lane = $Lane;
            type Part = $Lane;
            type Out = $out;

            #[inline(always)]
            fn start(self) -> $Lane {
                $start
            }
            #[inline(always)]
            fn step(self, $lane: $Lane, $x: $C, $y: $C, _first: $C, $index: u32) -> $Lane {
                $step
            }
            #[inline(always)]
            fn join(self, $a: $Lane, $b: $Lane) -> $Lane {
                $merge
            }
            #[inline(always)]
            fn close(self, lane: $Lane, _first: $C, _len: usize) -> $Lane {
                lane
            }
            #[inline(always)]
            fn merge(self, $a: $Lane, $b: $Lane) -> $Lane {
                $merge
            }
            fn finish(self, $part: $Lane, $count: usize) -> $out {
                $finish
            }
        }
    };
}

simple_reducer! {
    Sum<C: Accumulate> in C::Wide, C,
    start C::Wide::ZERO, step |lane, x, _y, _index| lane.add(x.widen()),
    merge |a, b| a.add(b), finish |part, _count| C::narrow(part)
}
simple_reducer! {
    Prod<C: Accumulate> in C::Wide, C,
    start C::Wide::ONE, step |lane, x, _y, _index| lane.mul(x.widen()),
    merge |a, b| a.mul(b), finish |part, _count| C::narrow(part)
}
simple_reducer! {
    Dot<C: Accumulate> in C::Wide, C,
    start C::Wide::ZERO, step |lane, x, y, _index| lane.add(x.widen().mul(y.widen())),
    merge |a, b| a.add(b), finish |part, _count| C::narrow(part)
}
simple_reducer! {
    Mean<C: Real> in f64, C,
    start 0.0, step |lane, x, _y, _index| lane + x.to_f64(),
    merge |a, b| a + b, finish |part, count| C::from_f64(part / count as f64)
}
simple_reducer! {
    /// Squares of f32 can't over- or underflow in f64; those of f64 can.
    Norm<C: Real> in f64, C,
    start 0.0, step |lane, x, _y, _index| lane + x.to_f64() * x.to_f64(),
    merge |a, b| a + b, finish |part, _count| C::from_f64(part.sqrt())
}
/// The largest (`MAX`) or smallest element, NaN if any is NaN.
#[derive(Clone, Copy)]
struct Extreme<const MAX: bool>;

impl<C: Arithmetic, const MAX: bool> Reducer<C> for Extreme<MAX> {
    type Lane = C;
    type Part = C;
    type Out = C;

    #[inline(always)]
    fn start(self) -> C {
        if MAX { C::LOWEST } else { C::HIGHEST }
    }
    #[inline(always)]
    fn step(self, lane: C, x: C, _y: C, _first: C, _index: u32) -> C {
        if MAX { lane.maximum(x) } else { lane.minimum(x) }
    }
    #[inline(always)]
    fn join(self, a: C, b: C) -> C {
        self.step(a, b, b, b, 0)
    }
    #[inline(always)]
    fn close(self, lane: C, _first: C, _len: usize) -> C {
        lane
    }
    #[inline(always)]
    fn merge(self, a: C, b: C) -> C {
        self.join(a, b)
    }
    fn finish(self, part: C, _count: usize) -> C {
        part
    }

    /// With more lanes than a sum has: a comparison that minds NaN takes longer, and the order doesn't matter.
    #[inline(always)]
    fn block(self, x: &[C], _y: &[C], _index: u32) -> C {
        let mut lanes: [C; 4 * LANES] = [Reducer::<C>::start(self); 4 * LANES];
        let mut chunks = x.chunks_exact(4 * LANES);
        for x in &mut chunks {
            for lane in 0..4 * LANES {
                lanes[lane] = self.join(lanes[lane], x[lane]);
            }
        }
        let rest = chunks.remainder().iter().copied();
        lanes.into_iter().chain(rest).fold(Reducer::<C>::start(self), |best, x| self.join(best, x))
    }
}

/// A value and its index among the reduced elements; no candidate at all where the index is `NOWHERE`.
type Candidate<C> = (C, u32);
const NOWHERE: u32 = u32::MAX;

/// The first largest (`MAX`) or smallest element, or the first NaN.
#[derive(Clone, Copy)]
struct Arg<const MAX: bool>;

impl<const MAX: bool> Arg<MAX> {
    /// Whether `x` takes the place of an earlier `best`.
    #[inline(always)]
    fn beats<C: Arithmetic>(x: C, best: C) -> bool {
        (if MAX { x > best } else { x < best }) | (x.is_nan() & !best.is_nan())
    }
}

impl<C: Arithmetic, const MAX: bool> Reducer<C> for Arg<MAX> {
    type Lane = Candidate<C>;
    type Part = Candidate<C>;
    type Out = u32;

    #[inline(always)]
    fn start(self) -> Candidate<C> {
        (C::ZERO, NOWHERE)
    }
    #[inline(always)]
    fn step(self, lane: Candidate<C>, x: C, _y: C, _first: C, index: u32) -> Candidate<C> {
        let better = Self::beats(x, lane.0) | (lane.1 == NOWHERE);
        (if better { x } else { lane.0 }, if better { index } else { lane.1 })
    }
    #[inline(always)]
    fn join(self, a: Candidate<C>, b: Candidate<C>) -> Candidate<C> {
        let (early, late) = if a.1 <= b.1 { (a, b) } else { (b, a) };
        if late.1 != NOWHERE && Self::beats(late.0, early.0) { late } else { early }
    }
    #[inline(always)]
    fn close(self, lane: Candidate<C>, _first: C, _len: usize) -> Candidate<C> {
        lane
    }
    #[inline(always)]
    fn merge(self, a: Candidate<C>, b: Candidate<C>) -> Candidate<C> {
        Reducer::<C>::join(self, a, b)
    }
    fn finish(self, part: Candidate<C>, _count: usize) -> u32 {
        part.1
    }

    /// First the value, then its place: both are plain loops.
    #[inline(always)]
    fn block(self, x: &[C], y: &[C], index: u32) -> Candidate<C> {
        let best = Extreme::<MAX>.block(x, y, index);
        let is_best = |x: C| x == best || (x.is_nan() & best.is_nan());
        for (n, chunk) in x.chunks(64).enumerate() {
            if chunk.iter().fold(false, |found, &x| found | is_best(x)) {
                let within = chunk.iter().position(|&x| is_best(x)).unwrap_or_default();
                return (best, index.wrapping_add((n * 64 + within) as u32));
            }
        }
        (best, NOWHERE)
    }
}

/// Variance from the moments of each block about its first element, merged by Chan's formula.
///
/// Because the first element belongs to the block, the deviation of the mean from it is at most `sqrt(1024)` standard deviations
/// of the block: subtracting it costs at most a factor of 1024 of f64's accuracy, whatever the data.
#[derive(Clone, Copy)]
struct Var {
    ddof: f64,
}

#[derive(Clone, Copy)]
struct Moments {
    count: f64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    squares: f64,
}

impl<C: Real> Reducer<C> for Var {
    type Lane = [f64; 2];
    type Part = Moments;
    type Out = C;

    #[inline(always)]
    fn start(self) -> [f64; 2] {
        [0.0; 2]
    }
    #[inline(always)]
    fn step(self, [sum, squares]: [f64; 2], x: C, _y: C, first: C, _index: u32) -> [f64; 2] {
        let deviation = x.to_f64() - first.to_f64();
        [sum + deviation, squares + deviation * deviation]
    }
    #[inline(always)]
    fn join(self, a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
        [a[0] + b[0], a[1] + b[1]]
    }
    #[inline(always)]
    fn close(self, [sum, squares]: [f64; 2], first: C, len: usize) -> Moments {
        let count = len as f64;
        let shift = sum / count;
        // Rounding may take the difference a little below zero; NaN has to stay.
        Moments { count, mean: first.to_f64() + shift, squares: Arithmetic::maximum(squares - sum * shift, 0.0) }
    }
    #[inline(always)]
    fn merge(self, a: Moments, b: Moments) -> Moments {
        let count = a.count + b.count;
        let delta = b.mean - a.mean;
        let share = b.count / count;
        Moments {
            count,
            mean: a.mean + delta * share,
            squares: a.squares + b.squares + delta * delta * a.count * share,
        }
    }
    fn finish(self, part: Moments, count: usize) -> C {
        let divisor = count as f64 - self.ddof;
        C::from_f64(if divisor > 0.0 { part.squares / divisor } else { f64::NAN })
    }
}

/// A block along a row.
struct RowBlock<'a, C, R> {
    reducer: R,
    x: &'a [C],
    y: &'a [C],
    /// Index of the first element among the reduced.
    index: u32,
}

impl<C: Copy, R: Reducer<C>> pulp::NullaryFnOnce for RowBlock<'_, C, R> {
    type Output = R::Part;

    #[inline(always)]
    fn call(self) -> R::Part {
        self.reducer.block(self.x, self.y, self.index)
    }
}

/// One element more for each output of a strip.
struct StripStep<'a, C: Copy, R: Reducer<C>> {
    reducer: R,
    lanes: &'a mut [R::Lane],
    x: &'a [C],
    y: &'a [C],
    first: &'a [C],
    index: u32,
}

impl<C: Copy, R: Reducer<C>> pulp::NullaryFnOnce for StripStep<'_, C, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let operands = self.x.iter().zip(self.y).zip(self.first);
        for (lane, ((&x, &y), &first)) in self.lanes.iter_mut().zip(operands) {
            *lane = self.reducer.step(*lane, x, y, first, self.index);
        }
    }
}

/// The rows of a strip's lanes as one, in the order of [`Reducer::join_all`]. Rows that are not there would change nothing.
struct JoinRows<'a, C: Copy, R: Reducer<C>> {
    reducer: R,
    lanes: &'a mut [R::Lane],
    width: usize,
}

impl<C: Copy, R: Reducer<C>> pulp::NullaryFnOnce for JoinRows<'_, C, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let mut half = LANES / 2;
        while half > 0 {
            let (early, late) = self.lanes.split_at_mut((half * self.width).min(self.lanes.len()));
            for (a, &b) in early.iter_mut().zip(&*late).take(half * self.width) {
                *a = self.reducer.join(*a, b);
            }
            half /= 2;
        }
    }
}

/// A reduction with its operands.
struct Run<'a, C: Copy, R: Reducer<C>> {
    reducer: R,
    plan: &'a Reduction,
    x: Input<C>,
    y: Option<Input<C>>,
    out: Output<R::Out>,
}

/// Buffers for gathered operands, one set per thread.
struct Stages<C> {
    x: Vec<C>,
    y: Vec<C>,
}

impl<C> Stages<C> {
    fn new() -> Self {
        Self { x: Vec::new(), y: Vec::new() }
    }
}

impl<C: Arithmetic, R: Reducer<C>> Run<'_, C, R> {
    fn run(&self) {
        let (kept, reduced) = (self.plan.kept.len(), self.plan.reduced.len());
        let down_columns = self.down_columns();
        let large = kept.saturating_mul(reduced) >= parallel::THRESHOLD;
        let grain = (parallel::THRESHOLD / reduced.saturating_mul(STRIP)).max(1) * STRIP;
        // Long rows are spread over the threads one by one.
        let grain = if down_columns { grain } else { (parallel::THRESHOLD / reduced).clamp(1, STRIP) };
        let work = |outputs: Range<usize>| {
            let (mut stages, mut out_stage) = (Stages::new(), Vec::new());
            for start in outputs.clone().step_by(STRIP) {
                let outputs = start..(start + STRIP).min(outputs.end);
                let parts: Vec<R::Part> = if down_columns {
                    self.strip(&outputs, 0..reduced, &mut stages)
                } else {
                    outputs.clone().map(|n| self.row(n, 0..reduced, &mut stages)).collect()
                };
                // SAFETY: the operation holds the exclusive lock, `View::new` checked the layout, and every output is written
                // by one call alone; the parts are memory of their own.
                unsafe {
                    self.out.write(&self.kept_section(0, 0, &outputs), &mut out_stage, |out| {
                        for (out, &part) in out.iter_mut().zip(&parts) {
                            *out = self.reducer.finish(part, reduced);
                        }
                    });
                }
            }
        };
        parallel::run(large, || parallel::for_each(kept, grain, &work));
    }

    /// Whether neighbouring outputs' elements are closer to each other than one output's.
    fn down_columns(&self) -> bool {
        let step = |strides: &[isize]| strides.last().map_or(0, |s| s.unsigned_abs());
        let across = step(&self.plan.kept.strides[1]);
        let along = step(&self.plan.reduced.strides[0]);
        (across != 0 && across < along) || (self.plan.reduced.len() < SHORT && self.plan.kept.len() >= SHORT)
    }

    /// The operand (0 the output, 1 `x`, 2 `y`) of a range of outputs, `shift` elements further.
    fn kept_section(&self, operand: usize, shift: isize, outputs: &Range<usize>) -> Section<'_> {
        let kept = &self.plan.kept;
        Section {
            shape: &kept.shape,
            strides: &kept.strides[operand],
            offset: kept.offsets[operand] as isize + shift,
            start: outputs.start,
            len: outputs.len(),
        }
    }

    /// The operand (1 `x`, 2 `y`) of a range of the elements that are reduced to output `n`.
    fn reduced_section(&self, operand: usize, n: usize, elements: &Range<usize>) -> Section<'_> {
        let reduced = &self.plan.reduced;
        Section {
            shape: &reduced.shape,
            strides: &reduced.strides[operand - 1],
            offset: self.kept_section(operand, 0, &(n..n + 1)).offset_of(n),
            start: elements.start,
            len: elements.len(),
        }
    }

    /// Where the tree over `elements` branches: after a whole number of blocks, the left branch not shorter than the right one.
    fn branch(elements: &Range<usize>) -> usize {
        elements.start + elements.len().div_ceil(BLOCK).div_ceil(2) * BLOCK
    }

    /// Output `n`, reduced over `elements` along a row.
    fn row(&self, n: usize, elements: Range<usize>, stages: &mut Stages<C>) -> R::Part {
        if elements.len() > BLOCK {
            let middle = Self::branch(&elements);
            let (left, right) = (elements.start..middle, middle..elements.end);
            let (a, b) = if elements.len() >= parallel::THRESHOLD {
                parallel::join(|| self.row(n, left, &mut Stages::new()), || self.row(n, right, &mut Stages::new()))
            } else {
                (self.row(n, left, stages), self.row(n, right, stages))
            };
            return self.reducer.merge(a, b);
        }
        // SAFETY: the operation holds the locks and `View::new` checked the layouts; the output has no element in common with
        // the inputs, so nothing that is read is written.
        let x = unsafe { self.x.slice(&self.reduced_section(1, n, &elements), &mut stages.x) };
        let y = match &self.y {
            // SAFETY: as above.
            Some(y) => unsafe { y.slice(&self.reduced_section(2, n, &elements), &mut stages.y) },
            None => x,
        };
        pulp::Arch::new().dispatch(RowBlock { reducer: self.reducer, x, y, index: elements.start as u32 })
    }

    /// A strip of outputs, reduced over `elements` down columns.
    fn strip(&self, outputs: &Range<usize>, elements: Range<usize>, stages: &mut Stages<C>) -> Vec<R::Part> {
        if elements.len() > BLOCK {
            let middle = Self::branch(&elements);
            let (left, right) = (elements.start..middle, middle..elements.end);
            let (mut a, b) = if elements.len() * outputs.len() >= parallel::THRESHOLD {
                let branch = |elements| self.strip(outputs, elements, &mut Stages::new());
                parallel::join(|| branch(left), || branch(right))
            } else {
                (self.strip(outputs, left, stages), self.strip(outputs, right, stages))
            };
            for (a, &b) in a.iter_mut().zip(&b) {
                *a = self.reducer.merge(*a, b);
            }
            return a;
        }
        let width = outputs.len();
        let mut lanes = vec![self.reducer.start(); LANES.min(elements.len()) * width];
        let mut first = Vec::new();
        let reduced = &self.plan.reduced;
        let shift = |operand: usize, n: usize| {
            let section =
                Section { shape: &reduced.shape, strides: &reduced.strides[operand], offset: 0, start: 0, len: 0 };
            section.offset_of(n)
        };
        // Lane by lane, so that one row of accumulators stays in the cache.
        let order = (0..LANES).flat_map(|lane| elements.clone().skip(lane).step_by(LANES).map(move |n| (lane, n)));
        for (lane, n) in order {
            // SAFETY: as in `row`.
            let x = unsafe { self.x.slice(&self.kept_section(1, shift(0, n), outputs), &mut stages.x) };
            let y = match &self.y {
                // SAFETY: as in `row`.
                Some(y) => unsafe { y.slice(&self.kept_section(2, shift(1, n), outputs), &mut stages.y) },
                None => x,
            };
            if n == elements.start {
                first = x.to_vec();
            }
            let lanes = &mut lanes[lane * width..(lane + 1) * width];
            let step = StripStep { reducer: self.reducer, lanes, x, y, first: &first, index: n as u32 };
            pulp::Arch::new().dispatch(step);
        }
        pulp::Arch::new().dispatch(JoinRows { reducer: self.reducer, lanes: &mut lanes, width });
        let close = |(&lane, &first): (&R::Lane, &C)| self.reducer.close(lane, first, elements.len());
        lanes.iter().zip(&first).map(close).collect()
    }
}

/// Reduces `x` (and `y`) over `axes` into `out`; `false` if the operation isn't defined for the type.
pub fn reduce(op: Reduce, x: &View, y: Option<&View>, axes: &[usize], out: &View) -> bool {
    // f64 has no spare accuracy to hide the order in, so the order is row-major, whatever the strides.
    let order = if op.is_arg() || x.dtype == DType::F64 { Order::RowMajor } else { Order::Any };
    let plan = Reduction::new(out.layout, x.layout, y.map(|y| y.layout), axes, order);
    let job = Job { plan: &plan, x, y, out };
    match op {
        Reduce::Sum => match_number!(x.dtype, S => job.run::<S, S, _>(Sum), bool => return false),
        Reduce::Prod => match_number!(x.dtype, S => job.run::<S, S, _>(Prod), bool => return false),
        Reduce::Dot => match_number!(x.dtype, S => job.run::<S, S, _>(Dot), bool => return false),
        Reduce::Max => match_number!(x.dtype, S => job.run::<S, S, _>(Extreme::<true>), bool => return false),
        Reduce::Min => match_number!(x.dtype, S => job.run::<S, S, _>(Extreme::<false>), bool => return false),
        Reduce::ArgMax => match_number!(x.dtype, S => job.run::<S, u32, _>(Arg::<true>), bool => return false),
        Reduce::ArgMin => match_number!(x.dtype, S => job.run::<S, u32, _>(Arg::<false>), bool => return false),
        Reduce::Mean => match_float!(x.dtype, S => job.run::<S, S, _>(Mean), _ => return false),
        Reduce::Norm => match_float!(x.dtype, S => job.run::<S, S, _>(Norm), _ => return false),
        Reduce::Var { ddof } => match_float!(x.dtype, S => job.run::<S, S, _>(Var { ddof }), _ => return false),
        Reduce::Any if x.dtype == DType::Bool => job.run::<u8, u8, _>(Extreme::<true>),
        Reduce::All if x.dtype == DType::Bool => job.run::<u8, u8, _>(Extreme::<false>),
        Reduce::Any | Reduce::All => return false,
    }
    true
}

/// The operands before the types are known.
struct Job<'a> {
    plan: &'a Reduction,
    x: &'a View<'a>,
    y: Option<&'a View<'a>>,
    out: &'a View<'a>,
}

impl Job<'_> {
    /// Runs `reducer` on elements stored as `S` with results stored as `O`.
    fn run<S, O, R>(&self, reducer: R)
    where
        S: Storage<Compute: Arithmetic>,
        O: Storage<Compute = R::Out>,
        R: Reducer<S::Compute>,
    {
        let x = Input::new::<S>(self.x, self.out);
        let y = self.y.map(|y| Input::new::<S>(y, self.out));
        Run { reducer, plan: self.plan, x, y, out: Output::new::<O>(self.out) }.run();
    }
}
