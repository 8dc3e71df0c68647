//! Elementwise operations: fill, copy, cast, unary, binary, compare, select, affine. One engine for all: an expression over up to
//! three operands, each a tensor or a scalar.
//!
//! A result is nearly always one gap-free run in the order of the loops. Then an invocation computes four consecutive elements and
//! writes them as one vector (or one word of bytes). Operands that lie the same way are loaded as vectors too; others are gathered.
//! A result with gaps is written element by element.

use smallvec::SmallVec;

use super::super::{Operand, Source, op};
use super::kernel::{self, Key};
use super::operand::{self, Format, Window};
use super::shader::{self, Access, WORKGROUP};
use super::{Gpu, Wgpu};
use crate::dtype::{DType, Scalar};
use crate::error::Result;
use crate::layout::{self, Layout, Loops, Order};

const KERNEL: &str = include_str!("../../../wgsl-fallback/elementwise.wgsl");

/// The function that is applied to each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Cast,
    Unary(op::Unary),
    Binary(op::Binary),
    Compare(op::Compare),
    Select,
    Affine,
}

impl Function {
    pub fn name(self) -> &'static str {
        match self {
            Self::Cast => "copy",
            Self::Unary(op) => op.name(),
            Self::Binary(op) => op.name(),
            Self::Compare(op) => op.name(),
            Self::Select => "select",
            Self::Affine => "affine",
        }
    }

    /// Its two bytes in a kernel's key.
    fn code(self) -> [u8; 2] {
        match self {
            Self::Cast => [0, 0],
            Self::Unary(op) => [1, op as u8],
            Self::Binary(op) => [2, op as u8],
            Self::Compare(op) => [3, op as u8],
            Self::Select => [4, 0],
            Self::Affine => [5, 0],
        }
    }

    /// The call on arguments called `x`, `y`, `z` with `component` (`.x`, or nothing) behind their names.
    fn call(self, component: &str) -> String {
        let [x, y, z] = ["x", "y", "z"].map(|name| format!("{name}{component}"));
        match self {
            Self::Cast => format!("convert({x})"),
            Self::Unary(op) => format!("op_{}({x}, p, q)", op.name()),
            Self::Binary(op) => format!("op_{}({x}, {y})", op.name()),
            Self::Compare(op) => format!("op_{}({x}, {y})", op.name()),
            Self::Select => format!("select({z}, {y}, {x} != 0u)"),
            Self::Affine => format!("op_add(op_mul({x}, {y}), {z})"),
        }
    }
}

/// How a kernel gets at an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// As vectors, at the output's index.
    Run,
    /// One element for all.
    One,
    /// By the coordinates of the element.
    Strided,
    /// From the parameters.
    Scalar,
}

/// An input of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Input {
    pub format: Format,
    pub reach: Reach,
    /// Whether it lies in the output's buffer.
    pub shared: bool,
}

/// Everything that an elementwise kernel is specialised by.
#[derive(Clone, Debug)]
pub(super) struct Variant {
    pub function: Function,
    pub inputs: SmallVec<[Input; 3]>,
    pub output: Format,
    pub access: Access,
    /// Whether four consecutive outputs share all coordinates but the innermost.
    pub rows: bool,
    /// Whether the parameters need more than `NARROW` words.
    pub wide: bool,
}

/// Parameter words: `len, rank, output offset, three input offsets, two scalars of two words`, then the loop lengths, then the
/// strides of each operand that needs them.
const HEAD: usize = 10;
const OFFSETS: usize = 2;
const SCALARS: usize = 6;
/// Parameter words that are immediates on every adapter which has them.
const NARROW: usize = 32;
/// Parameter words of a wide kernel.
const WIDE: usize = kernel::RING_SLOT as usize / 4;
/// The most loops for which four operands' strides fit in the parameters.
const MAX_RANK: usize = (WIDE - HEAD) / 5;

impl Variant {
    fn key(&self) -> Key {
        let mut spec = [0u8; 16];
        spec[..2].copy_from_slice(&self.function.code());
        spec[2] = self.output as u8;
        spec[3] = u8::from(self.access == Access::Chunks) | u8::from(self.rows) << 1 | u8::from(self.wide) << 2;
        for (i, input) in self.inputs.iter().enumerate() {
            spec[4 + 3 * i] = 1 + input.format as u8;
            spec[5 + 3 * i] = input.reach as u8;
            spec[6 + 3 * i] = u8::from(input.shared);
        }
        Key { name: self.function.name(), spec }
    }

    pub fn source(&self) -> kernel::Source {
        let formats: SmallVec<[Format; 4]> = self.inputs.iter().map(|i| i.format).chain([self.output]).collect();
        // Select computes with its values, not with its condition.
        let computed = self.inputs[usize::from(self.function == Function::Select)].format;
        let mut wgsl = shader::codecs(&formats);
        let mut writable = vec![true];
        wgsl.push_str(&shader::output("out", 0, self.output, self.access));
        if self.inputs.iter().any(|i| i.reach == Reach::Scalar) || matches!(self.function, Function::Unary(_)) {
            wgsl.push_str(shader::scalar_parameter(computed));
        }
        match self.function {
            Function::Cast => wgsl.push_str(&shader::cast(computed, self.output)),
            Function::Select => {}
            _ => wgsl.push_str(&shader::scalar_functions(computed)),
        }

        let (mut scalars, mut strides, mut fetch) = (0, 0, String::new());
        let chunks = self.access == Access::Chunks;
        for (i, (input, name)) in self.inputs.iter().zip(["x", "y", "z"]).enumerate() {
            let offset = (OFFSETS + 1 + i).to_string();
            let scalar = (SCALARS + 2 * scalars).to_string();
            let slot = strides.to_string();
            if input.reach != Reach::Scalar {
                let access = if input.reach == Reach::Run { Access::Chunks } else { Access::Elements };
                wgsl.push_str(&shader::input(name, writable.len(), input.format, access, input.shared));
                writable.push(input.shared);
            }
            let section = match (input.reach, chunks) {
                (Reach::Run, _) => "fetch run",
                (Reach::One, true) => "fetch one",
                (Reach::One, false) => "fetch one element",
                (Reach::Scalar, true) => "fetch scalar",
                (Reach::Scalar, false) => "fetch scalar element",
                (Reach::Strided, true) if self.rows => "fetch rows",
                (Reach::Strided, true) => "fetch strided",
                (Reach::Strided, false) => "fetch element",
            };
            let values =
                [("n", name), ("T", input.format.compute()), ("offset", &offset), ("scalar", &scalar), ("slot", &slot)];
            fetch.push_str(&shader::fill(shader::section(KERNEL, section), &values));
            scalars += usize::from(input.reach == Reach::Scalar);
            strides += usize::from(input.reach == Reach::Strided);
        }
        if let Function::Unary(_) = self.function {
            fetch.push_str(shader::section(KERNEL, "fetch parameters"));
        }
        if strides > 0 || !chunks {
            wgsl.push_str(shader::section(KERNEL, "coordinates"));
        }
        let compute = if chunks {
            let calls = [".x", ".y", ".z", ".w"].map(|component| self.function.call(component));
            format!("vec4<{}>({})", self.output.compute(), calls.join(", "))
        } else {
            self.function.call("")
        };
        let (workgroup, slot) = (WORKGROUP.to_string(), strides.to_string());
        let main = shader::section(KERNEL, if chunks { "main chunks" } else { "main elements" });
        let values = [("fetch", fetch.as_str()), ("compute", &compute), ("workgroup", &workgroup), ("slot", &slot)];
        wgsl.push_str(&shader::fill(main, &values));
        kernel::Source { wgsl, writable, params: if self.wide { WIDE } else { NARROW } }
    }
}

/// An elementwise operation with its operands; a scalar input has no tensor.
struct Job<'a> {
    function: Function,
    inputs: SmallVec<[(Option<Operand<'a>>, Format); 3]>,
    scalars: [[u32; 2]; 2],
    out: Operand<'a>,
    output: Format,
}

impl Wgpu {
    pub(super) fn elementwise_fill(&self, value: Scalar, out: Operand) -> Result<()> {
        let format = Format::from(out.dtype);
        self.run(Function::Cast, [value; 2], &[(Source::Scalar(value), format)], out, format)
    }

    pub(super) fn elementwise_copy(&self, x: Operand, out: Operand) -> Result<()> {
        let (from, to) = (Format::from(x.dtype), Format::from(out.dtype));
        // Within a type bit patterns are moved, so that no NaN is changed and no subnormal flushed.
        let (from, to) = if from == to { (from.bits(), to.bits()) } else { (from, to) };
        self.run(Function::Cast, [Scalar::Int(0); 2], &[(Source::Tensor(x), from)], out, to)
    }

    pub(super) fn elementwise_unary(&self, op: op::Unary, params: [Scalar; 2], x: Operand, out: Operand) -> Result<()> {
        let format = Format::from(out.dtype);
        self.run(Function::Unary(op), params, &[(Source::Tensor(x), format)], out, format)
    }

    pub(super) fn elementwise_binary(&self, op: op::Binary, a: Source, b: Source, out: Operand) -> Result<()> {
        let format = Format::from(out.dtype);
        self.run(Function::Binary(op), scalars(&[a, b]), &[(a, format), (b, format)], out, format)
    }

    pub(super) fn elementwise_compare(&self, op: op::Compare, a: Source, b: Source, out: Operand) -> Result<()> {
        let format = match (a, b) {
            (Source::Tensor(x), _) | (_, Source::Tensor(x)) => x.dtype,
            _ => DType::F32,
        };
        let format = Format::from(format);
        self.run(Function::Compare(op), scalars(&[a, b]), &[(a, format), (b, format)], out, Format::Bool)
    }

    pub(super) fn elementwise_select(&self, cond: Operand, a: Source, b: Source, out: Operand) -> Result<()> {
        let format = Format::from(out.dtype);
        let sources = [(Source::Tensor(cond), Format::Bool), (a, format), (b, format)];
        self.run(Function::Select, scalars(&[a, b]), &sources, out, format)
    }

    pub(super) fn elementwise_affine(&self, x: Operand, scale: Source, shift: Source, out: Operand) -> Result<()> {
        let format = Format::from(out.dtype);
        let sources = [(Source::Tensor(x), format), (scale, format), (shift, format)];
        self.run(Function::Affine, scalars(&[scale, shift]), &sources, out, format)
    }

    /// `scalars` are the parameters of a unary function, or the scalar sources in order.
    fn run(
        &self,
        function: Function,
        scalars: [Scalar; 2],
        sources: &[(Source, Format)],
        out: Operand,
        output: Format,
    ) -> Result<()> {
        for (source, _) in sources {
            if let Source::Tensor(x) = source {
                self.require(function.name(), x.dtype)?;
            }
        }
        self.require(function.name(), out.dtype)?;
        let computed = sources[usize::from(function == Function::Select)].1;
        let inputs = sources.iter().map(|&(source, format)| match source {
            Source::Tensor(x) => (Some(x), format),
            Source::Scalar(_) => (None, format),
        });
        let job = Job { function, inputs: inputs.collect(), scalars: scalars.map(|s| computed.words(s)), out, output };
        // Operands that are missing follow the output, which changes nothing for the others.
        let layout = |i: usize| job.inputs.get(i).and_then(|(x, _)| *x).map_or(out.layout, |x| x.layout).clone();
        let layouts = [out.layout.clone(), layout(0), layout(1), layout(2)];
        let axes: SmallVec<[usize; 6]> = (0..out.layout.rank()).collect();
        let gpu = &*self.gpu;
        layout::split(layouts, &axes, &|part| job.fits(part, &gpu.limits), &mut |part| job.dispatch(gpu, part))
    }
}

/// The scalars among `sources`, in order.
fn scalars(sources: &[Source; 2]) -> [Scalar; 2] {
    let mut found = sources.iter().filter_map(|source| match *source {
        Source::Scalar(value) => Some(value),
        Source::Tensor(_) => None,
    });
    [(); 2].map(|()| found.next().unwrap_or(Scalar::Int(0)))
}

impl Job<'_> {
    /// Whether every operand can be bound, and the loops described, at once.
    fn fits(&self, layouts: &[Layout; 4], limits: &wgpu::Limits) -> bool {
        let sizes = self.inputs.iter().map(|(_, format)| format.size());
        let bound = layouts.iter().zip([self.output.size()].into_iter().chain(sizes));
        let [out, ..] = layouts;
        bound.into_iter().all(|(layout, size)| operand::fits(layout, size, limits))
            && out.len() <= 1 << 31
            && (out.rank() <= MAX_RANK || collapse(layouts).rank() <= MAX_RANK)
    }

    fn dispatch(&self, gpu: &Gpu, layouts: &[Layout; 4]) -> Result<()> {
        let loops = collapse(layouts);
        let (len, rank) = (loops.len(), loops.rank());
        let (window, out_offset) = Window::new(self.out, &loops.layout(0), &gpu.limits)?;
        let chunks = loops.layout(0).is_contiguous() && out_offset % 4 == 0;
        let mut windows: SmallVec<[Window; 4]> = smallvec::smallvec![window];
        let mut params: SmallVec<[u32; NARROW]> = smallvec::smallvec![0; HEAD];
        params[0] = len as u32;
        params[1] = rank as u32;
        params[OFFSETS] = if chunks { out_offset / 4 } else { out_offset };
        for (i, word) in self.scalars.iter().flatten().enumerate() {
            params[SCALARS + i] = *word;
        }
        params.extend(loops.shape.iter().map(|&n| n as u32));
        let mut inputs = SmallVec::new();
        for (i, &(tensor, format)) in self.inputs.iter().enumerate() {
            let Some(tensor) = tensor else {
                inputs.push(Input { format, reach: Reach::Scalar, shared: false });
                continue;
            };
            let layout = loops.layout(i + 1);
            let (window, offset) = Window::new(tensor, &layout, &gpu.limits)?;
            let reach = if layout.strides().iter().all(|&stride| stride == 0) {
                Reach::One
            } else if chunks && layout.is_contiguous() && offset % 4 == 0 {
                Reach::Run
            } else {
                Reach::Strided
            };
            params[OFFSETS + 1 + i] = if reach == Reach::Run { offset / 4 } else { offset };
            if reach == Reach::Strided {
                params.extend(layout.strides().iter().map(|&stride| stride as i32 as u32));
            }
            inputs.push(Input { format, reach, shared: window.same_buffer(&windows[0]) });
            windows.push(window);
        }
        if !chunks {
            params.extend(loops.strides[0].iter().map(|&stride| stride as i32 as u32));
        }
        let variant = Variant {
            function: self.function,
            inputs,
            output: self.output,
            access: if chunks { Access::Chunks } else { Access::Elements },
            rows: chunks && loops.shape.last().is_some_and(|inner| inner % 4 == 0),
            wide: params.len() > NARROW,
        };
        let kernel = gpu.kernel(variant.key(), || variant.source())?;
        let invocations = if chunks { len.div_ceil(4) } else { len };
        let grid = gpu.grid(invocations.div_ceil(WORKGROUP as usize) as u64);
        gpu.dispatch(&kernel, &windows, &params, grid)
    }
}

fn collapse([out, x, y, z]: &[Layout; 4]) -> Loops<4> {
    layout::collapse([out, x, y, z], Order::Any)
}
