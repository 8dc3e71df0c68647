// The product of f32 factors by fused multiply-add on Hopper (sm_90a), whose arithmetic warps do little else.
//
// The first four warps of a block bring the factors to shared memory, where the others, two groups of 128 threads, find them as
// [k][m] and [k][n] in a ring of STAGES buffers. A factor that runs along m or n in memory is copied so by the tensor memory
// accelerator. One that runs along k arrives in a smaller ring of raw buffers first, and three warps transpose it from there. All
// waiting is for barriers of one stage (tilework/mbarrier.h), so no warp ever waits for the slowest of the block.
//
// A multiply-add reads three registers, and the register file delivers two a clock; the third has to be one that the instruction
// before it read, which the machine keeps. So the products of a step of k are made column by column, up one and down the next:
// then neighbours always share a factor. The instructions are volatile so that the compiler keeps that order as far as it can.
//
// Where a tile is too small for all the threads, SLICES groups of them share it and take a part each of every block of k; then a
// block computes one tile and leaves.
#pragma once

#include "tilework/cluster.h"
#include "tilework/dependent.h"
#include "tilework/matmul/epilogue.h"
#include "tilework/matmul/schedule.h"
#include "tilework/mbarrier.h"
#include "tilework/tma.h"
#include "tilework/wgmma_descriptor.h"

namespace tw {

// Tiles of M x N, K deep at a time (16 or 32: a line of a raw buffer is then 64 or 128 bytes); TM x TN sums a thread.
template <int M_, int N_, int K_, int TM_, int TN_, int SLICES_, Major A_, Major B_>
struct SimtRingShape {
    static constexpr int M = M_, N = N_, K = K_, TM = TM_, TN = TN_, SLICES = SLICES_;
    static constexpr Major A = A_, B = B_;
    static constexpr int WARPS_N = N / (8 * TN);
    static constexpr int SLICE_THREADS = 32 * WARPS_N * (M / (4 * TM));
    static constexpr int MATH = SLICES * SLICE_THREADS;
    static constexpr int PRODUCERS = 128;
    static constexpr int TRANSPOSERS = 3;
    static constexpr int THREADS = PRODUCERS + MATH;
    static_assert(MATH == 256, "the registers are dealt out for this many");
    static constexpr uint32_t A_BYTES = M * K * 4;
    static constexpr uint32_t B_BYTES = N * K * 4;
    static constexpr uint32_t STAGE_BYTES = A_BYTES + B_BYTES;
    static constexpr uint32_t A_RAW_BYTES = A == K_MAJOR ? A_BYTES : 0;
    static constexpr uint32_t RAW_BYTES = A_RAW_BYTES + (B == K_MAJOR ? B_BYTES : 0);
    static constexpr uint32_t DIRECT_BYTES = STAGE_BYTES - RAW_BYTES;
    // Three raw buffers, and as many stages as fit beside them, the alignment and the barriers, but no more than six.
    static constexpr int RAWS = 3;
    static constexpr int FITTING = int((227 * 1024 - 2048 - RAWS * RAW_BYTES) / STAGE_BYTES);
    static constexpr int STAGES = FITTING < 6 ? FITTING : 6;
    static constexpr uint32_t RAW = STAGES * STAGE_BYTES;
    static constexpr uint32_t BARRIERS = RAW + RAWS * RAW_BYTES;
    static constexpr uint32_t SHARED_BYTES = 1024 + BARRIERS + 16 * (STAGES + RAWS);
    static_assert((SLICES - 1) * TM * TN * SLICE_THREADS * 4 <= RAW, "partial sums fit where the stages were");
};

__device__ __forceinline__ Vector<float, 4> load_shared_four(uint32_t at) {
    Vector<float, 4> x;
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
                 : "=f"(x.at[0]), "=f"(x.at[1]), "=f"(x.at[2]), "=f"(x.at[3])
                 : "r"(at)
                 : "memory");
    return x;
}

__device__ __forceinline__ void store_shared(uint32_t at, float x) {
    asm volatile("st.shared.f32 [%0], %1;" ::"r"(at), "f"(x) : "memory");
}

// Writes L lines of K elements, as the accelerator left them with its swizzle, as K lines of L; a warp of `workers` takes its part.
template <int L, int K>
__device__ __forceinline__ void simt_ring_transpose(uint32_t to, uint32_t from, uint32_t worker, uint32_t workers, uint32_t lane) {
    constexpr uint32_t CHUNKS = K / 4;
#pragma unroll 2
    for (uint32_t unit = worker; unit < L / 32 * CHUNKS; unit += workers) {
        uint32_t l = unit / CHUNKS * 32 + lane, chunk = unit % CHUNKS;
        uint32_t swizzled = chunk ^ (K == 32 ? l & 7 : l >> 1 & 3);
        auto four = load_shared_four(from + l * (4 * K) + swizzled * 16);
#pragma unroll
        for (int i = 0; i < 4; ++i) store_shared(to + ((4 * chunk + i) * L + l) * 4, four.at[i]);
    }
}

// The block's barriers: of each stage `full` and `empty`, then the same of each raw buffer.
template <typename Shape>
struct SimtRing {
    uint32_t shared;

    __device__ __forceinline__ uint32_t stage(uint32_t i) const { return shared + i * Shape::STAGE_BYTES; }
    __device__ __forceinline__ uint32_t raw(uint32_t i) const { return shared + Shape::RAW + i * Shape::RAW_BYTES; }
    __device__ __forceinline__ uint32_t full(uint32_t i) const { return shared + Shape::BARRIERS + 16 * i; }
    __device__ __forceinline__ uint32_t empty(uint32_t i) const { return full(i) + 8; }
    __device__ __forceinline__ uint32_t raw_full(uint32_t i) const { return full(Shape::STAGES + i); }
    __device__ __forceinline__ uint32_t raw_empty(uint32_t i) const { return raw_full(i) + 8; }

    __device__ __forceinline__ void init() const {
        for (int i = 0; i < Shape::STAGES; ++i) {
            mbarrier_init(full(i), (Shape::DIRECT_BYTES ? 1 : 0) + (Shape::RAW_BYTES ? Shape::TRANSPOSERS : 0));
            mbarrier_init(empty(i), Shape::MATH / 32);
        }
        for (int i = 0; i < Shape::RAWS; ++i) {
            mbarrier_init(raw_full(i), 1);
            mbarrier_init(raw_empty(i), Shape::TRANSPOSERS);
        }
        mbarrier_init_fence();
    }
};

// One thread: starts the copies of all blocks of k of the block's tiles.
template <typename Shape>
__device__ __forceinline__ void simt_ring_load(const SimtRing<Shape>& buffers, const TensorMap& a, const TensorMap& b, const TwMatmul& p,
                                               uint32_t tiles, uint32_t depth) {
    RingPosition<Shape::STAGES> ring;
    RingPosition<Shape::RAWS> raws;
    for (uint32_t index = blockIdx.x; index < tiles; index += gridDim.x) {
        Tile tile = tile_at(index, p.tiles_m, p.tiles_n, p.group);
        int m = int(tile.m) * Shape::M, n = int(tile.n) * Shape::N;
        int outer = int(tile.batch / p.batch[1]), inner = int(tile.batch % p.batch[1]);
        int a_outer = p.a.batch[0] ? outer : 0, a_inner = p.a.batch[1] ? inner : 0;
        int b_outer = p.b.batch[0] ? outer : 0, b_inner = p.b.batch[1] ? inner : 0;
        for (uint32_t block = 0; block < depth; ++block) {
            int k = int(block) * Shape::K;
            if constexpr (Shape::RAW_BYTES != 0) {
                mbarrier_wait(buffers.raw_empty(raws.stage), raws.parity ^ 1);
                uint32_t arrived = buffers.raw_full(raws.stage), to = buffers.raw(raws.stage);
                mbarrier_arrive_expect(arrived, Shape::RAW_BYTES);
                if (Shape::A == K_MAJOR) tma_load(to, a, arrived, k, m, a_inner, a_outer);
                if (Shape::B == K_MAJOR) tma_load(to + Shape::A_RAW_BYTES, b, arrived, k, n, b_inner, b_outer);
                raws.advance();
            }
            if constexpr (Shape::DIRECT_BYTES != 0) {
                mbarrier_wait(buffers.empty(ring.stage), ring.parity ^ 1);
                uint32_t arrived = buffers.full(ring.stage), to = buffers.stage(ring.stage);
                mbarrier_arrive_expect(arrived, Shape::DIRECT_BYTES);
                if (Shape::A == MN_MAJOR) tma_load(to, a, arrived, m, k, a_inner, a_outer);
                if (Shape::B == MN_MAJOR) tma_load(to + Shape::A_BYTES, b, arrived, n, k, b_inner, b_outer);
                ring.advance();
            }
        }
    }
}

// The warps that transpose, `worker` counting from zero.
template <typename Shape>
__device__ __forceinline__ void simt_ring_transpose_all(const SimtRing<Shape>& buffers, uint32_t tiles, uint32_t depth, uint32_t worker,
                                                        uint32_t lane) {
    RingPosition<Shape::STAGES> ring;
    RingPosition<Shape::RAWS> raws;
    for (uint32_t index = blockIdx.x; index < tiles; index += gridDim.x) {
        for (uint32_t block = 0; block < depth; ++block, ring.advance(), raws.advance()) {
            mbarrier_wait(buffers.raw_full(raws.stage), raws.parity);
            mbarrier_wait(buffers.empty(ring.stage), ring.parity ^ 1);
            uint32_t to = buffers.stage(ring.stage), from = buffers.raw(raws.stage);
            if (Shape::A == K_MAJOR) simt_ring_transpose<Shape::M, Shape::K>(to, from, worker, Shape::TRANSPOSERS, lane);
            if (Shape::B == K_MAJOR) {
                simt_ring_transpose<Shape::N, Shape::K>(to + Shape::A_BYTES, from + Shape::A_RAW_BYTES, worker, Shape::TRANSPOSERS, lane);
            }
            __syncwarp();
            if (lane == 0) {
                mbarrier_arrive(buffers.raw_empty(raws.stage));
                mbarrier_arrive(buffers.full(ring.stage));
            }
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
    wait_for_previous_kernel();

    uint32_t tiles = p.tiles_m * p.tiles_n * p.batch[0] * p.batch[1];
    uint32_t depth = uint32_t((p.k + Shape::K - 1) / Shape::K);
    if (warp < Shape::PRODUCERS / 32) {
        registers_release<40>();
        if (warp == 0) {
            if (lane == 0) simt_ring_load(buffers, a, b, p, tiles, depth);
        } else if (Shape::RAW_BYTES != 0) {
            simt_ring_transpose_all(buffers, tiles, depth, warp - 1, lane);
        }
        return;
    }
    registers_acquire<232>();
    uint32_t thread = threadIdx.x - Shape::PRODUCERS;
    uint32_t slice = (warp - Shape::PRODUCERS / 32) / (Shape::SLICE_THREADS / 32);
    uint32_t part = (warp - Shape::PRODUCERS / 32) % (Shape::SLICE_THREADS / 32);
    // A warp covers 4 x 8 threads; a thread's rows and columns lie in runs of four, spread over the warp's tile, so that a warp's
    // reads are broadcasts or neighbouring vectors.
    uint32_t row = part / Shape::WARPS_N * (4 * TM) + lane / 8 * 4, column = part % Shape::WARPS_N * (8 * TN) + lane % 8 * 4;
    constexpr int DEPTH = Shape::K / SLICES;
    uint32_t a_place = (slice * DEPTH * M + row) * 4, b_place = Shape::A_BYTES + (slice * DEPTH * N + column) * 4;
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
    // Blocks of k that this block still has to do.
    uint64_t left = uint64_t((tiles - blockIdx.x + gridDim.x - 1) / gridDim.x) * depth;
    RingPosition<Shape::STAGES> ring;
    uint32_t stage = buffers.stage(0);
    mbarrier_wait(buffers.full(0), 0);
    fetch(stage, 0, 0);
    for (uint32_t index = blockIdx.x; index < tiles; index += gridDim.x) {
#pragma unroll
        for (int r = 0; r < RUNS; ++r) {
#pragma unroll
            for (int c = 0; c < 4; ++c) products[r][c] = 0;
        }
#pragma unroll 1
        for (uint32_t block = 0; block < depth; ++block) {
            uint32_t empty = buffers.empty(ring.stage);
            ring.advance();
            --left;
#pragma unroll
            for (int k = 0; k < DEPTH; ++k) {
                if (k + 1 < DEPTH) {
                    fetch(stage, k + 1, (k + 1) % 2);
                } else {
                    // The next block's first elements come while this one's last are multiplied; after the last block, nothing does.
                    if (left) mbarrier_wait(buffers.full(ring.stage), ring.parity);
                    stage = buffers.stage(ring.stage);
                    fetch(stage, 0, 0);
                }
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
            __syncwarp();
            if (lane == 0) mbarrier_arrive(empty);
        }
        Tile tile = tile_at(index, p.tiles_m, p.tiles_n, p.group);
        if constexpr (SLICES > 1) {
            auto partial = [&](int from, int r) {
                uint32_t at = ((from - 1) * RUNS + r) * Shape::SLICE_THREADS + thread % Shape::SLICE_THREADS;
                return reinterpret_cast<float*>(dynamic_shared + (buffers.shared - shared_address(dynamic_shared))) + at * 4;
            };
            named_barrier(1, Shape::MATH);
            if (slice > 0) {
#pragma unroll
                for (int r = 0; r < RUNS; ++r) {
                    Vector<float, 4> sums;
#pragma unroll
                    for (int c = 0; c < 4; ++c) sums.at[c] = products[r][c];
                    store_vector(partial(slice, r), sums);
                }
            }
            named_barrier(1, Shape::MATH);
            if (slice > 0) return;
#pragma unroll
            for (int from = 1; from < SLICES; ++from) {
#pragma unroll
                for (int r = 0; r < RUNS; ++r) {
                    auto sums = load_vector<float, 4>(partial(from, r));
#pragma unroll
                    for (int c = 0; c < 4; ++c) products[r][c] += sums.at[c];
                }
            }
        }
        Epilogue<f32> epilogue(p, tile.batch);
        epilogue.template write_all<4>(products, [&](int r) {
            int i = r / (TN / 4), j = r % (TN / 4);
            return longlong2{int64_t(tile.m) * M + row + i / 4 * 16 + i % 4, int64_t(tile.n) * N + column + j * 32};
        });
    }
}

}  // namespace tw
