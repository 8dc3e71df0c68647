//! Strided operands as contiguous blocks.
//!
//! An elementwise operation is one loop over slices, written once and compiled to SIMD code. This file brings any operands into
//! that form: the loops over all elements are cut into blocks of about a thousand, and of each block an operand is either a
//! slice of its memory already, or is gathered into a small buffer that stays in the L1 cache (and results are scattered from
//! one). So a stride, a broadcast axis or a half type costs a pass over cached data, never a slow inner loop.
//!
//! Long rows are cut into pieces of rows. If an operand runs along another axis than the output does (a transposed copy), blocks
//! are tiles of both axes, so that each cache line fetched is used whole. Where rows are short, a block runs on over several.

use smallvec::SmallVec;

use super::parallel;
use super::storage::Storage;
use crate::layout::Loops;

/// Elements of a block: with four operands of eight bytes each, 32 KiB.
pub const BLOCK: usize = 1024;
/// Rows shorter than this are not worth a block of their own.
const LONG_ROW: usize = 256;
/// Edge of a tile: 32 elements of four bytes are two cache lines.
const TILE: usize = 32;

/// What a block is of one operand: `len` elements in row-major order of `shape`, from the `start`-th on.
#[derive(Clone, Copy)]
pub struct Section<'a> {
    pub shape: &'a [usize],
    pub strides: &'a [isize],
    /// Element offset of index zero.
    pub offset: isize,
    pub start: usize,
    pub len: usize,
}

impl Section<'_> {
    /// The offset of the first element, if all of them lie in one run.
    pub fn run(&self) -> Option<isize> {
        let Some((&inner, &stride)) = self.shape.last().zip(self.strides.last()) else {
            return Some(self.offset);
        };
        let within = self.start % inner;
        (stride == 1 && within + self.len <= inner).then(|| self.offset_of(self.start))
    }

    /// The offset of the `n`-th element of the whole shape.
    pub fn offset_of(&self, mut n: usize) -> isize {
        let mut offset = self.offset;
        for (&len, &stride) in self.shape.iter().zip(self.strides).rev() {
            offset += (n % len) as isize * stride;
            n /= len;
        }
        offset
    }

    /// Calls `visit(position, offset, stride, len)` for the pieces of rows, `position` counting from the start of the block.
    fn for_each_row(&self, mut visit: impl FnMut(usize, isize, isize, usize)) {
        let Some((&inner, &stride)) = self.shape.last().zip(self.strides.last()) else {
            return visit(0, self.offset, 1, 1);
        };
        let outer = self.shape.len() - 1;
        let mut index: SmallVec<[usize; 8]> = SmallVec::from_elem(0, outer);
        let mut rest = self.start / inner;
        let mut row = self.offset;
        for axis in (0..outer).rev() {
            index[axis] = rest % self.shape[axis];
            rest /= self.shape[axis];
            row += index[axis] as isize * self.strides[axis];
        }
        let mut within = self.start % inner;
        let mut position = 0;
        while position < self.len {
            let len = (inner - within).min(self.len - position);
            visit(position, row + within as isize * stride, stride, len);
            position += len;
            within = 0;
            for axis in (0..outer).rev() {
                index[axis] += 1;
                row += self.strides[axis];
                if index[axis] < self.shape[axis] {
                    break;
                }
                row -= self.shape[axis] as isize * self.strides[axis];
                index[axis] = 0;
            }
        }
    }

    /// Rows and columns, if it is a whole tile whose columns are the nearer neighbours.
    fn columns(&self) -> Option<[usize; 2]> {
        match (self.shape, self.strides) {
            (&[rows, cols], &[down, right])
                if rows > 1 && right != 0 && down.abs() < right.abs() && self.len == rows * cols =>
            {
                Some([rows, cols])
            }
            _ => None,
        }
    }

    /// Copies the elements to `out`, converted to what they are computed in.
    ///
    /// # Safety
    /// Every element of the section, counted from `base`, must be valid for reads and written by no one meanwhile, and none may
    /// lie in `out`. `out` must have the section's length.
    pub unsafe fn gather<S: Storage>(&self, base: *const S, out: &mut [S::Compute]) {
        if let Some(shape) = self.columns() {
            // SAFETY: the elements of this tile are those that the caller vouches for.
            return unsafe { load_columns(base.offset(self.offset), [self.strides[0], self.strides[1]], shape, out) };
        }
        self.for_each_row(|position, offset, stride, len| {
            // SAFETY: a piece of a row of the section, whose elements the caller vouches for.
            unsafe { load(base.offset(offset), stride, &mut out[position..position + len]) }
        });
    }

    /// Copies `values`, converted to how they are stored, to the elements.
    ///
    /// # Safety
    /// Every element of the section, counted from `base`, must be valid for writes and accessed by no one else meanwhile, and
    /// none may lie in `values`. `values` must have the section's length.
    pub unsafe fn scatter<S: Storage>(&self, base: *mut S, values: &[S::Compute]) {
        self.for_each_row(|position, offset, stride, len| {
            // SAFETY: a piece of a row of the section, whose elements the caller vouches for.
            unsafe { store(base.offset(offset), stride, &values[position..position + len]) }
        });
    }
}

/// # Safety
/// `src + i * stride` must be valid for reads for every `i` below `out.len()`, and lie outside `out`.
unsafe fn load<S: Storage>(src: *const S, stride: isize, out: &mut [S::Compute]) {
    match stride {
        1 => {
            // SAFETY: with stride 1 the elements that the caller vouches for are this slice.
            S::decode(unsafe { std::slice::from_raw_parts(src, out.len()) }, out);
        }
        0 => {
            let mut value = [S::Compute::default()];
            // SAFETY: the one element there is.
            S::decode(&[unsafe { src.read() }], &mut value);
            out.fill(value[0]);
        }
        _ => {
            let mut piece = [S::default(); 64];
            for (n, out) in out.chunks_mut(64).enumerate() {
                for (i, value) in piece[..out.len()].iter_mut().enumerate() {
                    // SAFETY: element n * 64 + i, which is below the length.
                    *value = unsafe { src.offset((n * 64 + i) as isize * stride).read() };
                }
                S::decode(&piece[..out.len()], out);
            }
        }
    }
}

/// Loads a tile whose columns are the nearer neighbours, so that each cache line is read whole: in square pieces, by columns.
///
/// # Safety
/// `src + r * down + c * right` must be valid for reads for every row and column, and lie outside `out`, which has `rows * cols`
/// elements.
unsafe fn load_columns<S: Storage>(
    src: *const S,
    [down, right]: [isize; 2],
    [rows, cols]: [usize; 2],
    out: &mut [S::Compute],
) {
    let mut piece = [S::default(); TILE * TILE];
    for row in (0..rows).step_by(TILE) {
        for col in (0..cols).step_by(TILE) {
            let shape = [TILE.min(rows - row), TILE.min(cols - col)];
            // SAFETY: row and column are those of an element of the tile.
            let src = unsafe { src.offset(row as isize * down + col as isize * right) };
            // SAFETY: the elements of this piece are among the tile's, and a piece of the largest shape has room.
            unsafe { transpose(src, [down, right], shape, &mut piece) };
            for (r, values) in piece.chunks_exact(TILE).take(shape[0]).enumerate() {
                let start = (row + r) * cols + col;
                S::decode(&values[..shape[1]], &mut out[start..start + shape[1]]);
            }
        }
    }
}

/// Puts the elements of a tile in rows of `TILE`.
///
/// # Safety
/// `src + r * down + c * right` must be valid for reads for every row and column, of which there are at most `TILE` each.
unsafe fn transpose<S: Copy>(
    src: *const S,
    [down, right]: [isize; 2],
    [rows, cols]: [usize; 2],
    out: &mut [S; TILE * TILE],
) {
    /// Edge of a square that fits into registers.
    const EDGE: usize = 8;
    let whole = if down == 1 { [rows / EDGE * EDGE, cols / EDGE * EDGE] } else { [0; 2] };
    for row in (0..whole[0]).step_by(EDGE) {
        for col in (0..whole[1]).step_by(EDGE) {
            let square: [[S; EDGE]; EDGE] = std::array::from_fn(|c| {
                // SAFETY: with `down` 1 these are rows `row` to `row + EDGE` of a column, all inside the tile.
                unsafe { src.offset(row as isize + (col + c) as isize * right).cast::<[S; EDGE]>().read_unaligned() }
            });
            for (r, start) in (row * TILE + col..).step_by(TILE).take(EDGE).enumerate() {
                let values: [S; EDGE] = std::array::from_fn(|c| square[c][r]);
                out[start..start + EDGE].copy_from_slice(&values);
            }
        }
    }
    for col in 0..cols {
        // What is left over beside and below the squares.
        let first = if col < whole[1] { whole[0] } else { 0 };
        for row in first..rows {
            // SAFETY: an element of the tile.
            out[row * TILE + col] = unsafe { src.offset(row as isize * down + col as isize * right).read() };
        }
    }
}

/// # Safety
/// `dst + i * stride` must be valid for writes for every `i` below `values.len()`, and lie outside `values`.
unsafe fn store<S: Storage>(dst: *mut S, stride: isize, values: &[S::Compute]) {
    if stride == 1 {
        // SAFETY: with stride 1 the elements that the caller vouches for are this slice.
        return S::encode(values, unsafe { std::slice::from_raw_parts_mut(dst, values.len()) });
    }
    let mut piece = [S::default(); 64];
    for (n, values) in values.chunks(64).enumerate() {
        S::encode(values, &mut piece[..values.len()]);
        for (i, &value) in piece[..values.len()].iter().enumerate() {
            // SAFETY: element n * 64 + i, which is below the length.
            unsafe { dst.offset((n * 64 + i) as isize * stride).write(value) };
        }
    }
}

/// The loops over `N` operands, cut into blocks.
pub struct Blocks<const N: usize> {
    shape: SmallVec<[usize; 8]>,
    strides: [SmallVec<[isize; 8]>; N],
    offsets: [isize; N],
    /// Rows and columns of a tile of the last two axes; `None` for blocks that run on over short rows.
    tile: Option<(usize, usize)>,
}

impl<const N: usize> Blocks<N> {
    pub fn new(loops: &Loops<N>) -> Self {
        let mut shape: SmallVec<[usize; 8]> = SmallVec::from_slice(&loops.shape);
        let mut strides = loops.strides.each_ref().map(|s| SmallVec::<[isize; 8]>::from_slice(s));
        while shape.len() < 2 {
            shape.insert(0, 1);
            strides.iter_mut().for_each(|s| s.insert(0, 0));
        }
        let last = shape.len() - 1;
        // The axis along which some operand's elements are closer to each other than along the last one.
        let across = strides.iter().find_map(|s| {
            let step = |&axis: &usize| if s[axis] == 0 { usize::MAX } else { s[axis].unsigned_abs() };
            let axis = (0..last).filter(|&axis| shape[axis] > 1).min_by_key(step)?;
            (s[last] != 0 && step(&axis) < s[last].unsigned_abs()).then_some(axis)
        });
        let tile = match across {
            Some(axis) => {
                shape.swap(axis, last - 1);
                strides.iter_mut().for_each(|s| s.swap(axis, last - 1));
                let rows = shape[last - 1].min(TILE);
                let cols = shape[last].min(BLOCK / rows);
                let cols = if rows == TILE { cols.min(TILE) } else { cols };
                let rows = shape[last - 1].min(BLOCK / cols);
                (rows * cols >= 64).then_some((rows, cols))
            }
            None if shape[last] >= LONG_ROW || shape[..last].iter().all(|&n| n == 1) => Some((1, BLOCK)),
            None => None,
        };
        let offsets = loops.offsets.map(|offset| offset as isize);
        Self { shape, strides, offsets, tile }
    }

    fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Calls `visit` with the blocks' sections, on several threads if that pays. Every thread makes a `state` for its blocks.
    pub fn for_each<T>(&self, state: impl Fn() -> T + Sync, visit: impl Fn(&mut T, [Section; N]) + Sync) {
        let (rows, cols) = self.tile.unwrap_or((1, BLOCK));
        let last = self.shape.len() - 1;
        let grid: SmallVec<[usize; 8]> = match self.tile {
            Some(_) => {
                let mut grid = self.shape.clone();
                grid[last - 1] = grid[last - 1].div_ceil(rows);
                grid[last] = grid[last].div_ceil(cols);
                grid
            }
            None => SmallVec::from_slice(&[self.elements().div_ceil(BLOCK)]),
        };
        let count: usize = grid.iter().product();
        let work = |range: std::ops::Range<usize>| {
            let mut state = state();
            for n in range {
                match self.tile {
                    Some(tile) => self.visit_tile(n, &grid, tile, |sections| visit(&mut state, sections)),
                    None => {
                        let start = n * BLOCK;
                        let len = BLOCK.min(self.elements() - start);
                        visit(&mut state, std::array::from_fn(|i| self.section(i, start, len)));
                    }
                }
            }
        };
        let large = self.elements() >= parallel::THRESHOLD;
        parallel::run(large, || parallel::for_each(count, (parallel::THRESHOLD / 2 / (rows * cols)).max(1), &work));
    }

    fn section(&self, operand: usize, start: usize, len: usize) -> Section<'_> {
        Section { shape: &self.shape, strides: &self.strides[operand], offset: self.offsets[operand], start, len }
    }

    fn visit_tile(&self, mut n: usize, grid: &[usize], (rows, cols): (usize, usize), visit: impl FnOnce([Section; N])) {
        let last = grid.len() - 1;
        let mut offsets = self.offsets;
        let mut extent = [0; 2];
        for axis in (0..grid.len()).rev() {
            let step = if axis == last {
                cols
            } else if axis + 1 == last {
                rows
            } else {
                1
            };
            let first = n % grid[axis] * step;
            n /= grid[axis];
            if axis + 1 >= last {
                extent[axis + 1 - last] = step.min(self.shape[axis] - first);
            }
            for (offset, strides) in offsets.iter_mut().zip(&self.strides) {
                *offset += first as isize * strides[axis];
            }
        }
        let len = extent[0] * extent[1];
        // A tile of one row is that row, whatever the stride to the next.
        let first = if extent[0] == 1 { 1 } else { 0 };
        visit(std::array::from_fn(|i| Section {
            shape: &extent[first..],
            strides: &self.strides[i][last - 1 + first..],
            offset: offsets[i],
            start: 0,
            len,
        }));
    }
}
