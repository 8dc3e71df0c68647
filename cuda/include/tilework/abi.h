// The structs that kernels take by value: the one definition for both languages. bindgen turns this file into
// src/backend/cuda/abi.rs, and tests/abi.rs fails when that is stale.
//
// Plain C: fixed-width integers, fixed ranks, no references. Pointers are device addresses; an operand's offset is folded into
// its pointer, so strides may be negative or zero. All counts are of elements, never bytes.
#pragma once

#include <stdint.h>

// The largest rank after axes that lie contiguously have been merged.
#define TW_MAX_RANK 8

// A divisor of 1 to 2^31 prepared for tilework/fastdiv.h, which says what the numbers are.
struct TwDivisor {
    uint32_t divisor;
    uint32_t multiplier;
    uint32_t shift;
};

// The most operands that an elementwise operation reads.
#define TW_MAX_INPUTS 3
// Threads of a block of an elementwise kernel, and the vectors or elements that each handles: fewer where the code for one is long
// (unary operations on 8-byte types).
#define TW_THREADS 256
#define TW_VECTORS 2
#define TW_VECTORS_HEAVY 1
#define TW_ELEMENTS 4
#define TW_ELEMENTS_HEAVY 2

// An elementwise launch (tilework/elementwise.h). Axes count from the innermost one.
struct TwElementwise {
    uint64_t out;
    // Each input's first element, or 0 where the input is one value.
    uint64_t inputs[TW_MAX_INPUTS];
    // The values of such inputs, or the parameters of a unary operation from entry 1 on: the bits of the type computed in.
    uint64_t values[TW_MAX_INPUTS];
    // Elements of the innermost axis.
    uint64_t row;
    // Work items of the launch: vectors or single elements.
    uint32_t items;
    uint32_t rank;
    // Axis lengths, in items for axis 0.
    struct TwDivisor lengths[TW_MAX_RANK];
    // Element strides.
    int32_t out_strides[TW_MAX_RANK];
    int32_t strides[TW_MAX_INPUTS][TW_MAX_RANK];
};

// The most axes besides the two of the matrix that a transposing copy has.
#define TW_MAX_BATCH 6

// A copy whose source is contiguous along another axis than its output (tilework/transpose.h): for every index of the batch
// axes, out[column * out_stride + row] = x[row * x_stride + column].
struct TwTranspose {
    uint64_t out;
    uint64_t x;
    uint32_t rows;
    uint32_t columns;
    int64_t out_stride;
    int64_t x_stride;
    // The grid: tiles along the columns, then along the rows, then the batch.
    struct TwDivisor column_tiles;
    struct TwDivisor row_tiles;
    uint32_t batch_rank;
    struct TwDivisor batch[TW_MAX_BATCH];
    int64_t out_batch_strides[TW_MAX_BATCH];
    int64_t x_batch_strides[TW_MAX_BATCH];
};

// Uniform random numbers for the elements of a dense output (random.cu).
struct TwRandom {
    uint64_t out;
    uint64_t length;
    uint32_t key[2];
};

// ---- reductions and row kernels ----

// A divisor of 1 to 2^62 prepared for tilework/nest.h.
struct TwWideDivisor {
    uint64_t divisor;
    uint64_t multiplier;
    uint32_t shift;
};

// Loops that up to three operands share, outermost axis first.
struct TwNest {
    uint32_t rank;
    struct TwWideDivisor sizes[TW_MAX_RANK];
    int64_t strides[3][TW_MAX_RANK];
};

// A reduction of `outputs` times `length` elements. The operands of `kept` are output, x, y; those of `reduced` are x, y.
struct TwReduce {
    uint64_t x;
    uint64_t y;
    uint64_t out;
    // States of the parts of a split reduction, and a counter for each output or block of columns, zero between launches.
    uint64_t partials;
    uint64_t tickets;
    uint64_t outputs;
    uint64_t length;
    // How many of `length` each of the `splits` parts takes.
    uint64_t part;
    uint32_t splits;
    // Threads that share an output (rows), or neighbouring packs of columns in a block (columns).
    uint32_t lanes;
    // Whether 16-byte loads are allowed; the innermost reduced axis of a nest then counts packs.
    uint32_t packed;
    // Flipped bits reverse the order of the elements: the minimum is the maximum of the reversed order.
    uint64_t flip;
    // What the result is divided by: the count for a mean, the count less ddof for a variance, else 1.
    double divisor;
    struct TwNest kept;
    struct TwNest reduced;
    // Columns only: the innermost kept axis, which `kept` then lacks, and its packs.
    uint64_t columns;
    struct TwWideDivisor column_packs;
    // Packs of columns in all of `kept`.
    uint64_t packs;
    int64_t column_strides[3];
};

// Rows of `length` elements that are normalised one by one. The operands of `nest`, the axes before the last, are out, x.
struct TwRows {
    uint64_t x;
    uint64_t out;
    // Zero where there is none.
    uint64_t weight;
    uint64_t bias;
    uint64_t rows;
    uint64_t length;
    int64_t x_stride;
    int64_t out_stride;
    int64_t weight_stride;
    int64_t bias_stride;
    // Threads of a block that share a row.
    uint32_t lanes;
    // Where 16-byte accesses are allowed: bit 0 for x, 1 for out, 2 for weight and bias.
    uint32_t packed;
    // The variant of the operation: log_softmax, layer_norm.
    uint32_t variant;
    double eps;
    struct TwNest nest;
    // Rows of which several blocks walk a strip each: how many strips, the elements of one, and where their states go.
    uint32_t strips;
    uint64_t strip;
    uint64_t partials;
};

// ---- matrix product ----

// The batch axes of a matrix product that a kernel walks by itself.
#define TW_MATMUL_BATCH_RANK 2

// Operands of the epilogue that move through tensor maps, as bits of TwMatmul::boxed.
#define TW_BOXED_OUT 1
#define TW_BOXED_MULTIPLY 2
#define TW_BOXED_C 4

// What of a product the kernels before it do not write, so that it may be read before they have ended (tilework/dependent.h): the one
// factor, or the other, or nothing of what is read at all.
#define TW_AHEAD_A 1
#define TW_AHEAD_B 2
#define TW_AHEAD_ALL 3

// An operand of a matrix product: element (0, 0) of the first matrix, or a null pointer where there is no such operand.
struct TwMatrix {
    uint64_t pointer;
    int64_t row;
    int64_t column;
    int64_t batch[TW_MATMUL_BATCH_RANK];
    // 1 where every group of 16 bytes along the axis of stride 1 is aligned, in every line and every matrix.
    uint32_t aligned;
};

// out = activation(alpha * (a @ b) + bias) * multiply + beta * c, for [m, k] @ [k, n] over the matrices of two batch axes. The
// operands besides a and b have the shape of out (stride 0 where broadcast), and drop out where they are absent.
struct TwMatmul {
    struct TwMatrix a;
    struct TwMatrix b;
    struct TwMatrix out;
    struct TwMatrix bias;
    struct TwMatrix c;
    uint64_t m;
    uint64_t n;
    uint64_t k;
    uint32_t batch[TW_MATMUL_BATCH_RANK];
    // 0 none, 1 relu, 2 gelu, 3 silu, 4 sigmoid.
    uint32_t activation;
    // The grid of output tiles of one matrix, and how many rows of tiles are walked together (tilework/matmul/schedule.h).
    uint32_t tiles_m;
    uint32_t tiles_n;
    uint32_t group;
    // Bits TW_BOXED_*. Where that of the output is set, so are those of the others that there are, and the bias has a stride of 0.
    uint32_t boxed;
    struct TwMatrix multiply;
    // The bits of the type that is accumulated in.
    uint64_t alpha;
    uint64_t beta;
    // Where k is split between clusters (wgmma): into how many parts, at least 1; where their sums go; and a counter for each block
    // of a tile, zero between launches.
    uint32_t splits;
    // Bits TW_AHEAD_*.
    uint32_t ahead;
    uint64_t partials;
    uint64_t tickets;
};

// A product of 8-bit floats with scales (tilework/matmul/fp8_kernel.h). Scales are [m, k / 128] and [k / 128, n / 128], rounded up, with
// strides of 0 where one is for all; a null pointer is a scale of 1, where neither factor has one for each block.
struct TwFp8 {
    struct TwMatmul product;
    struct TwMatrix a_scales;
    struct TwMatrix b_scales;
};

// ---- f32 products on the tensor cores (tilework/matmul/split.h) ----

// A factor of an f32 product, whose lines along k are its rows (so columns of b are), and where its planes go.
struct TwSplitFactor {
    uint64_t pointer;
    int64_t row;
    int64_t depth;
    int64_t batch[TW_MATMUL_BATCH_RANK];
    // Rows of one matrix; the axes of its batch, 1 where the factor is broadcast.
    uint64_t rows;
    uint32_t matrices[TW_MATMUL_BATCH_RANK];
    // Rows of a block of planes, which are the tile's side, and the blocks of a matrix.
    uint32_t height;
    uint32_t blocks;
    // 1 where lines along k have stride 1 and aligned groups of 16 bytes, 2 where lines along the rows have.
    uint32_t direction;
    // The shifts of each matrix's rows, and the planes of each scheme; rows here fill the blocks.
    uint64_t shifts;
    uint64_t planes[2];
    // The SplitSeen of a factor whose shifts and first planes are there already; 0 where they are made with the product.
    uint64_t kept;
};

// An f32 product on the tensor cores: what all its kernels take.
struct TwSplit {
    struct TwSplitFactor factors[2];
    // A SplitState that is zero between launches, and the SplitVerdict that it leads to.
    uint64_t seen;
    uint64_t verdict;
    uint64_t k;
    // Blocks of 32 along k, an even number.
    uint32_t depth;
    // The elements of k that a block of the pass handles, a multiple of 128: a cluster handles all of k.
    uint32_t chunk;
    struct TwMatmul product;
};
