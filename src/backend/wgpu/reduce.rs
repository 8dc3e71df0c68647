//! Reductions over any set of axes.
//!
//! The kept axes are loops over rows, the reduced axes loops over a row's elements. Rows that are long while there are few of them
//! are cut into parts, whose accumulators a second dispatch merges; so are rows that no binding can hold. The order of all additions
//! follows from shapes and strides alone, so the same call gives the same bits.
//!
//! A second operand serves three purposes: the other vector of a dot product, the means that a variance is taken around, and, for
//! `argmax`, an imaginary tensor that counts the reduced elements, so that the offset of an element is its index.

use smallvec::SmallVec;

use super::super::{Backend, Operand, op, unsupported};
use super::Wgpu;
use super::kernel::{Key, RING_SLOT, Source};
use super::operand::{self, Format, Window};
use super::rows::{self, Lanes, Words};
use super::shader::{self, Access, WORKGROUP};
use crate::dtype::{DType, Scalar};
use crate::error::Result;
use crate::layout::{self, Dims, Layout, Loops, Order, Reduction, Strides};

const KERNEL: &str = include_str!("../../../wgsl-fallback/reduce.wgsl");

/// Parameter words: `rows, elements of a row, parts of a row, elements of a part, offsets of out, x and y, two scalars of two words`,
/// then the loops over rows and over elements.
const HEAD: usize = 11;
const SCALARS: usize = 7;
/// Loops over the elements of a row.
const MAX_REDUCED: usize = 16;
/// Workgroups that keep any GPU busy: rows are cut until there are so many.
const BUSY: usize = 1024;
/// Elements that a lane should have before a row is cut, and those after which it is cut for accuracy.
const LANE_ELEMENTS: std::ops::Range<usize> = 16..4096;
/// The most rows whose parts are merged at once where bindings are too small, so that the accumulators fit in one.
const SPLIT_ROWS: usize = 1 << 18;

/// Where a kernel takes what it merges from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Operands(Access),
    Partials,
}

/// What a reduction kernel is specialised by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    pub op: op::Reduce,
    /// Of the elements.
    pub format: Format,
    pub input: Input,
    /// Of the results; without it accumulators are written.
    pub output: Option<Format>,
    pub lanes: Lanes,
    pub kept: usize,
    pub reduced: usize,
}

/// What the second operand of a reduction is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Second {
    None,
    Vector,
    Index,
    Mean,
}

fn second(op: op::Reduce) -> Second {
    match op {
        op::Reduce::Dot => Second::Vector,
        op::Reduce::Var { .. } => Second::Mean,
        op::Reduce::ArgMax | op::Reduce::ArgMin => Second::Index,
        _ => Second::None,
    }
}

/// The format of accumulators and means of `format`'s elements.
fn precise(format: Format) -> DType {
    if format.compute() == "f64" { DType::F64 } else { DType::F32 }
}

/// Bytes of an accumulator, at most.
fn accumulator_size(op: op::Reduce, format: Format) -> usize {
    let wide = if matches!(format.compute(), "f64" | "i64") { 8 } else { 4 };
    match op {
        op::Reduce::Var { .. } | op::Reduce::ArgMax | op::Reduce::ArgMin => 2 * wide,
        op::Reduce::Norm => 3 * wide,
        _ => wide,
    }
}

impl Variant {
    fn key(&self) -> Key {
        let input = match self.input {
            Input::Operands(Access::Elements) => 0,
            Input::Operands(Access::Chunks) => 1,
            Input::Partials => 2,
        };
        let output = self.output.map_or(0, |format| 1 + format as u8);
        let mut spec = [0; 16];
        let own = [self.format as u8, input, output, self.lanes.code(), self.kept as u8, self.reduced as u8];
        spec[..own.len()].copy_from_slice(&own);
        Key { name: self.op.name(), spec }
    }

    pub fn source(&self) -> Source {
        let compute = self.format.compute();
        let second = second(self.op);
        let means = if precise(self.format) == DType::F64 { Format::F64 } else { Format::F32 };
        let y_format = if second == Second::Mean { means } else { self.format };
        let mut wgsl = shader::codecs(&[self.format, self.output.unwrap_or(self.format)]);
        wgsl.push_str(&self.operation(compute));
        wgsl.push_str(&self.lanes.wgsl());
        wgsl.push_str(&rows::nest("kept", self.kept, HEAD, 3));
        wgsl.push_str(&rows::nest("reduced", self.reduced, HEAD + 4 * self.kept, 2));
        wgsl.push_str(&rows::tree("Acc"));
        wgsl.push_str(shader::scalar_parameter(means));

        let mut writable = vec![true];
        let write = match self.output {
            Some(format) => {
                wgsl.push_str(&shader::output("out", 0, format, Access::Elements));
                "store_out(param(4u) + kept(row, 0u), finish(slots[local]));"
            }
            None => {
                wgsl.push_str(&shader::fill(shader::section(KERNEL, "write partials"), &[("binding", "0")]));
                "partials[param(4u) + kept(row, 0u) + part] = slots[local];"
            }
        };
        let mut y = "0u";
        if let Input::Operands(access) = self.input {
            wgsl.push_str(&shader::input("x", 1, self.format, access, false));
            writable.push(false);
            let access = match second {
                Second::Vector => Some(access),
                Second::Mean => Some(Access::Elements),
                Second::Index | Second::None => None,
            };
            if let Some(access) = access {
                wgsl.push_str(&shader::input("y", 2, y_format, access, false));
                writable.push(false);
            }
            y = match second {
                Second::None => "0u",
                Second::Vector | Second::Index => "param(6u) + kept(row, 2u)",
                Second::Mean => "load_y(param(6u) + kept(row, 2u))",
            };
        } else {
            wgsl.push_str(&shader::fill(shader::section(KERNEL, "read partials"), &[("binding", "1")]));
            writable.push(false);
        }
        let y_type = if y.starts_with("load") { compute } else { "u32" };
        let workgroup = format!("{WORKGROUP}u");
        let step = match (self.input, second) {
            (Input::Partials, _) => Some("step partials"),
            (Input::Operands(Access::Chunks), _) => None,
            (_, Second::None) => Some("step elements"),
            (_, Second::Vector) => Some("step pairs"),
            (_, Second::Index) => Some("step indexed"),
            (_, Second::Mean) => Some("step centred"),
        };
        if let Some(step) = step {
            wgsl.push_str(&shader::fill(shader::section(KERNEL, step), &[("Y", y_type)]));
            let values = [("workgroup", workgroup.as_str()), ("y", y), ("write", write)];
            wgsl.push_str(&shader::fill(shader::section(KERNEL, "main elements"), &values));
        } else {
            let (other, arguments) = match second {
                Second::None => ("", [""; 4]),
                Second::Vector => ("let w = load_y((y + j) / 4u);", [", w.x", ", w.y", ", w.z", ", w.w"]),
                Second::Index => ("", [", y + j", ", y + j + 1u", ", y + j + 2u", ", y + j + 3u"]),
                Second::Mean => ("", [", y"; 4]),
            };
            let [first, second, third, fourth] = arguments;
            let values = [
                ("workgroup", workgroup.as_str()),
                ("y", y),
                ("other", other),
                ("first", first),
                ("second", second),
                ("third", third),
                ("fourth", fourth),
                ("write", write),
            ];
            wgsl.push_str(&shader::fill(shader::section(KERNEL, "main chunks"), &values));
        }
        Source { wgsl, writable, params: HEAD + 4 * self.kept + 3 * self.reduced }
    }

    /// `Acc` with `empty`, `take`, `merge` and `finish`.
    fn operation(&self, compute: &str) -> String {
        use op::Reduce::*;
        let wide = matches!(compute, "f64" | "i64");
        let (rank, unrank) = match self.op {
            Min | ArgMin => ("descending", "from_descending"),
            _ => ("ascending", "from_ascending"),
        };
        // Blue's thresholds (as bits) and scales, with the exponents of LAPACK's `nrm2`.
        let [mask, above, down, below, up] = if compute == "f64" {
            [
                "0x7ffffffffffffffflu",
                "0x5e50000000000000lu",
                "1.1113793747425387e-162lf",
                "0x2000000000000000lu",
                "4.4989137945431964e161lf",
            ]
        } else {
            ["0x7fffffffu", "0x59800000u", "1.3234889800848443e-23f", "0x20000000u", "3.7778931862957162e22f"]
        };
        let values = [
            ("T", compute),
            ("K", if wide { "u64" } else { "u32" }),
            ("rank", rank),
            ("unrank", unrank),
            ("mask", mask),
            ("above", above),
            ("down", down),
            ("below", below),
            ("up", up),
        ];
        let part = |name: &str| shader::fill(shader::section(KERNEL, name), &values);
        let keys = || part(&format!("key {compute}"));
        match self.op {
            Sum => part("sum") + &part("finish same"),
            Mean => part("sum") + &part("finish mean"),
            Dot => part("dot") + &part("finish same"),
            Prod => part("prod") + &part("finish same"),
            Any => part("any") + &part("finish same"),
            All => part("all") + &part("finish same"),
            Max | Min => keys() + &part("max"),
            ArgMax | ArgMin => keys() + &part("argmax"),
            Var { .. } => part("var"),
            Norm => part("norm"),
        }
    }
}

/// A reduction with its operands; layouts are of the operand's full shape, with stride 0 where the output has no axis.
#[derive(Clone, Copy)]
struct Job<'a> {
    op: op::Reduce,
    x: Operand<'a>,
    y: Option<Operand<'a>>,
    out: Operand<'a>,
    axes: &'a [usize],
    /// Elements of a row.
    count: usize,
}

impl Wgpu {
    pub(super) fn reduce_axes(
        &self,
        op: op::Reduce,
        x: Operand,
        y: Option<Operand>,
        axes: &[usize],
        out: Operand,
    ) -> Result<()> {
        self.require(op.name(), x.dtype)?;
        let shape = x.layout.shape();
        let count = axes.iter().map(|&axis| shape[axis]).product();
        let target = spread(shape, axes, out.layout.strides(), out.layout.offset());
        match second(op) {
            Second::None => self.reduce_job(Job { op, x, y: None, out, axes, count }, &target, x.layout),
            Second::Vector => {
                let layout = y.map_or(x.layout, |y| y.layout);
                self.reduce_job(Job { op, x, y, out, axes, count }, &target, layout)
            }
            Second::Index => {
                let counting = counting(shape, axes);
                self.reduce_job(Job { op, x, y: None, out, axes, count }, &target, &counting)
            }
            Second::Mean => {
                let dtype = precise(x.dtype.into());
                let kept: Dims = (0..shape.len()).filter(|a| !axes.contains(a)).map(|a| shape[a]).collect();
                let dense = Layout::contiguous(op.name(), &kept, dtype.size())?;
                let buffer = self.allocate(dense.len() * dtype.size())?;
                let layout = spread(shape, axes, dense.strides(), 0);
                let means = Operand { buffer: &buffer, layout: &dense, dtype };
                let mean = Job { op: op::Reduce::Mean, x, y: None, out: means, axes, count };
                self.reduce_job(mean, &layout, x.layout)?;
                self.reduce_job(Job { op, x, y: Some(means), out, axes, count }, &target, &layout)
            }
        }
    }

    /// Runs the job on parts of the rows: as many at once as can be bound, or, where rows are too long for that, as many as there is
    /// room for accumulators.
    fn reduce_job(&self, job: Job, out: &Layout, y: &Layout) -> Result<()> {
        let kept: Dims = (0..out.rank()).filter(|axis| !job.axes.contains(axis)).collect();
        let layouts = [out.clone(), job.x.layout.clone(), y.clone()];
        let rows = |part: &[Layout; 3]| kept.iter().map(|&axis| part[0].shape()[axis]).product::<usize>();
        let fits = |part: &[Layout; 3]| {
            let out_fits = operand::fits(&part[0], job.out.dtype.size(), &self.gpu.limits);
            job.row_fits(part, &self.gpu.limits) || (out_fits && rows(part) <= SPLIT_ROWS)
        };
        layout::split(layouts, &kept, &fits, &mut |part| self.reduce_rows(&job, part, &kept, rows(part)))
    }

    fn reduce_rows(&self, job: &Job, layouts: &[Layout; 3], kept: &[usize], rows: usize) -> Result<()> {
        let limits = &self.gpu.limits;
        let mut pieces: SmallVec<[[Layout; 3]; 1]> = SmallVec::new();
        let collect = &mut |piece: &[Layout; 3]| {
            pieces.push(piece.clone());
            Ok(())
        };
        layout::split(layouts.clone(), job.axes, &|piece| job.row_fits(piece, limits), collect)?;
        let Some(first) = pieces.first() else { return Ok(()) };
        let plan = job.plan(first);
        let (lanes, parts) = job.schedule(&plan, rows);
        let pitch = parts * pieces.len();
        if pitch == 1 {
            return self.reduce_piece(job, first, kept, lanes, 1, None);
        }
        // Every row has room for the accumulators of all its parts, one after the other.
        let format = Format::from(job.x.dtype);
        let size = accumulator_size(job.op, format);
        let bytes = rows.saturating_mul(pitch).saturating_mul(size);
        if bytes as u64 > limits.max_storage_buffer_binding_size {
            let reason = "a row is far larger than a binding of the device; reduce it in pieces or use the CPU";
            return Err(unsupported(&self.info, job.op.name(), job.x.dtype, reason));
        }
        let buffer = self.allocate(bytes)?;
        let words = Layout::contiguous(job.op.name(), &[bytes.div_ceil(4)], 4)?;
        let accumulators = Operand { buffer: &buffer, layout: &words, dtype: DType::U32 };
        let shape = layouts[0].shape();
        let dense: Strides = {
            let lengths: Dims = kept.iter().map(|&axis| shape[axis]).collect();
            let dense = Layout::contiguous(job.op.name(), &lengths, size * pitch)?;
            dense.strides().iter().map(|stride| stride * pitch as isize).collect()
        };
        for (i, [_, x, y]) in pieces.iter().enumerate() {
            let partials = spread(x.shape(), job.axes, &dense, i * parts);
            self.reduce_piece(job, &[partials, x.clone(), y.clone()], kept, lanes, parts, Some(accumulators))?;
        }
        self.merge_partials(job, &layouts[0], kept, &dense, pitch, accumulators)
    }

    /// Reduces the rows of a piece, as many at once as can be bound, to results or, with `partials`, to accumulators.
    fn reduce_piece(
        &self,
        job: &Job,
        piece: &[Layout; 3],
        kept: &[usize],
        lanes: Lanes,
        parts: usize,
        partials: Option<Operand>,
    ) -> Result<()> {
        let limits = &self.gpu.limits;
        let count: usize = job.axes.iter().map(|&axis| piece[1].shape()[axis]).product();
        // A multiple of four, for vectors.
        let chunk = count.div_ceil(parts).next_multiple_of(4);
        layout::split(piece.clone(), kept, &|part| job.fits(part, partials.is_some(), limits), &mut |part| {
            if !job.fits(part, partials.is_some(), limits) {
                let reason = "the operands are scattered over more memory than a binding holds; copy them with \
                              `to_contiguous` or use the CPU";
                return Err(unsupported(&self.info, job.op.name(), job.x.dtype, reason));
            }
            let plan = job.plan(part);
            let (rows, loops) = (plan.kept.len(), [&plan.kept, &plan.kept, &plan.kept]);
            let (x_window, x_offset) = Window::new(job.x, &whole(loops[1], 1, &plan.reduced, 0), limits)?;
            let mut windows: SmallVec<[Window; 3]> = SmallVec::new();
            let (mut words, output) = (Words::from_elem(0, HEAD), partials.is_none().then(|| job.out.dtype.into()));
            words[..4].copy_from_slice(&[rows as u32, count as u32, parts as u32, chunk as u32]);
            if let Some(partials) = partials {
                windows.push(Window::new(partials, partials.layout, limits)?.0);
                words[4] = plan.kept.offsets[0] as u32;
            } else {
                let (window, offset) = Window::new(job.out, &plan.kept.layout(0), limits)?;
                windows.push(window);
                words[4] = offset;
            }
            windows.push(x_window);
            words[5] = x_offset;
            words[6] = plan.kept.offsets[2] as u32;
            let vectors = |i: usize, offset: u32| {
                let step = plan.reduced.strides[i].first().copied().unwrap_or(0);
                plan.reduced.rank() == 1
                    && step == 1
                    && offset.is_multiple_of(4)
                    && plan.kept.strides[i + 1].iter().all(|stride| stride % 4 == 0)
            };
            let mut chunks = vectors(0, x_offset);
            if let Some(y) = job.y {
                let (window, offset) = Window::new(y, &whole(&plan.kept, 2, &plan.reduced, 1), limits)?;
                windows.push(window);
                words[6] = offset;
                chunks &= second(job.op) == Second::Mean || vectors(1, offset);
            } else if second(job.op) == Second::Index {
                chunks &= plan.reduced.strides[1].first() == Some(&1);
            }
            job.scalars(&mut words);
            rows::nest_words(&mut words, &plan.kept);
            rows::nest_words(&mut words, &plan.reduced);
            let variant = Variant {
                op: job.op,
                format: job.x.dtype.into(),
                input: Input::Operands(if chunks { Access::Chunks } else { Access::Elements }),
                output,
                lanes,
                kept: plan.kept.rank(),
                reduced: plan.reduced.rank(),
            };
            self.reduce_dispatch(&variant, &windows, &words, rows, parts)
        })
    }

    /// Merges the accumulators of each row, `pitch` of them, into results.
    fn merge_partials(
        &self,
        job: &Job,
        out: &Layout,
        kept: &[usize],
        dense: &Strides,
        pitch: usize,
        partials: Operand,
    ) -> Result<()> {
        let limits = &self.gpu.limits;
        let pick = |strides: &[isize]| kept.iter().map(|&axis| strides[axis]).collect::<Strides>();
        let shape: Dims = kept.iter().map(|&axis| out.shape()[axis]).collect();
        let target = Layout::from_parts(shape.clone(), pick(out.strides()), out.offset());
        let source = Layout::from_parts(shape, dense.clone(), 0);
        let loops = layout::collapse([&target, &source, &source], Order::Any);
        let (window, offset) = Window::new(job.out, &loops.layout(0), limits)?;
        let windows = [window, Window::new(partials, partials.layout, limits)?.0];
        let rows = loops.len();
        let mut words = Words::from_elem(0, HEAD);
        words[..4].copy_from_slice(&[rows as u32, pitch as u32, 1, pitch as u32]);
        words[4..6].copy_from_slice(&[offset, loops.offsets[1] as u32]);
        job.scalars(&mut words);
        rows::nest_words(&mut words, &loops);
        words.extend([pitch as u32, 1, 0]);
        let variant = Variant {
            op: job.op,
            format: job.x.dtype.into(),
            input: Input::Partials,
            output: Some(job.out.dtype.into()),
            lanes: Lanes::new(true, rows, pitch.div_ceil(4)),
            kept: loops.rank(),
            reduced: 1,
        };
        self.reduce_dispatch(&variant, &windows, &words, rows, 1)
    }

    fn reduce_dispatch(
        &self,
        variant: &Variant,
        windows: &[Window],
        words: &[u32],
        rows: usize,
        parts: usize,
    ) -> Result<()> {
        let kernel = self.gpu.kernel(variant.key(), || variant.source())?;
        let groups = rows.div_ceil(variant.lanes.rows() as usize) * parts;
        self.gpu.dispatch(&kernel, windows, words, self.gpu.grid(groups as u64))
    }
}

impl Job<'_> {
    fn plan(&self, [out, x, y]: &[Layout; 3]) -> Reduction {
        let kept: Dims = (0..out.rank()).filter(|axis| !self.axes.contains(axis)).collect();
        let target = Layout::from_parts(
            kept.iter().map(|&axis| out.shape()[axis]).collect(),
            kept.iter().map(|&axis| out.strides()[axis]).collect(),
            out.offset(),
        );
        Reduction::new(&target, x, Some(y), self.axes, Order::Any)
    }

    /// Whether the elements of one row can be bound and described, with as much room again for more rows.
    fn row_fits(&self, part: &[Layout; 3], limits: &wgpu::Limits) -> bool {
        let half = limits.max_storage_buffer_binding_size.min(1 << 31) / 2;
        let extent = |layout: &Layout, size: usize| {
            let reach =
                |&axis: &usize| (layout.shape()[axis] - 1) as u64 * layout.strides()[axis].unsigned_abs() as u64;
            (self.axes.iter().map(reach).sum::<u64>() + 1).saturating_mul(size as u64)
        };
        let [_, x, y] = part;
        extent(x, self.x.dtype.size()) <= half
            && self.y.is_none_or(|operand| extent(y, operand.dtype.size()) <= half)
            && self.axes.iter().map(|&axis| x.shape()[axis]).product::<usize>() <= 1 << 31
            && self.plan(part).reduced.rank() <= MAX_REDUCED
    }

    /// Whether everything can be bound and described at once.
    fn fits(&self, part: &[Layout; 3], partials: bool, limits: &wgpu::Limits) -> bool {
        let [out, x, y] = part;
        let plan = self.plan(part);
        (partials || operand::fits(out, self.out.dtype.size(), limits))
            && operand::fits(x, self.x.dtype.size(), limits)
            && self.y.is_none_or(|operand| operand::fits(y, operand.dtype.size(), limits))
            && plan.kept.len() <= 1 << 31
            && HEAD + 4 * plan.kept.rank() + 3 * plan.reduced.rank() <= RING_SLOT as usize / 4
    }

    /// The lanes of a row, and the parts it is cut into.
    fn schedule(&self, plan: &Reduction, rows: usize) -> (Lanes, usize) {
        let nearest = |loops: &[isize]| loops.iter().map(|stride| stride.unsigned_abs()).min().unwrap_or(usize::MAX);
        let along = nearest(&plan.reduced.strides[0]) <= nearest(&plan.kept.strides[1]);
        let count = plan.reduced.len();
        let lanes = Lanes::new(along, rows, count.div_ceil(8));
        let groups = rows.div_ceil(lanes.rows() as usize);
        let each = count.div_ceil(lanes.count as usize);
        let useful = each / LANE_ELEMENTS.start;
        let parts = (BUSY / groups).min(useful).max(each / LANE_ELEMENTS.end).max(1);
        (lanes, parts)
    }

    /// The divisors of mean and variance.
    fn scalars(&self, words: &mut Words) {
        let format = if precise(self.x.dtype.into()) == DType::F64 { Format::F64 } else { Format::F32 };
        let n = self.count as f64;
        let freedom = match self.op {
            op::Reduce::Var { ddof } if n > ddof => n - ddof,
            op::Reduce::Var { .. } => f64::NAN,
            _ => 1.0,
        };
        words[SCALARS..SCALARS + 2].copy_from_slice(&format.words(Scalar::Float(n)));
        words[SCALARS + 2..SCALARS + 4].copy_from_slice(&format.words(Scalar::Float(freedom)));
    }
}

/// A layout of the kept axes under the full shape: stride 0 along `axes`.
fn spread(shape: &[usize], axes: &[usize], strides: &[isize], offset: usize) -> Layout {
    let mut kept = strides.iter();
    let next = |axis| if axes.contains(&axis) { 0 } else { kept.next().copied().unwrap_or(0) };
    Layout::from_parts(shape.into(), (0..shape.len()).map(next).collect(), offset)
}

/// The imaginary operand whose offsets are the row-major indices of the reduced elements.
fn counting(shape: &[usize], axes: &[usize]) -> Layout {
    let mut strides: Strides = smallvec::smallvec![0; shape.len()];
    let mut step = 1;
    for &axis in axes.iter().rev() {
        strides[axis] = step;
        step *= shape[axis] as isize;
    }
    Layout::from_parts(shape.into(), strides, 0)
}

/// The layout of operand `i` of the kept loops with the reduced loops, where it is operand `j`.
fn whole(kept: &Loops<3>, i: usize, reduced: &Loops<2>, j: usize) -> Layout {
    Layout::from_parts(
        kept.shape.iter().chain(&reduced.shape).copied().collect(),
        kept.strides[i].iter().chain(&reduced.strides[j]).copied().collect(),
        kept.offsets[i],
    )
}
