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
