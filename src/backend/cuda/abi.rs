//! Generated from cuda/include/tilework/abi.h by bindgen: TILEWORK_BLESS=1 cargo test --test abi.

pub const TW_MAX_RANK: u32 = 8;
pub const TW_MAX_INPUTS: u32 = 3;
pub const TW_THREADS: u32 = 256;
pub const TW_VECTORS: u32 = 2;
pub const TW_VECTORS_HEAVY: u32 = 1;
pub const TW_ELEMENTS: u32 = 4;
pub const TW_ELEMENTS_HEAVY: u32 = 2;
pub const TW_MAX_BATCH: u32 = 6;
#[doc = " A divisor of 1 to 2^31 prepared for tilework/fastdiv.h, which says what the numbers are."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwDivisor {
    pub divisor: u32,
    pub multiplier: u32,
    pub shift: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwDivisor"][::core::mem::size_of::<TwDivisor>() - 12usize];
    ["Alignment of TwDivisor"][::core::mem::align_of::<TwDivisor>() - 4usize];
    ["Offset of field: TwDivisor::divisor"][::core::mem::offset_of!(TwDivisor, divisor) - 0usize];
    ["Offset of field: TwDivisor::multiplier"][::core::mem::offset_of!(TwDivisor, multiplier) - 4usize];
    ["Offset of field: TwDivisor::shift"][::core::mem::offset_of!(TwDivisor, shift) - 8usize];
};
#[doc = " An elementwise launch (tilework/elementwise.h). Axes count from the innermost one."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwElementwise {
    pub out: u64,
    #[doc = " Each input's first element, or 0 where the input is one value."]
    pub inputs: [u64; 3usize],
    #[doc = " The values of such inputs, or the parameters of a unary operation from entry 1 on: the bits of the type computed in."]
    pub values: [u64; 3usize],
    #[doc = " Elements of the innermost axis."]
    pub row: u64,
    #[doc = " Work items of the launch: vectors or single elements."]
    pub items: u32,
    pub rank: u32,
    #[doc = " Axis lengths, in items for axis 0."]
    pub lengths: [TwDivisor; 8usize],
    #[doc = " Element strides."]
    pub out_strides: [i32; 8usize],
    pub strides: [[i32; 8usize]; 3usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwElementwise"][::core::mem::size_of::<TwElementwise>() - 296usize];
    ["Alignment of TwElementwise"][::core::mem::align_of::<TwElementwise>() - 8usize];
    ["Offset of field: TwElementwise::out"][::core::mem::offset_of!(TwElementwise, out) - 0usize];
    ["Offset of field: TwElementwise::inputs"][::core::mem::offset_of!(TwElementwise, inputs) - 8usize];
    ["Offset of field: TwElementwise::values"][::core::mem::offset_of!(TwElementwise, values) - 32usize];
    ["Offset of field: TwElementwise::row"][::core::mem::offset_of!(TwElementwise, row) - 56usize];
    ["Offset of field: TwElementwise::items"][::core::mem::offset_of!(TwElementwise, items) - 64usize];
    ["Offset of field: TwElementwise::rank"][::core::mem::offset_of!(TwElementwise, rank) - 68usize];
    ["Offset of field: TwElementwise::lengths"][::core::mem::offset_of!(TwElementwise, lengths) - 72usize];
    ["Offset of field: TwElementwise::out_strides"][::core::mem::offset_of!(TwElementwise, out_strides) - 168usize];
    ["Offset of field: TwElementwise::strides"][::core::mem::offset_of!(TwElementwise, strides) - 200usize];
};
#[doc = " A copy whose source is contiguous along another axis than its output (tilework/transpose.h): for every index of the batch\n axes, out[column * out_stride + row] = x[row * x_stride + column]."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwTranspose {
    pub out: u64,
    pub x: u64,
    pub rows: u32,
    pub columns: u32,
    pub out_stride: i64,
    pub x_stride: i64,
    #[doc = " The grid: tiles along the columns, then along the rows, then the batch."]
    pub column_tiles: TwDivisor,
    pub row_tiles: TwDivisor,
    pub batch_rank: u32,
    pub batch: [TwDivisor; 6usize],
    pub out_batch_strides: [i64; 6usize],
    pub x_batch_strides: [i64; 6usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwTranspose"][::core::mem::size_of::<TwTranspose>() - 240usize];
    ["Alignment of TwTranspose"][::core::mem::align_of::<TwTranspose>() - 8usize];
    ["Offset of field: TwTranspose::out"][::core::mem::offset_of!(TwTranspose, out) - 0usize];
    ["Offset of field: TwTranspose::x"][::core::mem::offset_of!(TwTranspose, x) - 8usize];
    ["Offset of field: TwTranspose::rows"][::core::mem::offset_of!(TwTranspose, rows) - 16usize];
    ["Offset of field: TwTranspose::columns"][::core::mem::offset_of!(TwTranspose, columns) - 20usize];
    ["Offset of field: TwTranspose::out_stride"][::core::mem::offset_of!(TwTranspose, out_stride) - 24usize];
    ["Offset of field: TwTranspose::x_stride"][::core::mem::offset_of!(TwTranspose, x_stride) - 32usize];
    ["Offset of field: TwTranspose::column_tiles"][::core::mem::offset_of!(TwTranspose, column_tiles) - 40usize];
    ["Offset of field: TwTranspose::row_tiles"][::core::mem::offset_of!(TwTranspose, row_tiles) - 52usize];
    ["Offset of field: TwTranspose::batch_rank"][::core::mem::offset_of!(TwTranspose, batch_rank) - 64usize];
    ["Offset of field: TwTranspose::batch"][::core::mem::offset_of!(TwTranspose, batch) - 68usize];
    ["Offset of field: TwTranspose::out_batch_strides"]
        [::core::mem::offset_of!(TwTranspose, out_batch_strides) - 144usize];
    ["Offset of field: TwTranspose::x_batch_strides"][::core::mem::offset_of!(TwTranspose, x_batch_strides) - 192usize];
};
#[doc = " Uniform random numbers for the elements of a dense output (random.cu)."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwRandom {
    pub out: u64,
    pub length: u64,
    pub key: [u32; 2usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwRandom"][::core::mem::size_of::<TwRandom>() - 24usize];
    ["Alignment of TwRandom"][::core::mem::align_of::<TwRandom>() - 8usize];
    ["Offset of field: TwRandom::out"][::core::mem::offset_of!(TwRandom, out) - 0usize];
    ["Offset of field: TwRandom::length"][::core::mem::offset_of!(TwRandom, length) - 8usize];
    ["Offset of field: TwRandom::key"][::core::mem::offset_of!(TwRandom, key) - 16usize];
};
