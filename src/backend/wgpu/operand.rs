//! Operands as kernels see them: a window of a buffer, an element format, and how the elements lie in it.

use super::super::Operand;
use super::memory::{self, PADDING};
use crate::dtype::{DType, Element, F8E4M3, F8E5M2, Scalar};
use crate::error::Result;
use crate::layout::Layout;

/// How elements are stored, which is more than [`DType`]: a copy moves bit patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    F32,
    F64,
    F16,
    BF16,
    I32,
    I64,
    U8,
    U32,
    Bool,
    F8E4M3,
    F8E5M2,
    /// Sixteen bits as they are, two to a word.
    Bits16,
}

impl From<DType> for Format {
    fn from(dtype: DType) -> Self {
        match dtype {
            DType::F32 => Self::F32,
            DType::F64 => Self::F64,
            DType::F16 => Self::F16,
            DType::BF16 => Self::BF16,
            DType::I32 => Self::I32,
            DType::I64 => Self::I64,
            DType::U8 => Self::U8,
            DType::U32 => Self::U32,
            DType::Bool => Self::Bool,
            DType::F8E4M3 => Self::F8E4M3,
            DType::F8E5M2 => Self::F8E5M2,
        }
    }
}

impl Format {
    #[cfg(test)]
    pub const ALL: [Format; 12] = [
        Self::F32,
        Self::F64,
        Self::F16,
        Self::BF16,
        Self::I32,
        Self::I64,
        Self::U8,
        Self::U32,
        Self::Bool,
        Self::F8E4M3,
        Self::F8E5M2,
        Self::Bits16,
    ];

    /// The integer format with elements of the same size.
    pub const fn bits(self) -> Self {
        match self {
            Self::F32 | Self::I32 | Self::U32 => Self::U32,
            Self::F64 | Self::I64 => Self::I64,
            Self::F16 | Self::BF16 | Self::Bits16 => Self::Bits16,
            Self::U8 | Self::Bool | Self::F8E4M3 | Self::F8E5M2 => Self::U8,
        }
    }

    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::BF16 | Self::Bits16 => 2,
            Self::U8 | Self::Bool | Self::F8E4M3 | Self::F8E5M2 => 1,
        }
    }

    /// The WGSL type that an element is loaded as and computed in.
    pub const fn compute(self) -> &'static str {
        match self {
            Self::F32 | Self::F16 | Self::BF16 | Self::F8E4M3 | Self::F8E5M2 => "f32",
            Self::F64 => "f64",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 | Self::U32 | Self::Bool | Self::Bits16 => "u32",
        }
    }

    /// The format of the type computed in, whose scalars are not rounded to the elements' own format.
    pub const fn computed(self) -> Self {
        match self {
            Self::F16 | Self::BF16 | Self::F8E4M3 | Self::F8E5M2 => Self::F32,
            other => other,
        }
    }

    /// The section of `storage.wgsl` that loads and stores it.
    pub const fn storage(self) -> &'static str {
        match self {
            Self::F32 | Self::F64 | Self::I32 | Self::I64 | Self::U32 => "plain",
            Self::F16 | Self::BF16 | Self::Bits16 => "halves",
            Self::U8 | Self::Bool => "bytes",
            Self::F8E4M3 | Self::F8E5M2 => "quarters",
        }
    }

    /// The name of its codec in `storage.wgsl`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::F16 => "f16",
            Self::BF16 => "bf16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::U32 => "u32",
            Self::Bool => "bool",
            Self::F8E4M3 => "f8e4m3",
            Self::F8E5M2 => "f8e5m2",
            Self::Bits16 => "bits16",
        }
    }

    /// The two words of `value`, rounded to this format, as an element of the compute type.
    pub fn words(self, value: Scalar) -> [u32; 2] {
        let float = |v: f32| [v.to_bits(), 0];
        match self {
            Self::F32 => float(value.to_f64() as f32),
            Self::F16 => float(half::f16::from_f64(value.to_f64()).to_f32()),
            Self::BF16 => float(half::bf16::from_f64(value.to_f64()).to_f32()),
            Self::F8E4M3 => float(<F8E4M3 as Element>::from_f64(value.to_f64()).to_f32()),
            Self::F8E5M2 => float(<F8E5M2 as Element>::from_f64(value.to_f64()).to_f32()),
            Self::F64 => words(value.to_f64().to_bits()),
            Self::I64 => words(value.to_i64() as u64),
            Self::I32 | Self::U32 | Self::Bits16 => [value.to_i64() as u32, 0],
            Self::U8 => [value.to_i64() as u32 & 0xff, 0],
            Self::Bool => [u32::from(value.to_f64() != 0.0), 0],
        }
    }
}

fn words(v: u64) -> [u32; 2] {
    [v as u32, (v >> 32) as u32]
}

/// The part of a buffer that a dispatch binds: whole padding units, so that the vector around every element lies inside.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    buffer: &'a wgpu::Buffer,
    start: u64,
    pub bytes: u64,
}

impl<'a> Window<'a> {
    /// The window of `operand`'s buffer that holds every element which `layout` reaches, and the element offset of index zero in it.
    pub fn new(operand: Operand<'a>, layout: &Layout, limits: &wgpu::Limits) -> Result<(Self, u32)> {
        let size = operand.dtype.size();
        let (start, bytes) = extent(layout, size, limits);
        let window = Self { buffer: memory::raw(operand.buffer)?, start, bytes };
        Ok((window, (layout.offset() - start as usize / size) as u32))
    }

    /// The window on the first `bytes` bytes of `buffer`.
    pub fn head(buffer: &'a super::super::Buffer, bytes: usize) -> Result<Self> {
        Ok(Self { buffer: memory::raw(buffer)?, start: 0, bytes: bytes as u64 })
    }

    /// As a resource of a bind group.
    pub fn binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: self.buffer,
            offset: self.start,
            size: std::num::NonZero::new(self.bytes),
        })
    }

    /// Whether both are windows of one buffer. Then wgpu wants them declared alike: both `read_write` if one is written.
    pub fn same_buffer(&self, other: &Window) -> bool {
        self.buffer == other.buffer
    }
}

/// Whether a window on `layout` can be bound, and indexed with 32 bits. If not, the operation has to be split (`layout::split`).
pub(super) fn fits(layout: &Layout, size: usize, limits: &wgpu::Limits) -> bool {
    extent(layout, size, limits).1 <= limits.max_storage_buffer_binding_size.min(1 << 31)
}

/// First byte and length of the window on a layout with at least one element.
fn extent(layout: &Layout, size: usize, limits: &wgpu::Limits) -> (u64, u64) {
    let (low, high) = layout.span().unwrap_or((0, 0));
    let align = u64::from(limits.min_storage_buffer_offset_alignment).max(PADDING);
    let start = (low * size) as u64 / align * align;
    (start, (((high + 1) * size) as u64 - start).next_multiple_of(PADDING))
}
