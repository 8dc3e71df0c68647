//! Generated from cuda/include/tilework/abi.h by bindgen: TILEWORK_BLESS=1 cargo test --test abi.

pub const TW_MAX_RANK: u32 = 8;
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
