//! Matrix products: `activation(alpha * (a @ b) + bias) * multiply + beta * c`, batched.
//!
//! One kernel computes a tile of the result for each workgroup. It is specialised by how each matrix is read: along k or along its
//! other axis, whichever lies closer in memory, in vectors of four where they are aligned. Batches that share `b` are rows of one
//! taller product. A product with a vector is a dot product for each row, which the reductions do better.

use smallvec::SmallVec;

use super::super::{Activation, Matmul, Operand, op, unsupported};
use super::Wgpu;
use super::cooperative;
use super::kernel::{Key, RING_SLOT, Source};
use super::operand::{self, Format, Window};
use super::rows::{self, Words};
use super::shader::{self, Access};
use crate::dtype::Scalar;
use crate::error::Result;
use crate::layout::{self, Dims, Layout, Loops, Order, Strides};

const KERNEL: &str = include_str!("../../../wgsl-fallback/matmul.wgsl");

/// Parameter words: `rows, columns, steps of k, products, offsets of out, a, b, bias, multiply and c`, then the strides of a (row, k),
/// b (column, k), out, bias, multiply and c (row, column), alpha and beta of two words each, then the loops over the products.
const HEAD: usize = 26;
const OFFSETS: usize = 4;
const STRIDES: usize = 10;
const SCALARS: usize = 22;
/// Out, a, b, bias, multiply and c.
const OPERANDS: usize = 6;
/// The operands that may be missing, and their names in the kernel.
const TERMS: [&str; 3] = ["bias", "multiply", "c"];
/// Tiles of 128 that keep any GPU busy; below that, tiles of 64 give it more to share out.
const BUSY: usize = 128;
/// Rows and columns from which tiles of cooperative matrices pay, though they may be mostly empty.
const COOPERATIVE: usize = 32;

/// How a matrix is brought to workgroup memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Side {
    pub along_k: bool,
    pub access: Access,
}

/// How a workgroup computes its tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tile {
    /// By cooperative matrices.
    Cooperative,
    /// 64 x 64, by a block of 4 x 4 results an invocation.
    Small,
    /// 128 x 128, by 4 x 2 blocks an invocation.
    Large,
}

impl Tile {
    /// Rows and columns.
    fn shape(self) -> [usize; 2] {
        match self {
            Tile::Cooperative => cooperative::TILE.map(|length| length as usize),
            Tile::Small => [64; 2],
            Tile::Large => [128; 2],
        }
    }

    /// Blocks of an invocation, down and across.
    fn blocks(self) -> [u32; 2] {
        if self == Tile::Large { [4, 2] } else { [1, 1] }
    }

    /// Steps of k in workgroup memory.
    fn steps(self) -> u32 {
        match self {
            Tile::Cooperative => cooperative::STEPS,
            Tile::Small => 16,
            Tile::Large => 8,
        }
    }
}

/// What a matrix product kernel is specialised by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    pub format: Format,
    pub tile: Tile,
    /// Whether k is a multiple of the tile's steps, so that none lies outside.
    pub whole: bool,
    pub a: Side,
    pub b: Side,
    pub out: Access,
    /// Whether alpha is not 1.
    pub scaled: bool,
    pub activation: Activation,
    /// Which of [`TERMS`] there are.
    pub terms: [bool; TERMS.len()],
    /// Loops over the products.
    pub rank: usize,
}

fn how(access: Access) -> &'static str {
    match access {
        Access::Chunks => "chunks",
        Access::Elements => "elements",
    }
}

impl Side {
    fn code(self) -> u8 {
        u8::from(self.along_k) | u8::from(self.access == Access::Chunks) << 1
    }
}

impl Variant {
    fn key(&self) -> Key {
        let [bias, multiply, c] = self.terms.map(u8::from);
        let flags = [u8::from(self.out == Access::Chunks), u8::from(self.scaled), bias, multiply, c];
        let flags = flags.iter().rfold(0, |bits, flag| bits << 1 | flag);
        let own = [
            self.format as u8,
            self.tile as u8,
            u8::from(self.whole),
            self.a.code(),
            self.b.code(),
            flags,
            self.activation as u8,
            self.rank as u8,
        ];
        let mut spec = [0; 16];
        spec[..own.len()].copy_from_slice(&own);
        Key { name: "matmul", spec }
    }

    pub fn source(&self) -> Source {
        let compute = self.format.compute();
        let mut wgsl = String::new();
        if self.tile == Tile::Cooperative {
            wgsl.push_str(cooperative::directives());
            wgsl.push_str(&shader::codecs(&[]));
            wgsl.push_str(cooperative::codec());
        } else {
            wgsl.push_str(&shader::codecs(&[self.format]));
        }
        wgsl.push_str(&shader::output("out", 0, self.format, self.out));
        let mut writable = vec![true, false, false];
        for (present, name) in self.terms.into_iter().zip(TERMS) {
            if present {
                wgsl.push_str(&shader::input(name, writable.len(), self.format, Access::Elements, false));
                writable.push(false);
            }
        }
        let activation = match self.activation {
            Activation::None => None,
            Activation::Relu => Some("relu"),
            Activation::Gelu => Some("gelu"),
            Activation::Silu => Some("silu"),
            Activation::Sigmoid => Some("sigmoid"),
        };
        let [bias, multiply, c] = self.terms;
        if self.scaled || c {
            wgsl.push_str(shader::scalar_parameter(self.format));
        }
        if activation.is_some() {
            wgsl.push_str(&shader::scalar_functions(self.format));
        }
        wgsl.push_str(&rows::nest("batch", self.rank, HEAD, OPERANDS));
        wgsl.push_str(&match self.tile {
            Tile::Cooperative => cooperative::tiles(self),
            _ => self.tiles(),
        });
        let term = |present: bool, name: &str| if present { shader::section(KERNEL, name) } else { "" };
        let activation = activation.map_or(String::new(), |name| {
            shader::fill(shader::section(KERNEL, "activation"), &[("op", name), ("S", compute)])
        });
        let values = [
            ("S", compute),
            ("alpha", term(self.scaled, "alpha")),
            ("bias", term(bias, "bias")),
            ("activation", &activation),
            ("multiply", term(multiply, "multiply")),
            ("c", term(c, "c")),
        ];
        wgsl.push_str(&shader::fill(shader::section(KERNEL, "product"), &values));
        wgsl.push_str(shader::section(KERNEL, &format!("write {}", how(self.out))));
        wgsl.push_str(&match self.tile {
            Tile::Cooperative => cooperative::main(self),
            _ => self.main(),
        });
        Source { wgsl, writable, params: HEAD + (1 + OPERANDS) * self.rank }
    }

    /// The types, the operands and their tiles.
    fn tiles(&self) -> String {
        let (free, steps) = (word(self.tile.shape()[0] as u32), word(self.tile.steps()));
        let values = [("S", self.format.compute()), ("free", &free), ("steps", &steps)];
        let mut wgsl = shader::fill(shader::section(KERNEL, "block"), &values);
        let outside = if self.whole { "" } else { shader::section(KERNEL, "outside") };
        for (i, (name, side)) in [("a", self.a), ("b", self.b)].into_iter().enumerate() {
            let part = |section: &str| part(section, &[("n", name), ("outside", outside)]);
            let along = if side.along_k { "along k" } else { "along free" };
            wgsl.push_str(&shader::input(name, 1 + i, self.format, side.access, false));
            wgsl.push_str(&part("tile"));
            if side.access == Access::Elements {
                wgsl.push_str(&part("vector"));
            }
            wgsl.push_str(&part(&format!("{} {along}", how(side.access))));
            wgsl.push_str(&part(&format!("keep {along}")));
        }
        wgsl
    }

    /// The entry point, with a line for each vector and block of an invocation.
    fn main(&self) -> String {
        let (free, steps, [down, across]) = (self.tile.shape()[0] as u32, self.tile.steps(), self.tile.blocks());
        // Invocations, down and across.
        let [high, wide] = [free / (4 * down), free / (4 * across)];
        let invocations = high * wide;
        let [first, keep, next] = loads(part, [free * steps / 4 / invocations; 2], invocations);
        let [mut begin, mut multiply, mut end] = [const { String::new() }; 3];
        // Written out where speed matters most: compilers that are left to unroll the loop make it slower by a fifth.
        let unrolled = self.tile == Tile::Large;
        for step in 0..if unrolled { steps } else { 1 } {
            for (n, lane, count, apart) in [("a", "y", down, high), ("b", "x", across, wide)] {
                for i in 0..count {
                    let (block, at) = (format!("{n}{i}_{step}"), format!("{lane} + {}", word(apart * i)));
                    let step = if unrolled { word(step) } else { "kk".into() };
                    multiply.push_str(&part("fragment", &[("n", n), ("block", &block), ("step", &step), ("at", &at)]));
                }
            }
            for i in 0..down {
                for j in 0..across {
                    let (c, a, b) = (format!("c{i}{j}_"), format!("a{i}_{step}"), format!("b{j}_{step}"));
                    multiply.push_str(&part("accumulate", &[("c", &c), ("a", &a), ("b", &b)]));
                }
            }
        }
        if !unrolled {
            multiply = part("loop", &[("multiply", &multiply)]);
        }
        for i in 0..down {
            for j in 0..across {
                let (c, down, across) = (format!("c{i}{j}_"), word(4 * high * i), word(4 * wide * j));
                begin.push_str(&part("begin", &[("c", &c)]));
                end.push_str(&part("end", &[("c", &c), ("i", &down), ("j", &across)]));
            }
        }
        let (workgroup, wide) = (word(invocations), word(wide));
        let values = [
            ("workgroup", workgroup.as_str()),
            ("wide", &wide),
            ("begin", &begin),
            ("first", &first),
            ("keep", &keep),
            ("next", &next),
            ("multiply", &multiply),
            ("end", &end),
        ];
        part("main", &values)
    }
}

/// The lines that bring tiles of both matrices to workgroup memory, so many loads of each an invocation: those before the loop over k,
/// those in it that keep what was loaded, and those that load the next tiles. `part` fills a section of the kernel.
pub(super) fn loads(part: impl Fn(&str, &[(&str, &str)]) -> String, counts: [u32; 2], invocations: u32) -> [String; 3] {
    let sides = [
        ("a", "first_row", "rows", "param(10u), param(11u)"),
        ("b", "first_column", "columns", "param(12u), param(13u)"),
    ];
    let mut lines = [const { String::new() }; 3];
    for ((n, free, frees, strides), count) in sides.into_iter().zip(counts) {
        for i in 0..count {
            let (slot, i) = (word(i * invocations), i.to_string());
            let values =
                [("n", n), ("i", i.as_str()), ("slot", &slot), ("free", free), ("frees", frees), ("strides", strides)];
            for (lines, section) in lines.iter_mut().zip(["first", "keep", "next"]) {
                lines.push_str(&part(section, &values));
            }
        }
    }
    lines
}

/// A number as the shaders write it.
pub(super) fn word(n: u32) -> String {
    format!("{n}u")
}

fn part(section: &str, values: &[(&str, &str)]) -> String {
    shader::fill(shader::section(KERNEL, section), values)
}

/// The operands in the order of the parameters; those that are missing follow the output, which changes nothing for the others.
struct Job<'a> {
    operands: [Operand<'a>; OPERANDS],
    /// Alpha and beta.
    scalars: [Scalar; 2],
    scaled: bool,
    activation: Activation,
    terms: [bool; TERMS.len()],
}

impl Wgpu {
    pub(super) fn matmul_batched(&self, op: Matmul, out: Operand) -> Result<()> {
        let Matmul { a, b, packed: _, alpha, bias, activation, multiply, beta, c, precision: _ } = op;
        let terms = [bias, multiply, c];
        let scaled = alpha.to_f64() != 1.0;
        self.require("matmul", out.dtype)?;
        let (batch, steps) = (out.layout.rank() - 2, a.layout.shape()[a.layout.rank() - 1]);
        let (rows, columns) = (out.layout.shape()[batch], out.layout.shape()[batch + 1]);
        let plain = !scaled && activation == Activation::None && terms.iter().all(Option::is_none);
        if (rows == 1 || columns == 1) && steps > 0 && plain {
            return self.matrix_vector(a, b, out);
        }
        let job = Job {
            operands: [out, a, b, bias.unwrap_or(out), multiply.unwrap_or(out), c.unwrap_or(out)],
            scalars: [alpha, beta],
            scaled,
            activation,
            terms: terms.map(|term| term.is_some()),
        };
        // Every operand over the axes `batch.., m, n, k`, with stride 0 where it has none of them.
        let shape: Dims = out.layout.shape().iter().copied().chain([steps.max(1)]).collect();
        let joint = |operand: Operand, axes: [Option<usize>; 3]| {
            let (own, rank) = (operand.layout.strides(), operand.layout.rank());
            if operand.layout.is_empty() {
                // Without steps the matrices are not read.
                return Layout::from_parts(shape.clone(), Strides::from_elem(0, rank + 1), 0);
            }
            let matrix = axes.map(|axis| axis.map_or(0, |axis| own[rank - 2 + axis]));
            let strides = own[..rank - 2].iter().copied().chain(matrix).collect();
            Layout::from_parts(shape.clone(), strides, operand.layout.offset())
        };
        let full = [Some(0), Some(1), None];
        let [_, _, _, bias, multiply, c] = job.operands;
        let layouts = [
            joint(out, full),
            joint(a, [Some(0), None, Some(1)]),
            joint(b, [None, Some(1), Some(0)]),
            joint(bias, full),
            joint(multiply, full),
            joint(c, full),
        ];
        let axes: SmallVec<[usize; 6]> = (0..batch + 2).collect();
        let limits = &self.gpu.limits;
        layout::split(layouts, &axes, &|part| job.fits(part, limits), &mut |part| {
            if !job.fits(part, limits) {
                let reason = "a row of `a` or a column of `b` reaches over more memory than a binding of the device; copy it with \
                              `to_contiguous`, multiply in pieces, or use the CPU";
                return Err(unsupported(&self.info, "matmul", out.dtype, reason));
            }
            self.matmul_part(&job, part, steps)
        })
    }

    /// A product with a single row or column: a dot product of every row of `a` with every column of `b`.
    fn matrix_vector(&self, a: Operand, b: Operand, out: Operand) -> Result<()> {
        let rank = out.layout.rank();
        let shape: Dims = out.layout.shape().iter().copied().chain([a.layout.shape()[rank - 1]]).collect();
        let expand = |layout: &Layout, free: usize, k: usize| {
            let (own, mut strides) = (layout.strides(), Strides::from_elem(0, rank + 1));
            strides[..rank - 2].copy_from_slice(&own[..rank - 2]);
            strides[free] = own[rank - 2 + (1 - k)];
            strides[rank] = own[rank - 2 + k];
            Layout::from_parts(shape.clone(), strides, layout.offset())
        };
        let (left, right) = (expand(a.layout, rank - 2, 1), expand(b.layout, rank - 1, 0));
        let (a, b) = (Operand { layout: &left, ..a }, Operand { layout: &right, ..b });
        // The larger operand leads: its strides decide how the work is shared.
        let (x, y) = if shape[rank - 1] == 1 { (a, b) } else { (b, a) };
        self.reduce_axes(op::Reduce::Dot, x, Some(y), &[rank], out)
    }

    fn matmul_part(&self, job: &Job, part: &[Layout; OPERANDS], steps: usize) -> Result<()> {
        let limits = &self.gpu.limits;
        let rank = part[0].rank();
        let (n_axis, k_axis) = (rank - 2, rank - 1);
        let (items, rows, row_strides) = item_loops(part);
        let columns = part[0].shape()[n_axis];
        let products = items.len();
        let mut windows: SmallVec<[Window; OPERANDS]> = SmallVec::new();
        let mut words = Words::from_elem(0, HEAD);
        words[..OFFSETS].copy_from_slice(&[rows as u32, columns as u32, steps as u32, products as u32]);
        for (i, operand) in job.operands.iter().enumerate() {
            let (window, offset) = Window::new(*operand, &part[i], limits)?;
            words[OFFSETS + i] = offset;
            if i < 3 || job.terms[i - 3] {
                windows.push(window);
            }
        }
        // The axis of each operand's second stride.
        let strides = |i: usize| -> [isize; 2] {
            match i {
                1 => [row_strides[1], part[1].strides()[k_axis]],
                2 => [part[2].strides()[n_axis], part[2].strides()[k_axis]],
                _ => [row_strides[i], part[i].strides()[n_axis]],
            }
        };
        for (word, i) in [1, 2, 0, 3, 4, 5].into_iter().enumerate() {
            words[STRIDES + 2 * word] = strides(i)[0] as u32;
            words[STRIDES + 2 * word + 1] = strides(i)[1] as u32;
        }
        let format = Format::from(job.operands[0].dtype);
        for (i, scalar) in job.scalars.into_iter().enumerate() {
            words[SCALARS + 2 * i..][..2].copy_from_slice(&format.computed().words(scalar));
        }
        let access = |i: usize, unit: usize, len: usize, step: isize, other: isize| {
            let others = items.strides[i].iter().chain([&other]).copied().collect::<Strides>();
            let vectors = rows::has_vectors(unit, len, step, words[OFFSETS + i], &others);
            if vectors { Access::Chunks } else { Access::Elements }
        };
        let side = |i: usize, frees: usize, unit: usize| {
            let [free, k] = strides(i);
            let along_k = frees == 1 || k.unsigned_abs() <= free.unsigned_abs();
            let access = if along_k { access(i, unit, steps, k, free) } else { access(i, unit, frees, free, k) };
            Side { along_k, access }
        };
        let [row, column] = strides(0);
        let (a, b, out) = (side(1, rows, 4), side(2, columns, 4), access(0, 4, columns, column, row));
        let in_units = |i: usize, frees: usize| side(i, frees, cooperative::UNIT).access == Access::Chunks;
        let large = products * rows.div_ceil(128) * columns.div_ceil(128) >= BUSY;
        let wide = matches!(format.compute(), "f64" | "i64");
        let tile = if self.cooperative
            && format == Format::F16
            && rows.min(columns) >= COOPERATIVE
            && steps > 0
            && in_units(1, rows)
            && in_units(2, columns)
        {
            Tile::Cooperative
        } else if large && rows > 64 && columns > 64 && !wide {
            Tile::Large
        } else {
            Tile::Small
        };
        let in_chunks = a.access == Access::Chunks || b.access == Access::Chunks;
        let whole = in_chunks && steps > 0 && steps.is_multiple_of(tile.steps() as usize);
        rows::nest_words(&mut words, &items);
        let variant = Variant {
            format,
            tile,
            whole,
            a,
            b,
            out,
            scaled: job.scaled,
            activation: job.activation,
            terms: job.terms,
            rank: items.rank(),
        };
        let kernel = self.gpu.kernel(variant.key(), || variant.source())?;
        let [down, across] = tile.shape();
        let groups = (products * rows.div_ceil(down)) as u64 * columns.div_ceil(across) as u64;
        self.gpu.dispatch(&kernel, &windows, &words, self.gpu.grid(groups))
    }
}

impl Job<'_> {
    /// Whether every operand can be bound, and the products described, at once.
    fn fits(&self, part: &[Layout; OPERANDS], limits: &wgpu::Limits) -> bool {
        let size = self.operands[0].dtype.size();
        let rank = part[0].rank();
        let (items, ..) = item_loops(part);
        part.iter().all(|layout| operand::fits(layout, size, limits))
            && part[0].shape()[..rank - 1].iter().product::<usize>() <= 1 << 31
            && part[0].shape()[rank - 1] <= 1 << 31
            && HEAD + (1 + OPERANDS) * items.rank() <= RING_SLOT as usize / 4
    }
}

/// The loops over products, then the rows of a product and the operands' strides from row to row.
///
/// Batches whose rows follow one another in `a` and in the result, and which share `b`, are one product with more rows.
fn item_loops(part: &[Layout; OPERANDS]) -> (Loops<OPERANDS>, usize, [isize; OPERANDS]) {
    let axes: Dims = (0..part[0].rank() - 2).collect();
    let mut loops = layout::collapse_axes(part.each_ref(), &axes, Order::RowMajor);
    let shares_b = loops.strides[2].last() == Some(&0);
    match (shares_b, loops.shape.last().copied()) {
        (true, Some(rows)) => {
            loops.shape.pop();
            let strides = loops.strides.each_mut().map(|strides| strides.pop().unwrap_or(0));
            (loops, rows, strides)
        }
        _ => (loops, 1, [0; OPERANDS]),
    }
}
