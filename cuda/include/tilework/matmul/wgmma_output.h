// How the sums of tilework/matmul/wgmma_kernel.h leave the registers, in pieces of 64 columns.
//
//   wgmma_store    a plain product in 16 bits: boxes that the accelerator stores while the next piece is converted. (A large tile that
//                  another one follows leaves under that one's products: wgmma_deferred.h.)
//   wgmma_finish   the same after an epilogue that works in the registers. What it multiplies by and adds comes through the ring,
//                  in stages after those of the factors, so that nobody waits for memory.
//   wgmma_write    any other strides or types: sums go through shared memory, and a loop reads them back by rows, so that bias,
//                  residual and output are met in the order of memory.
#pragma once

#include "tilework/cluster.h"
#include "tilework/matmul/epilogue.h"
#include "tilework/matmul/wgmma_schedule.h"
#include "tilework/matmul/wgmma_tile.h"
#include "tilework/mbarrier.h"
#include "tilework/mma.h"
#include "tilework/shared_address.h"
#include "tilework/stmatrix.h"
#include "tilework/tma.h"

namespace tw {

// What a kernel has code for. Less of it is quicker to begin.
enum WgmmaEnding {
    // Plain products whose output is stored as boxes.
    WGMMA_PLAIN_BOXES,
    // Plain products.
    WGMMA_PLAIN,
    // Products with an epilogue too.
    WGMMA_EPILOGUE,
};

// A warp of those that multiply: where its block's buffers are, its place among its like, and how far it is in the ring.
template <class Tile>
struct WgmmaWarp {
    uint32_t shared;
    char* pointer;
    WgmmaCluster cluster;
    // Its warpgroup, its place in that, and the thread's in the warp.
    uint32_t consumer;
    uint32_t warp;
    uint32_t lane;
    RingPosition<Tile::STAGES> ring;
    // Which half of the staging is next.
    uint32_t turn = 0;

    __device__ __forceinline__ uint32_t full(uint32_t stage) const { return shared + Tile::BARRIERS + 16 * stage; }
    __device__ __forceinline__ uint32_t empty(uint32_t stage) const { return full(stage) + 8; }
    // Where sums of other blocks arrive, of a tile that is split.
    __device__ __forceinline__ uint32_t exchanged() const { return full(Tile::STAGES); }
    __device__ __forceinline__ uint32_t buffer(uint32_t stage) const { return shared + stage * Tile::STAGE_BYTES; }
    __device__ __forceinline__ uint32_t staging() const {
        return shared + Tile::STAGES * Tile::STAGE_BYTES + consumer * Tile::STAGING_BYTES;
    }
    // Whether this thread starts and awaits the warpgroup's stores. An elected one made small products slower.
    __device__ __forceinline__ bool stores() const { return threadIdx.x % 128 == 0; }
    __device__ __forceinline__ void await_group() const { named_barrier(1 + consumer, 128); }

    // The stage so many before the next one.
    __device__ __forceinline__ void release_before(uint32_t back) const {
        release(ring.stage >= back ? ring.stage - back : ring.stage + Tile::STAGES - back);
    }

    // Gives a stage that this warp has read back to the producers of all blocks that fill it.
    __device__ __forceinline__ void release(uint32_t stage) const {
        if (lane < cluster.rows) mbarrier_arrive_at(empty(stage), cluster.first_peer() + lane);
    }
};

// The byte, in a block of rows of 128 bytes with the accelerator's swizzle, of this lane's 8 elements: 16 columns for each pair.
__device__ __forceinline__ uint32_t wgmma_narrow_chunk(uint32_t warp, uint32_t lane, uint32_t pair) {
    uint32_t row = 16 * warp + lane % 16, chunk = 2 * pair + lane / 16;
    return row * 128 + ((chunk ^ (row & 7)) << 4);
}

// Eight accumulators of a thread as 16-bit values: pair i of them is the thread's share of the i-th matrix of 8 x 8.
template <typename T>
__device__ __forceinline__ uint4 wgmma_narrow(const float* d) {
    Narrow values[8];
#pragma unroll
    for (int i = 0; i < 8; ++i) values[i] = d[i];
    return bit_cast<uint4>(pack<T>(values));
}

// Reads such a block; calls combine(i, value) for what belongs to accumulator i.
template <typename T, typename Combine>
__device__ __forceinline__ void wgmma_read_narrow(uint32_t block, uint32_t warp, uint32_t lane, Combine combine) {
#pragma unroll
    for (int pair = 0; pair < 4; ++pair) {
        uint32_t words[4];
        load_matrices<false>(words, block + wgmma_narrow_chunk(warp, lane, pair));
        auto values = bit_cast<Vector<T, 8>>(words);
#pragma unroll
        for (int i = 0; i < 8; ++i) combine(8 * pair + i, widen(values.at[i]));
    }
}

// Stages a piece of 64 x 64 values, of which narrow(i) are this thread's of the i-th 16 columns, and stores it as a box of the tile.
// The next piece takes the other half of the staging.
template <class Tile, typename Narrowed>
__device__ __forceinline__ void wgmma_store_piece(WgmmaWarp<Tile>& w, const TensorMap& out, const WgmmaWork& work, int piece,
                                                  Narrowed narrow) {
    uint32_t half = w.staging() + w.turn * (Tile::STAGING_BYTES / 2);
    w.turn ^= 1;
    if (w.stores()) tma_store_wait_read<1>();
    w.await_group();
#pragma unroll
    for (int pair = 0; pair < 4; ++pair) store_matrices(half + wgmma_narrow_chunk(w.warp, w.lane, pair), narrow(pair));
    tma_store_fence();
    w.await_group();
    if (!w.stores()) return;
    int m = int(work.m) * Tile::M + int(w.consumer) * 64, n = int(work.n) * Tile::N + Tile::column(piece);
    tma_store(out, half, n, m, int(work.inner), int(work.outer));
}

template <typename T, class Tile>
__device__ __forceinline__ void wgmma_store(const float (&d)[Tile::N / 2], WgmmaWarp<Tile>& w, const TensorMap& out,
                                            const WgmmaWork& work) {
#pragma unroll
    for (int piece = 0; piece < Tile::PIECES; ++piece) {
        const float* from = d + Tile::column(piece) / 2;
        wgmma_store_piece(w, out, work, piece, [&](int pair) { return wgmma_narrow<T>(from + 8 * pair); });
    }
}

// Registers have no addresses, so a piece of the sums is chosen by a branch. One is always taken: what was in `values` before would
// have to be kept.
template <class Tile>
__device__ __forceinline__ void wgmma_take_piece(const float (&d)[Tile::N / 2], int piece, float (&values)[32]) {
#pragma unroll
    for (int i = 0; i < Tile::PIECES; ++i) {
        if (i == 0 || i == piece) {
#pragma unroll
            for (int j = 0; j < 32; ++j) values[j] = d[Tile::column(i) / 2 + j];
        }
    }
}

// alpha * values + bias, for a bias that is the same for all rows or all columns.
template <typename T, class Tile>
__device__ __forceinline__ void wgmma_add_bias(float (&values)[32], const WgmmaWarp<Tile>& w, const TwMatmul& p,
                                               const WgmmaWork& work, int piece) {
    float alpha = decode<float>(p.alpha);
    EpilogueOperand<const T> bias(p.bias, work.outer, work.inner);
    if (!bias.base) {
#pragma unroll
        for (int i = 0; i < 32; ++i) values[i] *= alpha;
        return;
    }
    // What lies beyond the output is not written, but must not be read either.
    uint32_t m = work.m * Tile::M + w.consumer * 64 + 16 * w.warp + w.lane / 4;
    uint32_t n = work.n * Tile::N + Tile::column(piece) + 2 * (w.lane % 4);
    uint32_t last_row = uint32_t(p.m) - 1, last_column = uint32_t(p.n) - 1;
    if (bias.row == 0) {
        float across[16];
        if (bias.vectors && n + 57 <= last_column) {
#pragma unroll
            for (int i = 0; i < 8; ++i) {
                auto pair = load_vector<T, 2>(bias.base + n + 8 * i);
                across[2 * i] = accumulator(pair.at[0]);
                across[2 * i + 1] = accumulator(pair.at[1]);
            }
        } else {
#pragma unroll
            for (int i = 0; i < 16; ++i) across[i] = accumulator(*bias.at(0, min(n + i / 2 * 8 + i % 2, last_column)));
        }
#pragma unroll
        for (int i = 0; i < 32; ++i) values[i] = fused(alpha, values[i], across[i / 4 * 2 + i % 2]);
    } else {
        float up = accumulator(*bias.at(min(m, last_row), 0)), down = accumulator(*bias.at(min(m + 8, last_row), 0));
#pragma unroll
        for (int i = 0; i < 32; ++i) values[i] = fused(alpha, values[i], i % 4 < 2 ? up : down);
    }
}

template <typename T, uint32_t ACTIVATION>
__device__ __forceinline__ void wgmma_activate(float (&values)[32]) {
#pragma unroll
    for (int i = 0; i < 32; ++i) values[i] = activate<T>(values[i], ACTIVATION);
}

// The epilogue, as Epilogue::write has it, on the registers.
template <typename T, class Tile>
__device__ __forceinline__ void wgmma_finish(const float (&d)[Tile::N / 2], WgmmaWarp<Tile>& w, const TensorMap& out,
                                             const TwMatmul& p, const WgmmaWork& work) {
    RingPosition<Tile::STAGES> of_multiply, of_c;
#pragma unroll 1
    for (int piece = 0; piece < Tile::PIECES; ++piece) {
        float values[32];
        wgmma_take_piece<Tile>(d, piece, values);
        wgmma_add_bias<T>(values, w, p, work, piece);
        switch (p.activation) {
            case 1: wgmma_activate<T, 1>(values); break;
            case 2: wgmma_activate<T, 2>(values); break;
            case 3: wgmma_activate<T, 3>(values); break;
            case 4: wgmma_activate<T, 4>(values); break;
        }
        // The stages that hold this piece and the next of both operands.
        bool first = piece % Tile::HELD == 0, last = piece % Tile::HELD == Tile::HELD - 1 || piece == Tile::PIECES - 1;
        uint32_t within = (piece % Tile::HELD * Tile::CONSUMERS + w.consumer) * 8192;
        auto enter = [&](RingPosition<Tile::STAGES>& position) {
            if (!first) return;
            position = w.ring;
            mbarrier_wait(w.full(position.stage), position.parity);
            w.ring.advance();
        };
        if (p.boxed & TW_BOXED_MULTIPLY) {
            enter(of_multiply);
            wgmma_read_narrow<T>(w.buffer(of_multiply.stage) + within, w.warp, w.lane, [&](int i, float x) { values[i] *= x; });
        }
        if (p.boxed & TW_BOXED_C) {
            enter(of_c);
            float beta = decode<float>(p.beta);
            wgmma_read_narrow<T>(w.buffer(of_c.stage) + within, w.warp, w.lane,
                                 [&](int i, float x) { values[i] = fused(beta, x, values[i]); });
        }
        wgmma_store_piece(w, out, work, piece, [&](int pair) { return wgmma_narrow<T>(values + 8 * pair); });
        if (last && p.boxed & TW_BOXED_MULTIPLY) w.release(of_multiply.stage);
        if (last && p.boxed & TW_BOXED_C) w.release(of_c.stage);
    }
}

// The 16-byte chunk c of row r of a 64 x 64 block of f32, swizzled so that neither writers nor readers queue for a bank.
__device__ __forceinline__ uint32_t wgmma_wide_chunk(uint32_t row, uint32_t chunk) {
    return row * 256 + ((chunk ^ (row & 7)) << 4);
}

// Writes 64 x 64 accumulators, 32 a thread, as they are.
__device__ __forceinline__ void wgmma_stage_wide(const float (&d)[32], char* staging, uint32_t warp, uint32_t lane) {
#pragma unroll
    for (int i = 0; i < 32; i += 2) {
        uint32_t row = 16 * warp + lane / 4 + 8 * ((i >> 1) & 1);
        uint32_t column = 8 * (i >> 2) + 2 * (lane % 4);
        char* to = staging + wgmma_wide_chunk(row, column / 4) + 4 * (column % 4);
        *reinterpret_cast<float2*>(to) = make_float2(d[i], d[i + 1]);
    }
}

__device__ __forceinline__ void wgmma_read_wide(const char* chunk, float* to) {
    *reinterpret_cast<float4*>(to) = *reinterpret_cast<const float4*>(chunk);
}

// Finishes eight columns, in as many vectors as they take.
template <typename T>
__device__ __forceinline__ void wgmma_write_eight(const Epilogue<T>& epilogue, int64_t i, int64_t j, const float (&values)[8]) {
    constexpr int EACH = 16 / sizeof(T);
#pragma unroll
    for (int q = 0; q < 8; q += EACH) {
        float part[EACH];
#pragma unroll
        for (int r = 0; r < EACH; ++r) part[r] = values[q + r];
        epilogue.write(i, j + q, part);
    }
}

// The row and the group of eight columns that belong to number `i` of 64 rows of so many groups: in the order of the output's memory.
template <class Tile>
__device__ __forceinline__ uint2 wgmma_place(const TwMatmul& p, uint32_t i, uint32_t groups) {
    if (Tile::BY_COLUMNS && p.out.column != 1) return make_uint2(i % 64, i / 64);
    return make_uint2(i / groups, i % groups);
}

template <typename T, class Tile>
__device__ __forceinline__ void wgmma_write(const float (&d)[Tile::N / 2], const WgmmaWarp<Tile>& w, const TwMatmul& p,
                                            const WgmmaWork& work) {
    char* wide = w.pointer + (w.staging() - w.shared);
    int64_t m = int64_t(work.m) * Tile::M + w.consumer * 64, n = int64_t(work.n) * Tile::N;
    if constexpr (sizeof(T) == 4) {
        // Four lanes write 32 bytes of a row, which is what memory takes at a time.
        Epilogue<T> epilogue(p, work.outer * p.batch[1] + work.inner);
        if (epilogue.template is_plain<2>()) {
            int64_t row = m + 16 * w.warp + w.lane / 4, column = n + 2 * (w.lane % 4);
#pragma unroll
            for (int i = 0; i < Tile::N / 2; i += 2) epilogue.template write_plain<2>(row + 8 * (i / 2 % 2), column + 2 * (i / 4 * 4), d + i);
            return;
        }
    }
#pragma unroll 1
    for (int piece = 0; piece < Tile::PIECES; ++piece) {
        float values[32];
        wgmma_take_piece<Tile>(d, piece, values);
        wgmma_stage_wide(values, wide, w.warp, w.lane);
        w.await_group();
        // Here, not before the loop: its registers are not needed while sums are copied.
        Epilogue<T> epilogue(p, work.outer * p.batch[1] + work.inner);
#pragma unroll 1
        for (uint32_t i = threadIdx.x % 128; i < 64 * 8; i += 128) {
            uint2 place = wgmma_place<Tile>(p, i, 8);
            uint32_t row = place.x, eight = place.y;
            float run[8];
#pragma unroll
            for (int j = 0; j < 2; ++j) wgmma_read_wide(wide + wgmma_wide_chunk(row, 2 * eight + j), run + 4 * j);
            wgmma_write_eight(epilogue, m + row, n + Tile::column(piece) + 8 * eight, run);
        }
        w.await_group();
    }
}

}  // namespace tw
