//! Products of floats: how they are cut into tiles, and where the tiles' operands come from.
//!
//! A small product reads its operands as they lie, if they lie well. Otherwise each tile copies its parts of them, for some steps at a
//! time, into memory of the thread's own, which stays in its nearer caches; that also converts half types and straightens any strides.
//! So the same elements are copied by several threads. To copy them once for all costs more: what one core has written comes to the
//! others slowly, and they would have to wait for each other.

use std::cell::RefCell;

use super::gemm::{self, DEPTH, Lanes, Multiply, Rows};
use super::panels::Panels;
use super::{Input, Job, LARGE, Matrix, Product, parallel, part, team};
use crate::backend::cpu::storage::Storage;

/// Rows and bytes of a row of the largest tile: with its operands it has room in a cache of 2 MiB.
const TILE: [usize; 2] = [192, 384 * 4];
/// What it costs to copy an element of a row of `a` or a column of `b`, in multiplications.
const COPY: [f32; 2] = [24.0, 12.0];
/// Part of a tile's time by which threads finish apart.
const APART: f32 = 0.3;
/// Multiplications up to which copying does not pay.
const SMALL: usize = 512 * 512 * 512;
/// Columns that are gathered at a time: whole panels of every width.
const GATHERED: usize = 96;

/// A piece of memory as aligned as the longest vector.
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// Memory that is kept for the next product.
#[derive(Default)]
struct Scratch(Vec<Line>);

impl Scratch {
    fn get<T: Lanes>(&mut self, len: usize) -> &mut [T] {
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

/// How products are cut: tiles of some rows and columns.
#[derive(Clone, Copy)]
struct Cut {
    shape: [usize; 2],
    tile: [usize; 2],
    /// Rows and columns of tiles.
    grid: [usize; 2],
}

impl Cut {
    /// The cut of `count` products of `shape` that `threads` need the least time for.
    fn new<T: Lanes>(shape: [usize; 2], count: usize, threads: usize) -> Self {
        let [m, n] = shape;
        let block = gemm::block::<T>();
        let candidates = |axis: usize, max: usize| {
            let step = block[axis];
            (1..=(max / step).min(shape[axis].div_ceil(step))).map(move |i| i * step)
        };
        let (mut tile, mut least) = (block, f32::INFINITY);
        for columns in candidates(1, TILE[1] / size_of::<T>()) {
            let across = count * n.div_ceil(columns);
            for rows in candidates(0, TILE[0]) {
                let turns = (across * m.div_ceil(rows)) as f32 / threads as f32;
                let turns = if threads > 1 { turns.ceil() + APART } else { turns };
                let each = (rows * columns) as f32 + COPY[0] * rows as f32 + COPY[1] * columns as f32;
                if turns * each < least {
                    (tile, least) = ([rows, columns], turns * each);
                }
            }
        }
        Self { shape, tile, grid: [m.div_ceil(tile[0]), n.div_ceil(tile[1])] }
    }

    /// The tiles of a product.
    fn tiles(&self) -> usize {
        self.grid[0] * self.grid[1]
    }

    /// Where a tile begins, and its shape.
    fn tile(&self, number: usize) -> [[usize; 2]; 2] {
        let at = [number / self.grid[1] * self.tile[0], number % self.grid[1] * self.tile[1]];
        [at, std::array::from_fn(|axis| self.tile[axis].min(self.shape[axis] - at[axis]))]
    }
}

/// Products and how they are computed.
struct Plan<'a, S: Storage<Compute: Product>> {
    job: &'a Job<'a, S>,
    cut: Cut,
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
    let cut = Cut::new::<S::Compute>([m, n], count, threads);
    let [height, panel] = gemm::block::<S::Compute>();
    // What is read only once or twice is not worth a copy either.
    let in_place = [
        job.a.1.strides.contains(&1) && job.a.0.in_place().is_some() && (each <= SMALL || n <= 2 * panel),
        job.b.1.strides[1] == 1 && job.b.0.in_place().is_some() && (each <= SMALL || m <= 2 * height),
    ];
    let plan = Plan { job, cut, in_place };
    let tiles = cut.tiles();
    team::for_each(large, count * tiles, &|task| {
        OWN.with_borrow_mut(|own| plan.tile(task / tiles, task % tiles, own));
    });
}

impl<S: Storage<Compute: Product + Lanes>> Plan<'_, S> {
    /// Computes a tile. Its sums stay in memory of the thread's own until the last are added, which go straight to the output if there
    /// is nothing else to do to them.
    fn tile(&self, batch: usize, number: usize, own: &mut Own) {
        let (job, panel) = (self.job, gemm::block::<S::Compute>()[1]);
        let ([at, [rows, columns]], k) = (self.cut.tile(number), job.shape[2]);
        let wide = columns.next_multiple_of(panel);
        let offsets = job.batches.offsets(batch);
        let direct = job.direct(&offsets, at).filter(|_| wide == columns && k > 0);
        let product = own.product.get::<S::Compute>(rows * wide);
        if k == 0 {
            product.fill(S::Compute::default());
        }
        for depth in (0..k).step_by(DEPTH) {
            let steps = DEPTH.min(k - depth);
            let sums = Rows { start: product.as_mut_ptr(), row: wide as isize };
            let to = direct.filter(|_| depth + steps == k).unwrap_or(sums);
            let a = self.a(offsets[1], [at[0], depth], [rows, steps], &mut own.a);
            // Columns that do not fill a panel are packed in any case.
            let lying = if self.in_place[1] { columns / panel * panel } else { 0 };
            let packed = own.b.get((wide - lying) * steps);
            self.pack(offsets[2], [depth, at[1] + lying], [steps, columns - lying], packed, &mut own.stage);
            let multiply = |column: usize, columns: usize, b: *const S::Compute, b_strides: [isize; 2]| {
                let [sums, to] = [sums, to].map(|rows| Rows { start: rows.start.wrapping_add(column), ..rows });
                let multiply = Multiply { rows, columns, steps, a, b, b_strides, sums, to, first: depth == 0 };
                // SAFETY: the operation holds the locks, the layouts were checked, of which these are parts, and this task alone
                // has the tile of the output, and a product of this many rows of this width.
                unsafe { multiply.run() };
            };
            if lying > 0 {
                let b = lie(&job.b, offsets[2], [depth, at[1]], &[steps, lying]);
                multiply(0, lying, b.start, [b.row, panel as isize]);
            }
            if lying < wide {
                multiply(lying, wide - lying, packed.as_ptr(), [panel as isize, (panel * steps) as isize]);
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

    /// A part of `a`: as it lies, or copied by rows or by columns, whichever lie closer together.
    fn a(&self, offset: isize, at: [usize; 2], shape: [usize; 2], to: &mut Scratch) -> gemm::Matrix<S::Compute> {
        let (input, matrix) = &self.job.a;
        if self.in_place[0] {
            return lie(&self.job.a, offset, at, &shape);
        }
        let turned = matrix.strides[0].unsigned_abs() < matrix.strides[1].unsigned_abs();
        let turn = |[row, column]: [usize; 2]| if turned { [column, row] } else { [row, column] };
        let matrix = if turned { matrix.transposed() } else { *matrix };
        let shape = turn(shape);
        let to = to.get(shape[0] * shape[1]);
        // SAFETY: the operation holds the locks, and `View::new` checked the layout, of which this is a part.
        unsafe { input.gather(&part(&matrix, offset, turn(at), &shape), to) };
        let stride = shape[1] as isize;
        let (row, column) = if turned { (1, stride) } else { (stride, 1) };
        gemm::Matrix { start: to.as_ptr(), row, column }
    }

    /// Packs a part of `b`, what needs conversion by way of `stage`.
    fn pack(
        &self,
        offset: isize,
        [depth, first]: [usize; 2],
        [steps, columns]: [usize; 2],
        to: &mut [S::Compute],
        stage: &mut Scratch,
    ) {
        let panel = gemm::block::<S::Compute>()[1];
        let (input, matrix) = &self.job.b;
        let piece = if input.in_place().is_some() { columns.max(1) } else { GATHERED };
        for column in (0..columns).step_by(piece) {
            let (at, shape) = ([depth, first + column], [steps, piece.min(columns - column)]);
            let matrix = if input.in_place().is_some() {
                lie(&self.job.b, offset, at, &shape)
            } else {
                let stage = stage.get(shape[0] * shape[1]);
                // SAFETY: the operation holds the locks, and `View::new` checked the layout, of which this is a part.
                unsafe { input.gather(&part(matrix, offset, at, &shape), stage) };
                gemm::Matrix { start: stage.as_ptr(), row: shape[1] as isize, column: 1 }
            };
            let out = &mut to[column * steps..][..shape[1].next_multiple_of(panel) * steps];
            // SAFETY: as above.
            unsafe { Panels { matrix, steps, columns: shape[1], out }.run() };
        }
    }
}

/// A part of an operand as it lies, which must be possible.
fn lie<T: Lanes>(
    (input, matrix): &(Input<T>, Matrix),
    offset: isize,
    at: [usize; 2],
    shape: &[usize; 2],
) -> gemm::Matrix<T> {
    let start = input.in_place().unwrap_or(std::ptr::null());
    let [row, column] = matrix.strides;
    gemm::Matrix { start: start.wrapping_offset(part(matrix, offset, at, shape).offset), row, column }
}
