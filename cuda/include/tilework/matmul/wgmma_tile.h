// What a block of tilework/matmul/wgmma_kernel.h computes at a time, and how its shared memory is laid out.
#pragma once

#include "tilework/wgmma_descriptor.h"

namespace tw {

// CONSUMERS warpgroups, each with sums of 64 x N, one above the other. SPLIT tiles are computed by several blocks, a part of k each. A stage
// holds HELD_COLUMNS of b: where they run along n, as many as whole boxes have.
template <int CONSUMERS_, int N_, bool SPLIT_ = false, int HELD_COLUMNS = N_>
struct WgmmaTile {
    static constexpr int CONSUMERS = CONSUMERS_;
    static constexpr int N = N_;
    static constexpr bool SPLIT = SPLIT_;
    // Whether no more columns of b are loaded than there are, nor rows of a that runs along them.
    static constexpr bool TRIMS = false;
    // Whether an output of f32 leaves by boxes where it can, and whether it may run down its columns.
    static constexpr bool BOXES_WIDE = false;
    static constexpr bool BY_COLUMNS = false;
    // Whether a plain tile in 16 bits leaves under the products of the next one (wgmma_deferred.h). Up to 128 columns those wait for shared
    // memory already.
    static constexpr bool DEFERS = !SPLIT && N > 128;

    static constexpr int M = 64 * CONSUMERS;
    static constexpr int K = WGMMA_ROW;
    static constexpr int THREADS = 128 * (CONSUMERS + 1);
    // Of each thread that loads, and of each that multiplies, where there are two warpgroups of those.
    static constexpr int LOADING_REGISTERS = 40;
    static constexpr int MULTIPLYING_REGISTERS = 232;
    static constexpr uint32_t A_BYTES = M * K * 2;
    static constexpr uint32_t B_BYTES = HELD_COLUMNS * K * 2;
    static constexpr uint32_t STAGE_BYTES = A_BYTES + B_BYTES;
    // Stages whose products are under way when a warpgroup goes on to the next: two where they take less time than that.
    static constexpr int IN_FLIGHT = CONSUMERS == 1 || N == 64 ? 2 : 1;
    // The output's pieces of 64 columns, and where each begins: where N is no multiple, the last two share columns.
    static constexpr int PIECES = (N + 63) / 64;
    static __device__ __forceinline__ constexpr int column(int piece) { return 64 * piece < N - 64 ? 64 * piece : N - 64; }
    // How many of them, of an operand of the epilogue in 16 bits, come through one stage.
    static constexpr int HELD_MOST = int(STAGE_BYTES / (CONSUMERS * 64 * 128));
    static constexpr int HELD = HELD_MOST < 2 ? HELD_MOST : PIECES < 2 ? PIECES : 2;
    // For each consumer a piece of the output of 64 x 64 in f32, or two in 16 bits.
    static constexpr uint32_t STAGING_BYTES = 64 * 64 * 4;
    // Of 227 KiB, what the staging, the barriers, the alignment of the buffers and what is deferred leave, but no more than eight stages.
    static constexpr int FITTING = int((227 * 1024 - 2048 - CONSUMERS * STAGING_BYTES) / STAGE_BYTES);
    static constexpr int STAGES = FITTING < 8 ? FITTING : 8;
    static constexpr uint32_t BARRIERS = STAGES * STAGE_BYTES + CONSUMERS * STAGING_BYTES;
    // Two barriers for each stage, and one for sums that arrive from other blocks.
    static constexpr uint32_t SHARED_BYTES = 1024 + BARRIERS + 2 * 8 * STAGES + 8;
};

}  // namespace tw
