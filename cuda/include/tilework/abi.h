// The structs that kernels take by value: the one definition for both languages. bindgen turns this file into
// src/backend/cuda/abi.rs, and tests/abi.rs fails when that is stale.
//
// Plain C: fixed-width integers, fixed ranks, no references. Pointers are device addresses; an operand's offset is folded into
// its pointer, so strides may be negative or zero. All counts are of elements, never bytes.
#pragma once

#include <stdint.h>

// The largest rank after axes that lie contiguously have been merged.
#define TW_MAX_RANK 8

// One operand of a kernel: its first element and the distance of neighbours along each axis of the launch's shape.
struct TwOperand {
    uint64_t pointer;
    int64_t strides[TW_MAX_RANK];
};

// The shape that all operands of a launch share, outermost axis first; entries past `rank` are 1.
struct TwShape {
    uint32_t rank;
    uint64_t length;
    uint64_t sizes[TW_MAX_RANK];
};

// A divisor of 1 to 2^31 prepared for tilework/fastdiv.h, which says what the numbers are.
struct TwDivisor {
    uint32_t divisor;
    uint32_t multiplier;
    uint32_t shift;
};

// The batch axes of a matrix product that a kernel walks by itself.
#define TW_MATMUL_BATCH_RANK 2

// An operand of a matrix product: element (0, 0) of the first matrix, or a null pointer where there is no such operand.
struct TwMatrix {
    uint64_t pointer;
    int64_t row;
    int64_t column;
    int64_t batch[TW_MATMUL_BATCH_RANK];
    // 1 where every group of 16 bytes along the axis of stride 1 is aligned, in every line and every matrix.
    uint32_t aligned;
};

// out = activation(a @ b + bias) + residual, for [m, k] @ [k, n] over batch[0] x batch[1] matrices. Bias and residual have the
// shape of out (stride 0 where broadcast).
struct TwMatmul {
    struct TwMatrix a;
    struct TwMatrix b;
    struct TwMatrix out;
    struct TwMatrix bias;
    struct TwMatrix residual;
    uint64_t m;
    uint64_t n;
    uint64_t k;
    uint32_t batch[TW_MATMUL_BATCH_RANK];
    // 0 none, 1 relu, 2 gelu, 3 silu.
    uint32_t activation;
    // The grid of output tiles of one matrix, and how many rows of tiles are walked together (tilework/matmul/schedule.h).
    uint32_t tiles_m;
    uint32_t tiles_n;
    uint32_t group;
    // 1 where the output leaves through its tensor map, as it is.
    uint32_t store_boxes;
};
