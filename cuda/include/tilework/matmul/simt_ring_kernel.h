// The product of f32 factors by fused multiply-add on Hopper (sm_90a), whose arithmetic warps do little else.
//
// The first four warps of a block bring the factors to shared memory, where the others, two groups of 128 threads, find them as
// [k][m] and [k][n] in a ring of STAGES buffers. They take turns at the blocks of k. A factor that runs along m or n in memory is
// copied so by the tensor memory accelerator. One that runs along k arrives in raw buffers of the warp first, which transposes it from
// there. All waiting is for barriers of one stage (tilework/mbarrier.h), so no warp ever waits for the slowest of the block.
//
// A multiply-add reads three registers, and the register file delivers two a clock; the third has to be one that the instruction
// before it read, which the machine keeps. So the products of a step of k are made column by column, up one and down the next:
// then neighbours always share a factor. The instructions are volatile so that the compiler keeps that order as far as it can; of the
// largest tile ptxas is told to do little more (simt_ring_wide.cu).
//
// Where a tile is too small for all the threads, SLICES groups of them share it and take turns at the blocks of k; then a block
// computes one tile, adds the groups' sums in their order, and leaves.
#pragma once

#include "tilework/cluster.h"
#include "tilework/dependent.h"
#include "tilework/matmul/parts.h"
#include "tilework/matmul/schedule.h"
#include "tilework/matmul/turns.h"
#include "tilework/matmul/unbind.h"
#include "tilework/mbarrier.h"
#include "tilework/shared_vector.h"
#include "tilework/tma.h"
#include "tilework/wgmma_descriptor.h"

namespace tw {

// Tiles of M x N; TM x TN sums a thread.
template <int M_, int N_, int TM_, int TN_, int SLICES_, Major A_, Major B_>
struct SimtRingShape {
    static constexpr int M = M_, N = N_, TM = TM_, TN = TN_, SLICES = SLICES_;
    // A line of a raw buffer is 64 bytes.
    static constexpr int K = 16;
    static constexpr Major A = A_, B = B_;
    static constexpr int WARPS_N = N / (8 * TN);
    static constexpr int SLICE_THREADS = 32 * WARPS_N * (M / (4 * TM));
    static constexpr int MATH = SLICES * SLICE_THREADS;
    static constexpr int PRODUCERS = 128;
    static constexpr int FILLERS = PRODUCERS / 32;
    static constexpr int THREADS = PRODUCERS + MATH;
    static_assert(MATH == 256, "the registers are dealt out for this many");
    static constexpr uint32_t A_BYTES = M * K * 4;
    static constexpr uint32_t B_BYTES = N * K * 4;
    static constexpr uint32_t STAGE_BYTES = A_BYTES + B_BYTES;
    static constexpr uint32_t A_RAW_BYTES = A == K_MAJOR ? A_BYTES : 0;
    static constexpr uint32_t RAW_BYTES = A_RAW_BYTES + (B == K_MAJOR ? B_BYTES : 0);
    static constexpr uint32_t DIRECT_BYTES = STAGE_BYTES - RAW_BYTES;
    // Raw buffers of each warp and of all, 96 KiB if both factors need them; and as many stages as fit beside them, the alignment
    // and the barriers, but no more than 144 KiB.
    static constexpr int OWN_RAWS = 24 * 1024 / STAGE_BYTES;
    static constexpr int RAWS = FILLERS * OWN_RAWS;
    static constexpr int FITTING = int((227 * 1024 - 2048 - RAWS * RAW_BYTES) / STAGE_BYTES);
    static constexpr int MOST = 144 * 1024 / STAGE_BYTES;
    static constexpr int STAGES = turn_stages<SLICES, FILLERS>(FITTING < MOST ? FITTING : MOST);
    static constexpr uint32_t RAW = STAGES * STAGE_BYTES;
    static constexpr uint32_t BARRIERS = RAW + RAWS * RAW_BYTES;
    static constexpr uint32_t SHARED_BYTES = 1024 + BARRIERS + 16 * STAGES + 8 * RAWS;
    static_assert(SLICES == 1 || SLICES * M * N * 4 <= RAW, "the sums of all slices fit where the stages were");
};

__device__ __forceinline__ void store_shared(uint32_t at, float x) {
    asm volatile("st.shared.f32 [%0], %1;" ::"r"(at), "f"(x) : "memory");
}

// The promise that copies will bring `bytes` bytes in this phase, without an arrival.
__device__ __forceinline__ void mbarrier_expect(uint32_t barrier, uint32_t bytes) {
    asm volatile("mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

// Writes L lines of K elements, as the accelerator left them with its swizzle, as K lines of L. Several reads are under way at a time.
template <int L, int K>
__device__ __forceinline__ void simt_ring_transpose(uint32_t to, uint32_t from, uint32_t lane) {
    constexpr uint32_t CHUNKS = K / 4;
#pragma unroll 1
    for (uint32_t l = lane; l < L; l += 32) {
        Vector<float, 4> fours[CHUNKS];
#pragma unroll
        for (uint32_t chunk = 0; chunk < CHUNKS; ++chunk) {
            uint32_t swizzled = chunk ^ (l >> 1 & 3);
            fours[chunk] = load_shared_four(from + l * (4 * K) + swizzled * 16);
        }
#pragma unroll
        for (uint32_t chunk = 0; chunk < CHUNKS; ++chunk) {
#pragma unroll
            for (int i = 0; i < 4; ++i) store_shared(to + ((4 * chunk + i) * L + l) * 4, fours[chunk].at[i]);
        }
    }
}

// The block's barriers: of each stage `full` and `empty`, then one of each raw buffer.
template <typename Shape>
struct SimtRing {
    uint32_t shared;

    __device__ __forceinline__ uint32_t stage(uint32_t i) const { return shared + i * Shape::STAGE_BYTES; }
    __device__ __forceinline__ uint32_t raw(uint32_t i) const { return shared + Shape::RAW + i * Shape::RAW_BYTES; }
    __device__ __forceinline__ uint32_t full(uint32_t i) const { return shared + Shape::BARRIERS + 16 * i; }
    __device__ __forceinline__ uint32_t empty(uint32_t i) const { return full(i) + 8; }
    __device__ __forceinline__ uint32_t raw_full(uint32_t i) const { return full(Shape::STAGES) + 8 * i; }

    __device__ __forceinline__ void init() const {
        for (int i = 0; i < Shape::STAGES; ++i) {
            // Every lane that writes or reads arrives for itself: racecheck does not follow one that arrives for its warp.
            mbarrier_init(full(i), Shape::RAW_BYTES != 0 ? 32 : 1);
            mbarrier_init(empty(i), Shape::SLICE_THREADS);
        }
        for (int i = 0; i < Shape::RAWS; ++i) mbarrier_init(raw_full(i), 1);
        mbarrier_init_fence();
    }
};

// One of the warps that fill the stages.
template <typename Shape>
__device__ __forceinline__ void simt_ring_fill(const SimtRing<Shape>& buffers, const TensorMap& a, const TensorMap& b, const TwMatmul& p,
                                               uint32_t tiles, uint32_t depth, uint32_t filler, uint32_t lane) {
    constexpr bool RAW = Shape::RAW_BYTES != 0, DIRECT = Shape::DIRECT_BYTES != 0;
    Turns<Shape::STAGES, Shape::FILLERS> ring(filler);
    using Blocks = TurnBlocks<Shape::M, Shape::N, Shape::FILLERS>;
    Blocks blocks(p, tiles, depth, filler), ahead(p, tiles, depth, filler);
    // Starts the copies of the factors of that order.
    auto load = [&](const Blocks& from, Major order, uint32_t a_to, uint32_t b_to, uint32_t arrived) {
        int k = int(from.block) * Shape::K, m = int(from.tile.m) * Shape::M, n = int(from.tile.n) * Shape::N;
        int2 a_at = from.batch_of(p.a), b_at = from.batch_of(p.b);
        if (Shape::A == order) tma_load(a_to, a, arrived, order == K_MAJOR ? k : m, order == K_MAJOR ? m : k, a_at.x, a_at.y);
        if (Shape::B == order) tma_load(b_to, b, arrived, order == K_MAJOR ? k : n, order == K_MAJOR ? n : k, b_at.x, b_at.y);
    };
    wait_to_read(p.ahead);
    auto load_raw = [&](uint32_t raw) {
        if (lane == 0) {
            mbarrier_arrive_expect(buffers.raw_full(raw), Shape::RAW_BYTES);
            load(ahead, K_MAJOR, buffers.raw(raw), buffers.raw(raw) + Shape::A_RAW_BYTES, buffers.raw_full(raw));
        }
        ahead.next();
    };
    uint32_t first = filler * Shape::OWN_RAWS;
    if constexpr (RAW) {
        for (uint32_t i = 0; i < Shape::OWN_RAWS && ahead.any(); ++i) load_raw(first + i);
    }
    RingPosition<Shape::OWN_RAWS> raws;
    for (; blocks.any(); blocks.next(), ring.advance()) {
        mbarrier_wait(buffers.empty(ring.stage), ring.parity ^ 1);
        uint32_t full = buffers.full(ring.stage), to = buffers.stage(ring.stage);
        if (DIRECT && lane == 0) {
            if (RAW) {
                mbarrier_expect(full, Shape::DIRECT_BYTES);
            } else {
                mbarrier_arrive_expect(full, Shape::DIRECT_BYTES);
            }
            load(blocks, MN_MAJOR, to, to + Shape::A_BYTES, full);
        }
        if constexpr (RAW) {
            uint32_t raw = first + raws.stage, from = buffers.raw(raw);
            mbarrier_wait(buffers.raw_full(raw), raws.parity);
            if (Shape::A == K_MAJOR) simt_ring_transpose<Shape::M, Shape::K>(to, from, lane);
            if (Shape::B == K_MAJOR) simt_ring_transpose<Shape::N, Shape::K>(to + Shape::A_BYTES, from + Shape::A_RAW_BYTES, lane);
            mbarrier_arrive(full);
            // All lanes have read what the next copy overwrites.
            __syncwarp();
            if (ahead.any()) load_raw(raw);
            raws.advance();
        }
    }
}

template <typename Shape>
__device__ __forceinline__ void simt_ring_matmul(const TensorMap& a, const TensorMap& b, const TwMatmul& p) {
    constexpr int M = Shape::M, N = Shape::N, TM = Shape::TM, TN = Shape::TN, SLICES = Shape::SLICES;
    constexpr int RUNS = TM * TN / 4;
    extern __shared__ char dynamic_shared[];
    // The swizzle works on address bits, so the buffers begin at a multiple of its span.
    SimtRing<Shape> buffers = {(shared_address(dynamic_shared) + 1023) & ~1023u};
    // Equal in all threads of a warp, which the compiler cannot know of threadIdx.
    uint32_t warp = __shfl_sync(~0u, threadIdx.x / 32, 0), lane = threadIdx.x % 32;
    if (threadIdx.x == 0) {
        tma_prefetch(a);
        tma_prefetch(b);
        buffers.init();
    }
    __syncthreads();

    uint32_t tiles = p.tiles_m * p.tiles_n * p.batch[0] * p.batch[1] * parts_of(p);
    uint32_t depth = uint32_t((p.k + Shape::K - 1) / Shape::K);
    if (warp < Shape::PRODUCERS / 32) {
        registers_release<40>();
        simt_ring_fill(buffers, a, b, p, tiles, depth, warp, lane);
        return;
    }
    registers_acquire<232>();
    uint32_t slice = (warp - Shape::PRODUCERS / 32) / (Shape::SLICE_THREADS / 32);
    uint32_t in_slice = (warp - Shape::PRODUCERS / 32) % (Shape::SLICE_THREADS / 32);
    // A warp covers 4 x 8 threads; a thread's rows and columns lie in runs of four, spread over the warp's tile, so that a warp's
    // reads are broadcasts or neighbouring vectors.
    uint32_t row = in_slice / Shape::WARPS_N * (4 * TM) + lane / 8 * 4;
    uint32_t column = in_slice % Shape::WARPS_N * (8 * TN) + lane % 8 * 4;
    uint32_t a_place = row * 4, b_place = Shape::A_BYTES + column * 4;
    float x[2][TM], y[2][TN];
    auto fetch = [&](uint32_t stage, int k, int buffer) {
#pragma unroll
        for (int i = 0; i < TM; i += 4) {
            auto four = load_shared_four(stage + a_place + k * (4 * M) + i * 16);
#pragma unroll
            for (int c = 0; c < 4; ++c) x[buffer][i + c] = four.at[c];
        }
#pragma unroll
        for (int j = 0; j < TN; j += 4) {
            auto four = load_shared_four(stage + b_place + k * (4 * N) + j * 32);
#pragma unroll
            for (int c = 0; c < 4; ++c) y[buffer][j + c] = four.at[c];
        }
    };

    // Run r: row (r / (TN / 4)) of the thread's, columns of run r mod (TN / 4).
    float products[RUNS][4];
    Turns<Shape::STAGES, SLICES> ring(slice);
    uint32_t stage = buffers.stage(slice);
    for (uint32_t index = blockIdx.x; index < tiles; index += gridDim.x) {
        Tile tile = tile_at(index, p.tiles_m, p.tiles_n, p.group);
        Part part = part_at(p, tile.batch, depth);
        // Blocks of k that this slice does.
        uint32_t turns = (part.end - part.begin + SLICES - 1 - slice) / SLICES;
        if (index == blockIdx.x) {
            wait_to_read(p.ahead);
            if (turns) mbarrier_wait(buffers.full(slice), 0);
            fetch(stage, 0, 0);
        }
#pragma unroll
        for (int r = 0; r < RUNS; ++r) {
#pragma unroll
            for (int c = 0; c < 4; ++c) products[r][c] = 0;
        }
#pragma unroll 1
        for (uint32_t turn = 0; turn < turns; ++turn) {
            uint32_t empty = buffers.empty(ring.stage);
            ring.advance();
            bool more = turn + 1 < turns || index + gridDim.x < tiles;
#pragma unroll
            for (int k = 0; k < Shape::K; ++k) {
                if (k + 1 == Shape::K) {
                    // The next block's first elements come while this one's last are multiplied; after the last block, nothing does.
                    if (more) mbarrier_wait(buffers.full(ring.stage), ring.parity);
                    stage = buffers.stage(ring.stage);
                }
                fetch(stage, (k + 1) % Shape::K, (k + 1) % 2);
#pragma unroll
                for (int j = 0; j < TN; ++j) {
#pragma unroll
                    for (int turn = 0; turn < TM; ++turn) {
                        int i = j % 2 ? TM - 1 - turn : turn;
                        float& sum = products[i * (TN / 4) + j / 4][j % 4];
                        asm volatile("fma.rn.f32 %0, %1, %2, %0;" : "+f"(sum) : "f"(x[k % 2][i]), "f"(y[k % 2][j]));
                    }
                }
            }
            mbarrier_arrive(empty);
        }
        unbind(products, p.tiles_m);
        auto place = [&](int r) {
            int i = r / (TN / 4), j = r % (TN / 4);
            return longlong2{int64_t(tile.m) * M + row + i / 4 * 16 + i % 4, int64_t(tile.n) * N + column + j * 32};
        };
        wait_to_write(p.ahead);
        Epilogue<f32> epilogue = part_epilogue<f32>(p, part);
        if constexpr (SLICES == 1) {
            epilogue.template write_all<4>(products, place);
        } else {
            // Each slice adds up and writes its share of the runs.
            constexpr int SHARE = RUNS / SLICES;
            static_assert(RUNS % SLICES == 0);
            auto partial = [&](int from, int r) {
                uint32_t at = (from * RUNS + r) * Shape::SLICE_THREADS + in_slice * 32 + lane;
                return reinterpret_cast<float*>(dynamic_shared + (buffers.shared - shared_address(dynamic_shared))) + at * 4;
            };
            named_barrier(1, Shape::MATH);
#pragma unroll
            for (int r = 0; r < RUNS; ++r) {
                Vector<float, 4> run;
#pragma unroll
                for (int c = 0; c < 4; ++c) run.at[c] = products[r][c];
                store_vector(partial(slice, r), run);
            }
            named_barrier(1, Shape::MATH);
            float sums[SHARE][4];
#pragma unroll
            for (int r = 0; r < SHARE; ++r) {
#pragma unroll
                for (int from = 0; from < SLICES; ++from) {
                    auto run = load_vector<float, 4>(partial(from, slice * SHARE + r));
#pragma unroll
                    for (int c = 0; c < 4; ++c) sums[r][c] = from == 0 ? run.at[c] : sums[r][c] + run.at[c];
                }
            }
            epilogue.template write_all<4>(sums, [&](int r) { return place(slice * SHARE + r); });
        }
    }
}

}  // namespace tw
