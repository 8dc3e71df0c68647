//! Generated from cuda/include/tilework/abi.h by bindgen: TILEWORK_BLESS=1 cargo test --test abi.

pub const TW_MAX_RANK: u32 = 8;
pub const TW_MATMUL_BATCH_RANK: u32 = 2;
#[doc = " One operand of a kernel: its first element and the distance of neighbours along each axis of the launch's shape."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwOperand {
    pub pointer: u64,
    pub strides: [i64; 8usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwOperand"][::core::mem::size_of::<TwOperand>() - 72usize];
    ["Alignment of TwOperand"][::core::mem::align_of::<TwOperand>() - 8usize];
    ["Offset of field: TwOperand::pointer"][::core::mem::offset_of!(TwOperand, pointer) - 0usize];
    ["Offset of field: TwOperand::strides"][::core::mem::offset_of!(TwOperand, strides) - 8usize];
};
#[doc = " The shape that all operands of a launch share, outermost axis first; entries past `rank` are 1."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwShape {
    pub rank: u32,
    pub length: u64,
    pub sizes: [u64; 8usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwShape"][::core::mem::size_of::<TwShape>() - 80usize];
    ["Alignment of TwShape"][::core::mem::align_of::<TwShape>() - 8usize];
    ["Offset of field: TwShape::rank"][::core::mem::offset_of!(TwShape, rank) - 0usize];
    ["Offset of field: TwShape::length"][::core::mem::offset_of!(TwShape, length) - 8usize];
    ["Offset of field: TwShape::sizes"][::core::mem::offset_of!(TwShape, sizes) - 16usize];
};
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
#[doc = " An operand of a matrix product: element (0, 0) of the first matrix, or a null pointer where there is no such operand."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwMatrix {
    pub pointer: u64,
    pub row: i64,
    pub column: i64,
    pub batch: [i64; 2usize],
    #[doc = " 1 where every group of 16 bytes along the axis of stride 1 is aligned, in every line and every matrix."]
    pub aligned: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwMatrix"][::core::mem::size_of::<TwMatrix>() - 48usize];
    ["Alignment of TwMatrix"][::core::mem::align_of::<TwMatrix>() - 8usize];
    ["Offset of field: TwMatrix::pointer"][::core::mem::offset_of!(TwMatrix, pointer) - 0usize];
    ["Offset of field: TwMatrix::row"][::core::mem::offset_of!(TwMatrix, row) - 8usize];
    ["Offset of field: TwMatrix::column"][::core::mem::offset_of!(TwMatrix, column) - 16usize];
    ["Offset of field: TwMatrix::batch"][::core::mem::offset_of!(TwMatrix, batch) - 24usize];
    ["Offset of field: TwMatrix::aligned"][::core::mem::offset_of!(TwMatrix, aligned) - 40usize];
};
#[doc = " out = activation(a @ b + bias) + residual, for [m, k] @ [k, n] over batch[0] x batch[1] matrices. Bias and residual have the\n shape of out (stride 0 where broadcast)."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwMatmul {
    pub a: TwMatrix,
    pub b: TwMatrix,
    pub out: TwMatrix,
    pub bias: TwMatrix,
    pub residual: TwMatrix,
    pub m: u64,
    pub n: u64,
    pub k: u64,
    pub batch: [u32; 2usize],
    #[doc = " 0 none, 1 relu, 2 gelu, 3 silu."]
    pub activation: u32,
    #[doc = " The grid of output tiles of one matrix, and how many rows of tiles are walked together (tilework/matmul/schedule.h)."]
    pub tiles_m: u32,
    pub tiles_n: u32,
    pub group: u32,
    #[doc = " 1 where the output leaves through its tensor map, as it is."]
    pub store_boxes: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwMatmul"][::core::mem::size_of::<TwMatmul>() - 296usize];
    ["Alignment of TwMatmul"][::core::mem::align_of::<TwMatmul>() - 8usize];
    ["Offset of field: TwMatmul::a"][::core::mem::offset_of!(TwMatmul, a) - 0usize];
    ["Offset of field: TwMatmul::b"][::core::mem::offset_of!(TwMatmul, b) - 48usize];
    ["Offset of field: TwMatmul::out"][::core::mem::offset_of!(TwMatmul, out) - 96usize];
    ["Offset of field: TwMatmul::bias"][::core::mem::offset_of!(TwMatmul, bias) - 144usize];
    ["Offset of field: TwMatmul::residual"][::core::mem::offset_of!(TwMatmul, residual) - 192usize];
    ["Offset of field: TwMatmul::m"][::core::mem::offset_of!(TwMatmul, m) - 240usize];
    ["Offset of field: TwMatmul::n"][::core::mem::offset_of!(TwMatmul, n) - 248usize];
    ["Offset of field: TwMatmul::k"][::core::mem::offset_of!(TwMatmul, k) - 256usize];
    ["Offset of field: TwMatmul::batch"][::core::mem::offset_of!(TwMatmul, batch) - 264usize];
    ["Offset of field: TwMatmul::activation"][::core::mem::offset_of!(TwMatmul, activation) - 272usize];
    ["Offset of field: TwMatmul::tiles_m"][::core::mem::offset_of!(TwMatmul, tiles_m) - 276usize];
    ["Offset of field: TwMatmul::tiles_n"][::core::mem::offset_of!(TwMatmul, tiles_n) - 280usize];
    ["Offset of field: TwMatmul::group"][::core::mem::offset_of!(TwMatmul, group) - 284usize];
    ["Offset of field: TwMatmul::store_boxes"][::core::mem::offset_of!(TwMatmul, store_boxes) - 288usize];
};
