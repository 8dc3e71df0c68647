//! Random numbers.

use smallvec::smallvec;

use super::super::{Backend, Operand, normal, op, unsupported};
use super::Wgpu;
use super::kernel::{Key, Source};
use super::operand::{self, Format, Window};
use super::shader::{self, Access, WORKGROUP};
use crate::error::Result;
use crate::layout::Layout;

const KERNEL: &str = include_str!("../../../wgsl-fallback/random.wgsl");
const NORMAL: &str = include_str!("../../../wgsl-fallback/normal.wgsl");
/// Elements of one dispatch; a multiple of the elements in a block for every type.
const PART: usize = 1 << 28;

/// The kernel of random numbers in `format`.
pub(super) fn random_source(op: op::Random, format: Format) -> Source {
    let workgroup = WORKGROUP.to_string();
    let wgsl = [
        shader::codecs(&[format]),
        shader::output("out", 0, format, Access::Chunks),
        shader::section(KERNEL, "philox").to_owned(),
        match op {
            op::Random::Uniform => shader::section(KERNEL, &format!("uniform {}", format.name())).to_owned(),
            op::Random::Normal => [NORMAL, shader::section(KERNEL, &format!("normal {}", format.compute()))].concat(),
        },
        shader::fill(shader::section(KERNEL, "main"), &[("workgroup", &workgroup)]),
    ];
    let writable = match op {
        op::Random::Uniform => vec![true],
        op::Random::Normal => vec![true, false],
    };
    Source { wgsl: wgsl.concat(), writable, params: 8 }
}

impl Wgpu {
    pub(super) fn random_fill(&self, op: op::Random, key: u64, out: Operand) -> Result<()> {
        self.require(op.name(), out.dtype)?;
        let format = Format::from(out.dtype);
        let mut spec = [0u8; 16];
        spec[0] = format as u8;
        let kernel = self.gpu.kernel(Key { name: op.name(), spec }, || random_source(op, format))?;
        let len = out.layout.len();
        if !out.layout.is_contiguous() || !out.layout.offset().is_multiple_of(4) {
            return Err(unsupported(&self.info, op.name(), out.dtype, "the output has to be a whole row-major tensor"));
        }
        let fits = |layout: &Layout| operand::fits(layout, format.size(), &self.gpu.limits);
        let part_at = |at: usize, n: usize| Layout::from_parts(smallvec![n], smallvec![1], out.layout.offset() + at);
        let mut step = PART;
        while step > 4 && !fits(&part_at(0, step)) {
            step /= 2;
        }
        for at in (0..len).step_by(step) {
            let n = step.min(len - at);
            let (window, offset) = Window::new(out, &part_at(at, n), &self.gpu.limits)?;
            // A block of four words holds four numbers, or two uniform ones of f64.
            let wide = format == Format::F64 && op == op::Random::Uniform;
            let block = (at / if wide { 2 } else { 4 }) as u64;
            let params =
                [n as u32, offset / 4, key as u32, (key >> 32) as u32, block as u32, (block >> 32) as u32, 0, 0];
            let grid = self.gpu.grid(n.div_ceil(4 * WORKGROUP as usize) as u64);
            match op {
                op::Random::Uniform => self.gpu.dispatch(&kernel, &[window], &params, grid)?,
                op::Random::Normal => self.gpu.dispatch(&kernel, &[window, self.normal_table()?], &params, grid)?,
            }
        }
        Ok(())
    }

    /// The table of the normal distribution, on the device since its first use.
    fn normal_table(&self) -> Result<Window<'_>> {
        let bytes = bytemuck::cast_slice(&normal::TABLE);
        let table = match self.normal_table.get() {
            Some(table) => table,
            None => {
                let table = self.allocate(bytes.len())?;
                self.write(&table, bytes)?;
                self.normal_table.get_or_init(|| table)
            }
        };
        Window::head(table, bytes.len())
    }
}
