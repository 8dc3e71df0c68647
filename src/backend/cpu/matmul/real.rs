//! Products of floats: how they are cut into tiles, and where the tiles' operands come from.
//!
//! A small product reads its operands as they lie, if they lie well. Otherwise each tile copies its parts of them, for some steps at a
//! time, into memory of the thread's own, which stays in its nearer caches; that also converts half types and straightens any strides.
//! So the same elements are copied by several threads. To copy them once for all costs more: what one core has written comes to the
//! others slowly, and they would have to wait for each other.

use std::cell::RefCell;

use super::cut::{Costs, Cut, Task};
use super::gemm::{self, DEPTH, Lanes, Multiply, Rows};
use super::panels::Panels;
use super::{Input, Job, LARGE, Matrix, Product, parallel, part, team};
use crate::backend::cpu::storage::Storage;

/// What it costs to copy an element of `a` or `b`, and to read one in place for the first time, in multiplications.
const COPY: f32 = 32.0;
const READ: f32 = 4.0;
/// Multiplications up to which copying does not pay.
const SMALL: usize = 768 * 768 * 768;
/// Bytes of a column and of a row of the largest tile: a part of `a` and the tile's sums have room in a cache of 2 MiB.
const TILE: [usize; 2] = [384 * 4, 768 * 4];
/// What it costs to begin a task, in multiplications.
const TASK: f32 = 20_000.0;
/// Columns of `b` or rows of `a` that are packed at a time: whole panels of every width.
const PIECE: usize = 96;

/// A piece of memory as aligned as the longest vector.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// Memory that is kept for the next product.
#[derive(Default)]
pub(super) struct Scratch(Vec<Line>);

impl Scratch {
    pub(super) fn get<T: bytemuck::Pod>(&mut self, len: usize) -> &mut [T] {
        let lines = (len * size_of::<T>()).div_ceil(size_of::<Line>());
        if self.0.len() < lines {
            self.0 = bytemuck::zeroed_vec(lines);
        }
        &mut bytemuck::cast_slice_mut(&mut self.0)[..len]
    }
}

/// What a thread needs for its tiles.
#[derive(Default)]
struct Own {
    product: Scratch,
    a: Scratch,
    b: Scratch,
    stage: Scratch,
}

thread_local! {
    static OWN: RefCell<Own> = RefCell::default();
}

/// Products and how they are computed.
struct Plan<'a, S: Storage<Compute: Product>> {
    job: &'a Job<'a, S>,
    /// Whether `a` and `b` are read as they lie.
    in_place: [bool; 2],
}

pub(super) fn products<S>(job: &Job<S>)
where
    S: Storage<Compute: Product + Lanes>,
{
    let [m, n, k] = job.shape;
    let count = job.batches.count();
    if m * n * count == 0 {
        return;
    }
    let each = m.saturating_mul(n).saturating_mul(k.max(1));
    let large = each.saturating_mul(count) >= LARGE;
    let threads = if large { parallel::threads() } else { 1 };
    let block @ [height, panel] = gemm::block::<S::Compute>();
    // What is read only once or twice is not worth a copy either.
    let in_place = [
        job.a.1.strides.contains(&1) && job.a.0.in_place().is_some() && (each <= SMALL || n <= 2 * panel),
        job.b.1.strides[1] == 1 && job.b.0.in_place().is_some() && (each <= SMALL || m <= 2 * height),
    ];
    let costs = Costs {
        block,
        tile: TILE.map(|bytes| bytes / size_of::<S::Compute>()),
        copy: in_place.map(|lies| if lies { READ } else { COPY }),
        task: TASK,
    };
    let cut = Cut::new(job.shape, count, threads, &costs);
    let plan = Plan { job, in_place };
    team::for_each(large, cut.tasks, &|task| OWN.with_borrow_mut(|own| plan.run(&cut.task(task), own)));
}

impl<S: Storage<Compute: Product + Lanes>> Plan<'_, S> {
    /// Computes a tile. Its sums stay in memory of the thread's own until the last are added, which go straight to the output if there
    /// is nothing else to do to them.
    fn run(&self, task: &Task, own: &mut Own) {
        let &Task { batch, at, shape: [rows, columns] } = task;
        if rows * columns == 0 {
            return;
        }
        let (job, [height, panel]) = (self.job, gemm::block::<S::Compute>());
        let k = job.shape[2];
        let wide = columns.next_multiple_of(panel);
        let offsets = job.batches.offsets(batch);
        let direct = job.direct(&offsets, at).filter(|_| S::SAME && wide == columns && k > 0);
        let direct = direct.map(|rows| Rows { start: rows.start.cast(), row: rows.row });
        let Own { product, a, b, stage } = own;
        let product = product.get::<S::Compute>(rows * wide);
        if k == 0 {
            product.fill(S::Compute::default());
        }
        let [left, right] = [(&job.a, offsets[1]), (&job.b, offsets[2])].map(|((input, matrix), offset)| Factor {
            input,
            matrix: *matrix,
            offset,
        });
        for depth in (0..k).step_by(DEPTH) {
            let steps = DEPTH.min(k - depth);
            let sums = Rows { start: product.as_mut_ptr(), row: wide as isize };
            let to = direct.filter(|_| depth + steps == k).unwrap_or(sums);
            let (here, shape) = ([at[0], depth], [rows, steps]);
            let as_it_is = |a: gemm::Matrix<S::Compute>| (a, height as isize * a.row);
            let (a, a_group) = if self.in_place[0] {
                as_it_is(left.lie(here, shape))
            } else if left.input.in_place().is_none() {
                as_it_is(left.convert(here, shape, a))
            } else {
                let packed = a.get(rows.next_multiple_of(height) * steps);
                left.transposed().pack([depth, at[0]], [steps, rows], height, packed, stage);
                let a = gemm::Matrix { start: packed.as_ptr(), row: 1, column: height as isize };
                (a, (height * steps) as isize)
            };
            let multiply = |column: usize, columns: usize, b: *const S::Compute, b_strides: [isize; 2]| {
                let [sums, to] = [sums, to].map(|rows| Rows { start: rows.start.wrapping_add(column), ..rows });
                let multiply = Multiply { rows, columns, steps, a, a_group, b, b_strides, sums, to, first: depth == 0 };
                // SAFETY: the operation holds the locks, the layouts were checked, of which these are parts, and this task alone
                // has the tile of the output, and a product of this many rows of this width. What is read in place lies in another
                // buffer than the output's. As `depth` is below `k` there is a step.
                unsafe { multiply.run() };
            };
            // Columns that do not fill a panel are packed in any case.
            let lying = if self.in_place[1] { columns / panel * panel } else { 0 };
            if lying > 0 {
                let b = right.lie([depth, at[1]], [steps, lying]);
                multiply(0, lying, b.start, [b.row, panel as isize]);
            }
            for column in (lying..columns).step_by(PIECE) {
                let shape = [steps, PIECE.min(columns - column)];
                let wide = shape[1].next_multiple_of(panel);
                let packed = b.get(wide * steps);
                right.pack([depth, at[1] + column], shape, panel, packed, stage);
                multiply(column, wide, packed.as_ptr(), [panel as isize, (panel * steps) as isize]);
            }
        }
        if direct.is_some() {
            return;
        }
        if wide > columns {
            for row in 1..rows {
                product.copy_within(row * wide..row * wide + columns, row * columns);
            }
        }
        // SAFETY: the operation holds the locks, and this task alone has the tile.
        unsafe { job.finish(&offsets, at, [rows, columns], &mut product[..rows * columns]) };
    }
}

/// A factor of a product.
struct Factor<'a, T> {
    input: &'a Input<T>,
    matrix: Matrix,
    offset: isize,
}

impl<T: Lanes> Factor<'_, T> {
    fn transposed(&self) -> Self {
        Self { matrix: self.matrix.transposed(), ..*self }
    }

    /// A part of it as it lies, which must be possible.
    fn lie(&self, at: [usize; 2], shape: [usize; 2]) -> gemm::Matrix<T> {
        let start = self.input.in_place().unwrap_or(std::ptr::null());
        let [row, column] = self.matrix.strides;
        gemm::Matrix { start: start.wrapping_offset(part(&self.matrix, self.offset, at, &shape).offset), row, column }
    }

    /// Packs a part of it as panels of some `width`, by way of `stage` if it has to be converted.
    fn pack(
        &self,
        [step, first]: [usize; 2],
        [steps, columns]: [usize; 2],
        width: usize,
        to: &mut [T],
        stage: &mut Scratch,
    ) {
        for column in (0..columns).step_by(PIECE) {
            let (at, shape) = ([step, first + column], [steps, PIECE.min(columns - column)]);
            let matrix =
                if self.input.in_place().is_some() { self.lie(at, shape) } else { self.convert(at, shape, stage) };
            let out = &mut to[column * steps..][..shape[1].next_multiple_of(width) * steps];
            // SAFETY: the operation holds the locks, and `View::new` checked the layout, of which this is a part; or it is what was
            // just converted into `stage`. `to` is other memory than both.
            unsafe { Panels { matrix, steps, columns: shape[1], width, out }.run() };
        }
    }

    /// A part of it, converted into `to`, by rows or by columns, whichever lie closer together.
    fn convert(&self, at: [usize; 2], shape: [usize; 2], to: &mut Scratch) -> gemm::Matrix<T> {
        let turned = self.matrix.strides[0].unsigned_abs() < self.matrix.strides[1].unsigned_abs();
        let turn = |[row, column]: [usize; 2]| if turned { [column, row] } else { [row, column] };
        let matrix = if turned { self.matrix.transposed() } else { self.matrix };
        let (at, shape) = (turn(at), turn(shape));
        let to = to.get(shape[0] * shape[1]);
        // SAFETY: the operation holds the locks, `View::new` checked the layout, of which this is a part, and `to` is memory of the
        // thread's own, as long as the part.
        unsafe { self.input.gather(&part(&matrix, self.offset, at, &shape), to) };
        let [row, column] = turn([shape[1], 1]);
        gemm::Matrix { start: to.as_ptr(), row: row as isize, column: column as isize }
    }
}
