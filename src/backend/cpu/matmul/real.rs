//! Products of floats: how they are cut into tiles, and where the tiles' operands come from.
//!
//! A small product reads its operands as they lie, if they lie well; otherwise both are packed first, by all threads, which also
//! converts half types and straightens any strides. What is packed at a time is limited: a larger product is done in parts.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use super::gemm::{self, DEPTH, Groups, Lanes, Multiply, Pack, Panels};
use super::{Input, Job, LARGE, Matrix, Product, parallel, part, team};
use crate::backend::cpu::storage::Storage;

/// Rows and columns of the largest tile.
const TILE: [usize; 2] = [128, 256];
/// Rows of the smallest.
const LEAST: usize = 16;
/// Tiles that each thread should have, so that they finish together.
const SHARE: usize = 3;
/// Multiplications up to which packing does not pay.
const SMALL: usize = 512 * 512 * 512;
/// Bytes that are packed at a time, if tiles fit.
const PACKED: usize = 64 << 20;

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

thread_local! {
    /// For the tiles of this thread.
    static OWN: RefCell<Scratch> = const { RefCell::new(Scratch(Vec::new())) };
}
/// For packed operands.
static SHARED: Mutex<Vec<Scratch>> = Mutex::new(Vec::new());

/// How a product is cut: tiles of these rows and columns.
#[derive(Clone, Copy)]
struct Cut {
    rows: usize,
    columns: usize,
}

impl Cut {
    /// Tiles of `count` products of `m` by `n`, enough of them for `threads`; their columns are a multiple of `panel`.
    fn new([m, n]: [usize; 2], count: usize, threads: usize, panel: usize) -> Self {
        let mut cut = Self { rows: TILE[0].min(m), columns: TILE[1].min(n.next_multiple_of(panel)) };
        let wanted = if threads > 1 { SHARE * threads } else { 1 };
        while count * m.div_ceil(cut.rows) * n.div_ceil(cut.columns) < wanted {
            if cut.rows > LEAST
                && cut.rows >= cut.columns.min(2 * LEAST)
                && (cut.rows >= cut.columns || cut.columns <= panel)
            {
                cut.rows = (cut.rows / 2).next_multiple_of(4);
            } else if cut.columns > panel {
                cut.columns = (cut.columns / 2).next_multiple_of(panel);
            } else {
                break;
            }
        }
        cut
    }
}

/// A part of a product: rows and columns from `start` on.
#[derive(Clone, Copy)]
struct Region {
    start: [usize; 2],
    shape: [usize; 2],
    cut: Cut,
}

impl Region {
    fn grid(&self) -> [usize; 2] {
        [self.shape[0].div_ceil(self.cut.rows), self.shape[1].div_ceil(self.cut.columns)]
    }

    fn tiles(&self) -> usize {
        self.grid().iter().product()
    }

    /// The first row and the rows of row `i` of tiles, from the region's start on.
    fn rows(&self, i: usize) -> (usize, usize) {
        let row = i * self.cut.rows;
        (row, self.cut.rows.min(self.shape[0] - row))
    }

    fn columns(&self, j: usize) -> (usize, usize) {
        let column = j * self.cut.columns;
        (column, self.cut.columns.min(self.shape[1] - column))
    }
}

/// A pointer to packed operands, for several threads.
#[derive(Clone, Copy)]
struct Packed<T>(*mut T);

// SAFETY: tasks write disjoint parts, and read them only when all have been written.
unsafe impl<T: Send> Sync for Packed<T> {}

impl<T> Packed<T> {
    fn at(&self, offset: usize) -> *mut T {
        self.0.wrapping_add(offset)
    }
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
    let panel = gemm::panel::<S::Compute>();
    let cut = Cut::new([m, n], count, threads, panel);
    let lies_well = job.b.1.strides[1] == 1 && job.a.1.strides.contains(&1);
    let usable = job.a.0.in_place().is_some() && job.b.0.in_place().is_some();
    if usable && lies_well && each <= SMALL {
        let region = Region { start: [0, 0], shape: [m, n], cut };
        let tiles = region.tiles();
        return team::for_each(large, count * tiles, &|task| in_place(job, task / tiles, region, task % tiles));
    }
    let limit = PACKED / size_of::<S::Compute>();
    let needed = |rows: usize, columns: usize| (rows + columns.next_multiple_of(panel)).saturating_mul(k);
    let (mut rows, mut columns) = (m, n);
    while needed(rows, columns) > limit && (rows > cut.rows || columns > cut.columns) {
        let longer = if rows > cut.rows && (rows >= columns || columns <= cut.columns) {
            (&mut rows, cut.rows)
        } else {
            (&mut columns, cut.columns)
        };
        *longer.0 = (*longer.0 / 2).next_multiple_of(longer.1);
    }
    let together = (limit / needed(rows, columns).max(1)).clamp(1, count);
    let shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut scratch = shared.unwrap_or_default();
    let memory = Packed(scratch.get(together * needed(rows, columns)).as_mut_ptr());
    for first in (0..count).step_by(together) {
        let batches = together.min(count - first);
        for column in (0..n).step_by(columns) {
            for row in (0..m).step_by(rows) {
                let shape = [rows.min(m - row), columns.min(n - column)];
                let region = Region { start: [row, column], shape, cut };
                let own = |batch: usize| Packed(memory.at(batch * needed(rows, columns)));
                // `b` comes first and stays while there are more rows.
                let b_len = columns.next_multiple_of(panel) * k;
                let (parts, [down, across]) = (k.div_ceil(DEPTH), region.grid());
                let lines = if row == 0 { down + across } else { down };
                team::for_each(large, batches * lines * parts, &|task| {
                    let (batch, line, depth) = (task / parts / lines, task / parts % lines, task % parts * DEPTH);
                    let own = own(batch);
                    if line < down {
                        pack_a(job, first + batch, region, line, depth, Packed(own.at(b_len)));
                    } else {
                        pack_b(job, first + batch, region, line - down, depth, own);
                    }
                });
                let tiles = region.tiles();
                team::for_each(large, batches * tiles, &|task| {
                    let own = own(task / tiles);
                    packed(job, first + task / tiles, region, task % tiles, own, Packed(own.at(b_len)));
                });
            }
        }
    }
    SHARED.lock().unwrap_or_else(PoisonError::into_inner).push(scratch);
}

/// Packs row `line` of tiles of `a`, from step `depth` on.
fn pack_a<S>(job: &Job<S>, batch: usize, region: Region, line: usize, depth: usize, to: Packed<S::Compute>)
where
    S: Storage<Compute: Product + Lanes>,
{
    let k = job.shape[2];
    let (row, rows) = region.rows(line);
    let steps = DEPTH.min(k - depth);
    // SAFETY: the memory is this part's alone.
    let out = unsafe { std::slice::from_raw_parts_mut(to.at(row * k + depth * rows), rows * steps) };
    let offset = job.batches.offsets(batch)[1];
    with_matrix(&job.a, offset, [region.start[0] + row, depth], [rows, steps], |matrix| {
        // SAFETY: the operation holds the locks, and the layout was checked, of which this is a part.
        unsafe { Groups(Pack { matrix, steps, free: rows, out }).run() }
    });
}

/// Packs column `line` of tiles of `b`, from step `depth` on.
fn pack_b<S>(job: &Job<S>, batch: usize, region: Region, line: usize, depth: usize, to: Packed<S::Compute>)
where
    S: Storage<Compute: Product + Lanes>,
{
    let k = job.shape[2];
    let (column, columns) = region.columns(line);
    let wide = columns.next_multiple_of(gemm::panel::<S::Compute>());
    let steps = DEPTH.min(k - depth);
    // SAFETY: the memory is this part's alone.
    let out = unsafe { std::slice::from_raw_parts_mut(to.at(column * k + depth * wide), wide * steps) };
    let offset = job.batches.offsets(batch)[2];
    with_matrix(&job.b, offset, [depth, region.start[1] + column], [steps, columns], |matrix| {
        // SAFETY: as in `pack_a`.
        unsafe { Panels(Pack { matrix, steps, free: columns, out }).run() }
    });
}

/// Calls `work` with a part of an operand: as it lies, or gathered and converted.
fn with_matrix<T: Lanes + Product>(
    (input, matrix): &(Input<T>, Matrix),
    offset: isize,
    at: [usize; 2],
    shape: [usize; 2],
    work: impl FnOnce(gemm::Matrix<T>),
) {
    let section = part(matrix, offset, at, &shape);
    if let Some(start) = input.in_place() {
        let [row, column] = matrix.strides;
        return work(gemm::Matrix { start: start.wrapping_offset(section.offset), row, column });
    }
    OWN.with_borrow_mut(|own| {
        let stage = own.get::<T>(shape[0] * shape[1]);
        // SAFETY: the operation holds the locks, and `View::new` checked the layout, of which this is a part.
        unsafe { input.gather(&section, stage) };
        work(gemm::Matrix { start: stage.as_ptr(), row: shape[1] as isize, column: 1 });
    });
}

/// Calls `multiply` for each [`DEPTH`] steps of a tile with its memory, rows of `wide` elements, and finishes the tile.
fn tile<S>(
    job: &Job<S>,
    batch: usize,
    at: [usize; 2],
    shape: [usize; 2],
    wide: usize,
    mut multiply: impl FnMut(usize, usize, &mut [S::Compute]),
) where
    S: Storage<Compute: Product + Lanes>,
{
    OWN.with_borrow_mut(|own| {
        let product = own.get::<S::Compute>(shape[0] * wide);
        let k = job.shape[2];
        if k == 0 {
            product.fill(S::Compute::default());
        }
        for depth in (0..k).step_by(DEPTH) {
            multiply(depth, DEPTH.min(k - depth), product);
        }
        if wide > shape[1] {
            for row in 1..shape[0] {
                product.copy_within(row * wide..row * wide + shape[1], row * shape[1]);
            }
        }
        let product = &mut product[..shape[0] * shape[1]];
        // SAFETY: the operation holds the locks, and this task alone has the tile.
        unsafe { job.finish(&job.batches.offsets(batch), at, shape, product) };
    });
}

/// A tile of packed operands.
fn packed<S>(job: &Job<S>, batch: usize, region: Region, number: usize, b: Packed<S::Compute>, a: Packed<S::Compute>)
where
    S: Storage<Compute: Product + Lanes>,
{
    let (k, panel) = (job.shape[2], gemm::panel::<S::Compute>());
    let across = region.grid()[1];
    let ((row, rows), (column, columns)) = (region.rows(number / across), region.columns(number % across));
    let wide = columns.next_multiple_of(panel);
    let at = [region.start[0] + row, region.start[1] + column];
    tile(job, batch, at, [rows, columns], wide, |depth, steps, product| {
        let start = a.at(row * k + depth * rows).cast_const();
        let multiply = Multiply {
            rows,
            columns: wide,
            steps,
            a: gemm::Matrix { start, row: 0, column: 0 },
            a_packed: true,
            b: b.at(column * k + depth * wide),
            b_strides: [panel as isize, (panel * steps) as isize],
            c: product.as_mut_ptr(),
            c_row: wide,
            first: depth == 0,
        };
        // SAFETY: the operands have been packed and the product has this many rows of this width.
        unsafe { multiply.run() };
    });
}

/// A tile of operands as they lie in memory; columns that do not fill a panel are packed on the way.
fn in_place<S>(job: &Job<S>, batch: usize, region: Region, number: usize)
where
    S: Storage<Compute: Product + Lanes>,
{
    let panel = gemm::panel::<S::Compute>();
    let across = region.grid()[1];
    let ((row, rows), (column, columns)) = (region.rows(number / across), region.columns(number % across));
    let (whole, wide) = (columns / panel * panel, columns.next_multiple_of(panel));
    let offsets = job.batches.offsets(batch);
    let mut edge = Scratch::default();
    let edge = edge.get::<S::Compute>(if whole < columns { panel * DEPTH } else { 0 });
    tile(job, batch, [row, column], [rows, columns], wide, |depth, steps, product| {
        with_matrix(&job.a, offsets[1], [row, depth], [rows, steps], |a| {
            with_matrix(&job.b, offsets[2], [depth, column], [steps, columns], |b| {
                let mut multiply = |columns: usize, start: *const S::Compute, b_strides: [isize; 2], at: usize| {
                    let c = product[at..].as_mut_ptr();
                    let (a_packed, first) = (false, depth == 0);
                    let multiply =
                        Multiply { rows, columns, steps, a, a_packed, b: start, b_strides, c, c_row: wide, first };
                    // SAFETY: the operation holds the locks, the layouts were checked, of which these are parts, and the
                    // product is memory of its own with this many rows of this width.
                    unsafe { multiply.run() };
                };
                if whole > 0 {
                    multiply(whole, b.start, [b.row, panel as isize], 0);
                }
                if whole < columns {
                    let start = b.start.wrapping_add(whole);
                    let out = &mut edge[..panel * steps];
                    let pack = Pack { matrix: gemm::Matrix { start, ..b }, steps, free: columns - whole, out };
                    // SAFETY: as above.
                    unsafe { Panels(pack).run() };
                    multiply(panel, edge.as_ptr(), [panel as isize, 0], whole);
                }
            });
        });
    });
}
