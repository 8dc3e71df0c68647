//! Rows: what reductions, softmax and normalisation share. A row is the elements that are reduced or normalised together.
//!
//! A workgroup takes one row, or several short ones. The invocations on a row are its lanes, and a lane takes every so-manieth of
//! the row's elements. Where the elements of a row lie side by side in memory so do its lanes; where rows lie side by side (columns
//! of a matrix) neighbouring invocations take neighbouring rows instead. Either way neighbours read neighbouring memory.

use smallvec::SmallVec;

use super::super::{Operand, unsupported};
use super::Wgpu;
use super::operand::{self, Format, Window};
use super::shader::{self, Access, WORKGROUP};
use crate::error::Result;
use crate::layout::{self, Layout, Loops, Order};

const KERNEL: &str = include_str!("../../../wgsl-fallback/rows.wgsl");

/// Parameter words of a dispatch.
pub(super) type Words = SmallVec<[u32; 32]>;

/// Neighbouring rows that neighbouring invocations take.
const ADJACENT_ROWS: usize = 32;
/// The most units that a lane keeps in registers.
const HELD: usize = 8;
/// Units that a lane should have before another one helps.
const UNITS_PER_LANE: usize = 4;
/// Loops over rows whose strides fit in the parameters beside everything else.
pub(super) const MAX_RANK: usize = 17;

/// How the invocations of a workgroup share rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lanes {
    /// Invocations on a row; a power of two.
    pub count: u32,
    /// Whether the lanes of a row are neighbours, else the rows are.
    pub along: bool,
}

impl Lanes {
    /// For `rows` rows that need `wanted` lanes each.
    pub fn new(along: bool, rows: usize, wanted: usize) -> Self {
        let wanted = wanted.next_power_of_two().clamp(1, WORKGROUP as usize) as u32;
        let adjacent = rows.next_power_of_two().min(ADJACENT_ROWS) as u32;
        Self { count: if along { wanted } else { wanted.min(WORKGROUP / adjacent) }, along }
    }

    /// Rows of a workgroup.
    pub fn rows(self) -> u32 {
        WORKGROUP / self.count
    }

    /// Its byte in a kernel's key.
    pub fn code(self) -> u8 {
        self.count.ilog2() as u8 | u8::from(self.along) << 7
    }

    pub fn wgsl(self) -> String {
        let word = |n: u32| format!("{n}u");
        let (stride, row) = if self.along { (1, "local / LANES") } else { (self.rows(), "local % ROWS") };
        let (lanes, stride, rows) = (word(self.count), word(stride), word(self.rows()));
        let values = [("lanes", lanes.as_str()), ("stride", &stride), ("rows", &rows), ("row", row)];
        shader::fill(shader::section(KERNEL, "lanes"), &values)
    }
}

/// The function `name(item, operand)` over `rank` loops with `operands` strides each, whose parameter words begin at `first`.
pub(super) fn nest(name: &str, rank: usize, first: usize, operands: usize) -> String {
    let word = |n: usize| format!("{n}u");
    let (rank, first, words) = (word(rank), word(first), word(1 + operands));
    let values = [("n", name), ("rank", rank.as_str()), ("first", &first), ("words", &words)];
    shader::fill(shader::section(KERNEL, "nest"), &values)
}

/// The parameter words of a nest: for each loop, innermost first, its length and the strides of the operands.
pub(super) fn nest_words<const N: usize>(words: &mut Words, loops: &Loops<N>) {
    for axis in (0..loops.rank()).rev() {
        words.push(loops.shape[axis] as u32);
        words.extend(loops.strides.iter().map(|strides| strides[axis] as i32 as u32));
    }
}

/// The function that merges accumulators of type `accumulator` over the lanes of a row.
pub(super) fn tree(accumulator: &str) -> String {
    let workgroup = format!("{WORKGROUP}u");
    shader::fill(shader::section(KERNEL, "tree"), &[("A", accumulator), ("workgroup", &workgroup)])
}

/// Whether every row consists of aligned vectors of `unit` consecutive elements.
pub(super) fn has_vectors(unit: usize, count: usize, step: isize, offset: u32, strides: &[isize]) -> bool {
    let aligned = |stride: &isize| stride.unsigned_abs().is_multiple_of(unit);
    count.is_multiple_of(unit) && step == 1 && (offset as usize).is_multiple_of(unit) && strides.iter().all(aligned)
}

/// What a kernel that turns rows into rows is specialised by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    pub format: Format,
    pub access: Access,
    pub lanes: Lanes,
    /// Units (vectors or elements) that a lane keeps in registers; 0 where the row is too long for that.
    pub held: usize,
    /// Loops over the rows.
    pub rank: usize,
}

impl Rows {
    /// Its bytes in a kernel's key.
    pub fn code(&self) -> [u8; 5] {
        let access = u8::from(self.access == Access::Chunks);
        [self.format as u8, access, self.lanes.code(), self.held as u8, self.rank as u8]
    }

    /// Everything before the entry point; the loops over rows begin at parameter word `head`.
    pub fn wgsl(&self, head: usize) -> String {
        let how = if self.access == Access::Chunks { "chunks" } else { "elements" };
        let (compute, workgroup) = (self.format.compute(), format!("{WORKGROUP}u"));
        let values = [("T", compute), ("workgroup", workgroup.as_str()), ("n", "x")];
        let part = |name: &str| shader::fill(shader::section(KERNEL, name), &values);
        [
            shader::codecs(&[self.format]),
            shader::output("out", 0, self.format, self.access),
            shader::input("x", 1, self.format, self.access, false),
            shader::scalar_functions(self.format),
            self.lanes.wgsl(),
            nest("kept", self.rank, head, 2),
            part("everywhere"),
            part(&format!("unit {how}")),
            part(&format!("fetch {how}")),
            part(&format!("put {how}")),
        ]
        .concat()
    }

    /// A further operand `name` that is read at the same positions of every row.
    pub fn parameter(&self, name: &str, binding: usize) -> String {
        let how = if self.access == Access::Chunks { "fetch chunks" } else { "fetch elements" };
        let fetch = shader::fill(shader::section(KERNEL, how), &[("n", name)]);
        shader::input(name, binding, self.format, self.access, false) + &fetch
    }

    /// A pass over the units of a row, with `body` for each unit `v`.
    pub fn pass(&self, body: &str) -> String {
        let units = format!("{}u", self.held);
        let section = if self.held > 0 { "pass held" } else { "pass streamed" };
        shader::fill(shader::section(KERNEL, section), &[("units", &units), ("body", body)])
    }

    /// The read of a row to registers, where it fits.
    pub fn hold(&self) -> String {
        if self.held == 0 {
            return String::new();
        }
        shader::fill(shader::section(KERNEL, "hold"), &[("units", &format!("{}u", self.held))])
    }
}

/// Rows that one dispatch turns into rows.
pub(super) struct Part<'a> {
    pub rows: Rows,
    pub windows: SmallVec<[Window<'a>; 4]>,
    /// `rows, elements of a row, offsets of out and x, their steps along a row`, words for the family, then the loops.
    pub words: Words,
    /// Workgroups.
    pub groups: u64,
}

impl Wgpu {
    /// Calls `run` with parts of the rows of `x` and `out` (the last axis) that can be bound. `vectors` says whether further operands
    /// allow vectors of four; the loops' parameter words begin at word `head`.
    pub(super) fn over_rows<'a>(
        &self,
        op: &'static str,
        x: Operand<'a>,
        out: Operand<'a>,
        vectors: bool,
        head: usize,
        run: &mut impl FnMut(Part<'a>) -> Result<()>,
    ) -> Result<()> {
        self.require(op, x.dtype)?;
        let (limits, size) = (&self.gpu.limits, x.dtype.size());
        let last = x.layout.rank() - 1;
        let fits = |[out, x]: &[Layout; 2]| {
            operand::fits(out, size, limits)
                && operand::fits(x, size, limits)
                && x.len() <= 1 << 31
                && (x.rank() <= MAX_RANK || row_loops(out, x).rank() <= MAX_RANK)
        };
        let kept: SmallVec<[usize; 6]> = (0..last).collect();
        layout::split([out.layout.clone(), x.layout.clone()], &kept, &fits, &mut |part| {
            if !fits(part) {
                let reason = "a row reaches over more memory than a binding of the device holds; make its axis the last one of \
                              a contiguous copy, or use the CPU";
                return Err(unsupported(&self.info, op, x.dtype, reason));
            }
            let loops = row_loops(&part[0], &part[1]);
            let (count, out_step, x_step) = (part[1].shape()[last], part[0].strides()[last], part[1].strides()[last]);
            let (out_window, out_offset) = Window::new(out, &whole(&loops, 0, count, out_step), limits)?;
            let (x_window, x_offset) = Window::new(x, &whole(&loops, 1, count, x_step), limits)?;
            let chunks = vectors
                && has_vectors(4, count, out_step, out_offset, &loops.strides[0])
                && has_vectors(4, count, x_step, x_offset, &loops.strides[1]);
            let units = if chunks { count / 4 } else { count };
            let nearest = loops.strides[1].iter().map(|s| s.unsigned_abs()).min();
            let along = nearest.is_none_or(|nearest| x_step.unsigned_abs() <= nearest);
            let lanes = Lanes::new(along, loops.len(), units.div_ceil(UNITS_PER_LANE));
            let each = units.div_ceil(lanes.count as usize).next_power_of_two();
            let rows = Rows {
                format: x.dtype.into(),
                access: if chunks { Access::Chunks } else { Access::Elements },
                lanes,
                held: if each <= HELD { each } else { 0 },
                rank: loops.rank(),
            };
            let mut words: Words = smallvec::smallvec![0; head];
            let own = [loops.len() as u32, count as u32, out_offset, x_offset, out_step as u32, x_step as u32];
            words[..own.len()].copy_from_slice(&own);
            nest_words(&mut words, &loops);
            let groups = loops.len().div_ceil(lanes.rows() as usize) as u64;
            run(Part { rows, windows: smallvec::smallvec![out_window, x_window], words, groups })
        })
    }
}

/// The loops over the rows of `out` and `x`: all axes but the last.
fn row_loops(out: &Layout, x: &Layout) -> Loops<2> {
    let axes: SmallVec<[usize; 6]> = (0..x.rank() - 1).collect();
    layout::collapse_axes([out, x], &axes, Order::Any)
}

/// The layout of operand `i`, rows and all.
fn whole(loops: &Loops<2>, i: usize, count: usize, step: isize) -> Layout {
    let shape = loops.shape.iter().copied().chain([count]).collect();
    let strides = loops.strides[i].iter().copied().chain([step]).collect();
    Layout::from_parts(shape, strides, loops.offsets[i])
}
