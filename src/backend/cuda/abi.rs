//! Generated from cuda/include/tilework/abi.h by bindgen: TILEWORK_BLESS=1 cargo test --test abi.

pub const TW_MAX_RANK: u32 = 8;
pub const TW_MAX_INPUTS: u32 = 3;
pub const TW_THREADS: u32 = 256;
pub const TW_VECTORS: u32 = 2;
pub const TW_VECTORS_HEAVY: u32 = 1;
pub const TW_ELEMENTS: u32 = 4;
pub const TW_ELEMENTS_HEAVY: u32 = 2;
pub const TW_MAX_BATCH: u32 = 6;
pub const TW_MATMUL_BATCH_RANK: u32 = 2;
pub const TW_BOXED_OUT: u32 = 1;
pub const TW_BOXED_MULTIPLY: u32 = 2;
pub const TW_BOXED_C: u32 = 4;
pub const TW_AHEAD_A: u32 = 1;
pub const TW_AHEAD_B: u32 = 2;
pub const TW_AHEAD_ALL: u32 = 3;
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
#[doc = " A divisor of 1 to 2^62 prepared for tilework/nest.h."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwWideDivisor {
    pub divisor: u64,
    pub multiplier: u64,
    pub shift: u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwWideDivisor"][::core::mem::size_of::<TwWideDivisor>() - 24usize];
    ["Alignment of TwWideDivisor"][::core::mem::align_of::<TwWideDivisor>() - 8usize];
    ["Offset of field: TwWideDivisor::divisor"][::core::mem::offset_of!(TwWideDivisor, divisor) - 0usize];
    ["Offset of field: TwWideDivisor::multiplier"][::core::mem::offset_of!(TwWideDivisor, multiplier) - 8usize];
    ["Offset of field: TwWideDivisor::shift"][::core::mem::offset_of!(TwWideDivisor, shift) - 16usize];
};
#[doc = " Loops that up to three operands share, outermost axis first."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwNest {
    pub rank: u32,
    pub sizes: [TwWideDivisor; 8usize],
    pub strides: [[i64; 8usize]; 3usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwNest"][::core::mem::size_of::<TwNest>() - 392usize];
    ["Alignment of TwNest"][::core::mem::align_of::<TwNest>() - 8usize];
    ["Offset of field: TwNest::rank"][::core::mem::offset_of!(TwNest, rank) - 0usize];
    ["Offset of field: TwNest::sizes"][::core::mem::offset_of!(TwNest, sizes) - 8usize];
    ["Offset of field: TwNest::strides"][::core::mem::offset_of!(TwNest, strides) - 200usize];
};
#[doc = " A reduction of `outputs` times `length` elements. The operands of `kept` are output, x, y; those of `reduced` are x, y."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwReduce {
    pub x: u64,
    pub y: u64,
    pub out: u64,
    #[doc = " States of the parts of a split reduction, and a counter for each output or block of columns, zero between launches."]
    pub partials: u64,
    pub tickets: u64,
    pub outputs: u64,
    pub length: u64,
    #[doc = " How many of `length` each of the `splits` parts takes."]
    pub part: u64,
    pub splits: u32,
    #[doc = " Threads that share an output (rows), or neighbouring packs of columns in a block (columns)."]
    pub lanes: u32,
    #[doc = " Whether 16-byte loads are allowed; the innermost reduced axis of a nest then counts packs."]
    pub packed: u32,
    #[doc = " Flipped bits reverse the order of the elements: the minimum is the maximum of the reversed order."]
    pub flip: u64,
    #[doc = " What the result is divided by: the count for a mean, the count less ddof for a variance, else 1."]
    pub divisor: f64,
    pub kept: TwNest,
    pub reduced: TwNest,
    #[doc = " Columns only: the innermost kept axis, which `kept` then lacks, and its packs."]
    pub columns: u64,
    pub column_packs: TwWideDivisor,
    #[doc = " Packs of columns in all of `kept`."]
    pub packs: u64,
    pub column_strides: [i64; 3usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwReduce"][::core::mem::size_of::<TwReduce>() - 944usize];
    ["Alignment of TwReduce"][::core::mem::align_of::<TwReduce>() - 8usize];
    ["Offset of field: TwReduce::x"][::core::mem::offset_of!(TwReduce, x) - 0usize];
    ["Offset of field: TwReduce::y"][::core::mem::offset_of!(TwReduce, y) - 8usize];
    ["Offset of field: TwReduce::out"][::core::mem::offset_of!(TwReduce, out) - 16usize];
    ["Offset of field: TwReduce::partials"][::core::mem::offset_of!(TwReduce, partials) - 24usize];
    ["Offset of field: TwReduce::tickets"][::core::mem::offset_of!(TwReduce, tickets) - 32usize];
    ["Offset of field: TwReduce::outputs"][::core::mem::offset_of!(TwReduce, outputs) - 40usize];
    ["Offset of field: TwReduce::length"][::core::mem::offset_of!(TwReduce, length) - 48usize];
    ["Offset of field: TwReduce::part"][::core::mem::offset_of!(TwReduce, part) - 56usize];
    ["Offset of field: TwReduce::splits"][::core::mem::offset_of!(TwReduce, splits) - 64usize];
    ["Offset of field: TwReduce::lanes"][::core::mem::offset_of!(TwReduce, lanes) - 68usize];
    ["Offset of field: TwReduce::packed"][::core::mem::offset_of!(TwReduce, packed) - 72usize];
    ["Offset of field: TwReduce::flip"][::core::mem::offset_of!(TwReduce, flip) - 80usize];
    ["Offset of field: TwReduce::divisor"][::core::mem::offset_of!(TwReduce, divisor) - 88usize];
    ["Offset of field: TwReduce::kept"][::core::mem::offset_of!(TwReduce, kept) - 96usize];
    ["Offset of field: TwReduce::reduced"][::core::mem::offset_of!(TwReduce, reduced) - 488usize];
    ["Offset of field: TwReduce::columns"][::core::mem::offset_of!(TwReduce, columns) - 880usize];
    ["Offset of field: TwReduce::column_packs"][::core::mem::offset_of!(TwReduce, column_packs) - 888usize];
    ["Offset of field: TwReduce::packs"][::core::mem::offset_of!(TwReduce, packs) - 912usize];
    ["Offset of field: TwReduce::column_strides"][::core::mem::offset_of!(TwReduce, column_strides) - 920usize];
};
#[doc = " Rows of `length` elements that are normalised one by one. The operands of `nest`, the axes before the last, are out, x."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwRows {
    pub x: u64,
    pub out: u64,
    #[doc = " Zero where there is none."]
    pub weight: u64,
    pub bias: u64,
    pub rows: u64,
    pub length: u64,
    pub x_stride: i64,
    pub out_stride: i64,
    pub weight_stride: i64,
    pub bias_stride: i64,
    #[doc = " Threads of a block that share a row."]
    pub lanes: u32,
    #[doc = " Where 16-byte accesses are allowed: bit 0 for x, 1 for out, 2 for weight and bias."]
    pub packed: u32,
    #[doc = " The variant of the operation: log_softmax, layer_norm."]
    pub variant: u32,
    pub eps: f64,
    pub nest: TwNest,
    #[doc = " Rows of which several blocks walk a strip each: how many strips, the elements of one, and where their states go."]
    pub strips: u32,
    pub strip: u64,
    pub partials: u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwRows"][::core::mem::size_of::<TwRows>() - 520usize];
    ["Alignment of TwRows"][::core::mem::align_of::<TwRows>() - 8usize];
    ["Offset of field: TwRows::x"][::core::mem::offset_of!(TwRows, x) - 0usize];
    ["Offset of field: TwRows::out"][::core::mem::offset_of!(TwRows, out) - 8usize];
    ["Offset of field: TwRows::weight"][::core::mem::offset_of!(TwRows, weight) - 16usize];
    ["Offset of field: TwRows::bias"][::core::mem::offset_of!(TwRows, bias) - 24usize];
    ["Offset of field: TwRows::rows"][::core::mem::offset_of!(TwRows, rows) - 32usize];
    ["Offset of field: TwRows::length"][::core::mem::offset_of!(TwRows, length) - 40usize];
    ["Offset of field: TwRows::x_stride"][::core::mem::offset_of!(TwRows, x_stride) - 48usize];
    ["Offset of field: TwRows::out_stride"][::core::mem::offset_of!(TwRows, out_stride) - 56usize];
    ["Offset of field: TwRows::weight_stride"][::core::mem::offset_of!(TwRows, weight_stride) - 64usize];
    ["Offset of field: TwRows::bias_stride"][::core::mem::offset_of!(TwRows, bias_stride) - 72usize];
    ["Offset of field: TwRows::lanes"][::core::mem::offset_of!(TwRows, lanes) - 80usize];
    ["Offset of field: TwRows::packed"][::core::mem::offset_of!(TwRows, packed) - 84usize];
    ["Offset of field: TwRows::variant"][::core::mem::offset_of!(TwRows, variant) - 88usize];
    ["Offset of field: TwRows::eps"][::core::mem::offset_of!(TwRows, eps) - 96usize];
    ["Offset of field: TwRows::nest"][::core::mem::offset_of!(TwRows, nest) - 104usize];
    ["Offset of field: TwRows::strips"][::core::mem::offset_of!(TwRows, strips) - 496usize];
    ["Offset of field: TwRows::strip"][::core::mem::offset_of!(TwRows, strip) - 504usize];
    ["Offset of field: TwRows::partials"][::core::mem::offset_of!(TwRows, partials) - 512usize];
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
#[doc = " out = activation(alpha * (a @ b) + bias) * multiply + beta * c, for [m, k] @ [k, n] over the matrices of two batch axes. The\n operands besides a and b have the shape of out (stride 0 where broadcast), and drop out where they are absent."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwMatmul {
    pub a: TwMatrix,
    pub b: TwMatrix,
    pub out: TwMatrix,
    pub bias: TwMatrix,
    pub c: TwMatrix,
    pub m: u64,
    pub n: u64,
    pub k: u64,
    pub batch: [u32; 2usize],
    #[doc = " 0 none, 1 relu, 2 gelu, 3 silu, 4 sigmoid."]
    pub activation: u32,
    #[doc = " The grid of output tiles of one matrix, and how many rows of tiles are walked together (tilework/matmul/schedule.h)."]
    pub tiles_m: u32,
    pub tiles_n: u32,
    pub group: u32,
    #[doc = " Bits TW_BOXED_*. Where that of the output is set, so are those of the others that there are, and the bias has a stride of 0."]
    pub boxed: u32,
    pub multiply: TwMatrix,
    #[doc = " The bits of the type that is accumulated in."]
    pub alpha: u64,
    pub beta: u64,
    #[doc = " Where k is split between clusters (wgmma): into how many parts, at least 1; where their sums go; and a counter for each block\n of a tile, zero between launches."]
    pub splits: u32,
    #[doc = " Bits TW_AHEAD_*."]
    pub ahead: u32,
    pub partials: u64,
    pub tickets: u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwMatmul"][::core::mem::size_of::<TwMatmul>() - 384usize];
    ["Alignment of TwMatmul"][::core::mem::align_of::<TwMatmul>() - 8usize];
    ["Offset of field: TwMatmul::a"][::core::mem::offset_of!(TwMatmul, a) - 0usize];
    ["Offset of field: TwMatmul::b"][::core::mem::offset_of!(TwMatmul, b) - 48usize];
    ["Offset of field: TwMatmul::out"][::core::mem::offset_of!(TwMatmul, out) - 96usize];
    ["Offset of field: TwMatmul::bias"][::core::mem::offset_of!(TwMatmul, bias) - 144usize];
    ["Offset of field: TwMatmul::c"][::core::mem::offset_of!(TwMatmul, c) - 192usize];
    ["Offset of field: TwMatmul::m"][::core::mem::offset_of!(TwMatmul, m) - 240usize];
    ["Offset of field: TwMatmul::n"][::core::mem::offset_of!(TwMatmul, n) - 248usize];
    ["Offset of field: TwMatmul::k"][::core::mem::offset_of!(TwMatmul, k) - 256usize];
    ["Offset of field: TwMatmul::batch"][::core::mem::offset_of!(TwMatmul, batch) - 264usize];
    ["Offset of field: TwMatmul::activation"][::core::mem::offset_of!(TwMatmul, activation) - 272usize];
    ["Offset of field: TwMatmul::tiles_m"][::core::mem::offset_of!(TwMatmul, tiles_m) - 276usize];
    ["Offset of field: TwMatmul::tiles_n"][::core::mem::offset_of!(TwMatmul, tiles_n) - 280usize];
    ["Offset of field: TwMatmul::group"][::core::mem::offset_of!(TwMatmul, group) - 284usize];
    ["Offset of field: TwMatmul::boxed"][::core::mem::offset_of!(TwMatmul, boxed) - 288usize];
    ["Offset of field: TwMatmul::multiply"][::core::mem::offset_of!(TwMatmul, multiply) - 296usize];
    ["Offset of field: TwMatmul::alpha"][::core::mem::offset_of!(TwMatmul, alpha) - 344usize];
    ["Offset of field: TwMatmul::beta"][::core::mem::offset_of!(TwMatmul, beta) - 352usize];
    ["Offset of field: TwMatmul::splits"][::core::mem::offset_of!(TwMatmul, splits) - 360usize];
    ["Offset of field: TwMatmul::ahead"][::core::mem::offset_of!(TwMatmul, ahead) - 364usize];
    ["Offset of field: TwMatmul::partials"][::core::mem::offset_of!(TwMatmul, partials) - 368usize];
    ["Offset of field: TwMatmul::tickets"][::core::mem::offset_of!(TwMatmul, tickets) - 376usize];
};
#[doc = " A product of 8-bit floats with scales (tilework/matmul/fp8_kernel.h). Scales are [m, k / 128] and [k / 128, n / 128], rounded up, with\n strides of 0 where one is for all; a null pointer is a scale of 1, where neither factor has one for each block."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwFp8 {
    pub product: TwMatmul,
    pub a_scales: TwMatrix,
    pub b_scales: TwMatrix,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwFp8"][::core::mem::size_of::<TwFp8>() - 480usize];
    ["Alignment of TwFp8"][::core::mem::align_of::<TwFp8>() - 8usize];
    ["Offset of field: TwFp8::product"][::core::mem::offset_of!(TwFp8, product) - 0usize];
    ["Offset of field: TwFp8::a_scales"][::core::mem::offset_of!(TwFp8, a_scales) - 384usize];
    ["Offset of field: TwFp8::b_scales"][::core::mem::offset_of!(TwFp8, b_scales) - 432usize];
};
#[doc = " A factor of an f32 product, whose lines along k are its rows (so columns of b are), and where its planes go."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwSplitFactor {
    pub pointer: u64,
    pub row: i64,
    pub depth: i64,
    pub batch: [i64; 2usize],
    #[doc = " Rows of one matrix; the axes of its batch, 1 where the factor is broadcast."]
    pub rows: u64,
    pub matrices: [u32; 2usize],
    #[doc = " Rows of a block of planes, which are the tile's side, and the blocks of a matrix."]
    pub height: u32,
    pub blocks: u32,
    #[doc = " 1 where lines along k have stride 1 and aligned groups of 16 bytes, 2 where lines along the rows have."]
    pub direction: u32,
    #[doc = " The shifts of each matrix's rows, and the planes of each scheme; rows here fill the blocks."]
    pub shifts: u64,
    pub planes: [u64; 2usize],
    #[doc = " The SplitSeen of a factor whose shifts and first planes are there already; 0 where they are made with the product."]
    pub kept: u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwSplitFactor"][::core::mem::size_of::<TwSplitFactor>() - 104usize];
    ["Alignment of TwSplitFactor"][::core::mem::align_of::<TwSplitFactor>() - 8usize];
    ["Offset of field: TwSplitFactor::pointer"][::core::mem::offset_of!(TwSplitFactor, pointer) - 0usize];
    ["Offset of field: TwSplitFactor::row"][::core::mem::offset_of!(TwSplitFactor, row) - 8usize];
    ["Offset of field: TwSplitFactor::depth"][::core::mem::offset_of!(TwSplitFactor, depth) - 16usize];
    ["Offset of field: TwSplitFactor::batch"][::core::mem::offset_of!(TwSplitFactor, batch) - 24usize];
    ["Offset of field: TwSplitFactor::rows"][::core::mem::offset_of!(TwSplitFactor, rows) - 40usize];
    ["Offset of field: TwSplitFactor::matrices"][::core::mem::offset_of!(TwSplitFactor, matrices) - 48usize];
    ["Offset of field: TwSplitFactor::height"][::core::mem::offset_of!(TwSplitFactor, height) - 56usize];
    ["Offset of field: TwSplitFactor::blocks"][::core::mem::offset_of!(TwSplitFactor, blocks) - 60usize];
    ["Offset of field: TwSplitFactor::direction"][::core::mem::offset_of!(TwSplitFactor, direction) - 64usize];
    ["Offset of field: TwSplitFactor::shifts"][::core::mem::offset_of!(TwSplitFactor, shifts) - 72usize];
    ["Offset of field: TwSplitFactor::planes"][::core::mem::offset_of!(TwSplitFactor, planes) - 80usize];
    ["Offset of field: TwSplitFactor::kept"][::core::mem::offset_of!(TwSplitFactor, kept) - 96usize];
};
#[doc = " An f32 product on the tensor cores: what all its kernels take."]
#[repr(C)]
#[derive(Debug, Default, Copy, Clone)]
pub struct TwSplit {
    pub factors: [TwSplitFactor; 2usize],
    #[doc = " A SplitState that is zero between launches, and the SplitVerdict that it leads to."]
    pub seen: u64,
    pub verdict: u64,
    pub k: u64,
    #[doc = " Blocks of 32 along k, an even number."]
    pub depth: u32,
    #[doc = " The elements of k that a block of the pass handles, a multiple of 128: a cluster handles all of k."]
    pub chunk: u32,
    pub product: TwMatmul,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of TwSplit"][::core::mem::size_of::<TwSplit>() - 624usize];
    ["Alignment of TwSplit"][::core::mem::align_of::<TwSplit>() - 8usize];
    ["Offset of field: TwSplit::factors"][::core::mem::offset_of!(TwSplit, factors) - 0usize];
    ["Offset of field: TwSplit::seen"][::core::mem::offset_of!(TwSplit, seen) - 208usize];
    ["Offset of field: TwSplit::verdict"][::core::mem::offset_of!(TwSplit, verdict) - 216usize];
    ["Offset of field: TwSplit::k"][::core::mem::offset_of!(TwSplit, k) - 224usize];
    ["Offset of field: TwSplit::depth"][::core::mem::offset_of!(TwSplit, depth) - 232usize];
    ["Offset of field: TwSplit::chunk"][::core::mem::offset_of!(TwSplit, chunk) - 236usize];
    ["Offset of field: TwSplit::product"][::core::mem::offset_of!(TwSplit, product) - 240usize];
};
