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
