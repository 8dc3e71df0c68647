// The product of f64 factors on Hopper's tensor cores (sm_90a).
//
// A thread of each of the first four warps, in turns, fills a ring of STAGES buffers with boxes of both factors, 16 deep, through the
// tensor memory accelerator; the other warps multiply, each WM x WN of the block's tile. While a warp multiplies one strip of 16 rows by its columns, the
// next strip's fragments are on the way, and the next step's columns beside it.
//
// How they read both factors from shared memory is in dmma_fragments.h.
//
// Where a tile is too small for all the warps, SLICES groups of them share it and take turns at the blocks of k; then a block
// computes one tile, adds the groups' sums in their order, and leaves.
#pragma once

#include "tilework/cluster.h"
#include "tilework/dependent.h"
#include "tilework/matmul/dmma_fragments.h"
#include "tilework/matmul/parts.h"
#include "tilework/matmul/schedule.h"
#include "tilework/matmul/turns.h"
#include "tilework/mbarrier.h"
#include "tilework/tma.h"

namespace tw {

// BLOCKS is how many a multiprocessor has room for.
template <int M_, int N_, int WM_, int WN_, int SLICES_, int BLOCKS_>
struct DmmaShape {
    static constexpr int M = M_, N = N_, WM = WM_, WN = WN_, SLICES = SLICES_, BLOCKS = BLOCKS_;
    static constexpr int K = 16;
    static constexpr int WARPS_N = N / WN;
    static constexpr int SLICE_THREADS = 32 * WARPS_N * (M / WM);
    static constexpr int MATH = SLICES * SLICE_THREADS;
    static constexpr int PRODUCERS = 128, LOADERS = PRODUCERS / 32;
    static constexpr int THREADS = PRODUCERS + MATH;
    // Of a thread that multiplies: with 40 of each of the others, as many as there are at launch.
    static constexpr int REGISTERS = BLOCKS == 1 ? 232 : 208;
    static_assert(MATH * BLOCKS == 256, "the registers are dealt out for this many");
    static constexpr uint32_t A_BYTES = M * K * 8;
    static constexpr uint32_t STAGE_BYTES = A_BYTES + N * K * 8;
    // As many stages as fit beside the alignment and the barriers.
    static constexpr int STAGES = turn_stages<SLICES, LOADERS>((227 * 1024 / BLOCKS - 2048) / STAGE_BYTES);
    static constexpr uint32_t BARRIERS = STAGES * STAGE_BYTES;
    static constexpr uint32_t SHARED_BYTES = 1024 + BARRIERS + 16 * STAGES;
    static_assert(SLICES == 1 || SLICES * M * N * 8 <= BARRIERS, "the sums of all slices fit where the stages were");
};

// d += a * b, 16 x 8, 8 deep.
__device__ __forceinline__ void dmma(double* d, const double* a, const double* b) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f64.f64.f64.f64 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+d"(d[0]), "+d"(d[1]), "+d"(d[2]), "+d"(d[3])
        : "d"(a[0]), "d"(a[1]), "d"(a[2]), "d"(a[3]), "d"(b[0]), "d"(b[1]));
}

// One thread of each loading warp: starts the copies of its blocks of k of the block's tiles. One alone is too slow for small tiles.
template <typename Shape, Major A, Major B>
__device__ __forceinline__ void dmma_load(uint32_t shared, const TensorMap& a, const TensorMap& b, const TwMatmul& p, uint32_t tiles,
                                          uint32_t depth, uint32_t loader) {
    constexpr int LOADERS = Shape::LOADERS;
    Turns<Shape::STAGES, LOADERS> ring(loader);
    TurnBlocks<Shape::M, Shape::N, LOADERS> blocks(p, tiles, depth, loader);
    wait_to_read(p.ahead);
    for (; blocks.any(); blocks.next(), ring.advance()) {
        int k = int(blocks.block) * Shape::K, m = int(blocks.tile.m) * Shape::M, n = int(blocks.tile.n) * Shape::N;
        int2 a_at = blocks.batch_of(p.a), b_at = blocks.batch_of(p.b);
        uint32_t arrived = shared + Shape::BARRIERS + 16 * ring.stage;
        mbarrier_wait(arrived + 8, ring.parity ^ 1);
        mbarrier_arrive_expect(arrived, Shape::STAGE_BYTES);
        uint32_t to = shared + ring.stage * Shape::STAGE_BYTES;
        if constexpr (A == K_MAJOR) {
            tma_load(to, a, arrived, k, m, a_at.x, a_at.y);
        } else {
#pragma unroll 1
            for (int i = 0; i < Shape::M / 16; ++i) tma_load(to + i * 2048, a, arrived, m + 16 * i, k, a_at.x, a_at.y);
        }
        to += Shape::A_BYTES;
        if constexpr (B == K_MAJOR) {
            tma_load(to, b, arrived, k, n, b_at.x, b_at.y);
        } else {
#pragma unroll 1
            for (int i = 0; i < Shape::N / 16; ++i) tma_load(to + i * 2048, b, arrived, n + 16 * i, k, b_at.x, b_at.y);
        }
    }
}

template <typename Shape, Major A, Major B>
__device__ __forceinline__ void dmma_matmul(const TensorMap& a, const TensorMap& b, const TwMatmul& p) {
    constexpr int M = Shape::M, N = Shape::N, TM = Shape::WM / 16, TN = Shape::WN / 8;
    extern __shared__ char dynamic_shared[];
    // The swizzle works on address bits, so the buffers begin at a multiple of its span.
    uint32_t shared = (shared_address(dynamic_shared) + 1023) & ~1023u;
    auto full = [&](uint32_t stage) { return shared + Shape::BARRIERS + 16 * stage; };
    auto empty = [&](uint32_t stage) { return full(stage) + 8; };
    // Equal in all threads of a warp, which the compiler cannot know of threadIdx.
    uint32_t warp = __shfl_sync(~0u, threadIdx.x / 32, 0), lane = threadIdx.x % 32;
    if (threadIdx.x == 0) {
        tma_prefetch(a);
        tma_prefetch(b);
        for (int stage = 0; stage < Shape::STAGES; ++stage) {
            mbarrier_init(full(stage), 1);
            mbarrier_init(empty(stage), Shape::SLICE_THREADS / 32);
        }
        mbarrier_init_fence();
    }
    __syncthreads();

    uint32_t tiles = p.tiles_m * p.tiles_n * p.batch[0] * p.batch[1] * parts_of(p);
    uint32_t depth = uint32_t((p.k + Shape::K - 1) / Shape::K);
    if (warp < Shape::PRODUCERS / 32) {
        registers_release<40>();
        if (elect_one()) dmma_load<Shape, A, B>(shared, a, b, p, tiles, depth, warp);
        return;
    }
    registers_acquire<Shape::REGISTERS>();
    constexpr int SLICES = Shape::SLICES;
    uint32_t slice = (warp - Shape::PRODUCERS / 32) / (Shape::SLICE_THREADS / 32);
    uint32_t in_slice = (warp - Shape::PRODUCERS / 32) % (Shape::SLICE_THREADS / 32);
    uint32_t row = in_slice / Shape::WARPS_N * Shape::WM, column = in_slice % Shape::WARPS_N * Shape::WN;
    uint32_t g = lane / 4, t = lane % 4;
    DmmaRows<A> rows(row, g, t);
    DmmaColumns<A, B> columns(column, g, t);
    double x[2][4], y[2][TN][2];
    auto fetch_b = [&](uint32_t stage, int step) {
#pragma unroll
        for (int j = 0; j < TN; ++j) columns.fetch(stage + Shape::A_BYTES, step, j, y[step][j]);
    };

    Turns<Shape::STAGES, SLICES> ring(slice);
    uint32_t stage = shared + slice * Shape::STAGE_BYTES;
    for (uint32_t index = blockIdx.x; index < tiles; index += gridDim.x) {
        Tile tile = tile_at(index, p.tiles_m, p.tiles_n, p.group);
        Part part = part_at(p, tile.batch, depth);
        // Blocks of k that this slice does.
        uint32_t turns = (part.end - part.begin + SLICES - 1 - slice) / SLICES;
        if (index == blockIdx.x) {
            wait_to_read(p.ahead);
            if (turns) mbarrier_wait(full(slice), 0);
            fetch_b(stage, 0);
            rows.fetch(stage, 0, 0, x[0]);
        }
        constexpr int RUNS = 2 * TM * TN;
        double d[TM][TN][4] = {};
#pragma unroll 1
        for (uint32_t turn = 0; turn < turns; ++turn) {
            uint32_t read = empty(ring.stage);
            ring.advance();
            bool more = turn + 1 < turns || index + gridDim.x < tiles;
#pragma unroll
            for (int step = 0; step < 2; ++step) {
                uint32_t next = stage;
                if (step == 1) {
                    // The next block's first elements come while this one's last are multiplied; after the last block, nothing does.
                    if (more) mbarrier_wait(full(ring.stage), ring.parity);
                    next = shared + ring.stage * Shape::STAGE_BYTES;
                }
                fetch_b(next, step ^ 1);
#pragma unroll
                for (int i = 0; i < TM; ++i) {
                    int strip = step * TM + i;
                    if (i + 1 < TM) {
                        rows.fetch(stage, step, i + 1, x[(strip + 1) % 2]);
                    } else {
                        rows.fetch(next, step ^ 1, 0, x[(strip + 1) % 2]);
                    }
#pragma unroll
                    for (int j = 0; j < TN; ++j) dmma(d[i][j], x[strip % 2], y[step][j]);
                }
                stage = next;
            }
            __syncwarp();
            if (lane == 0) mbarrier_arrive(read);
        }
        // Run r, two neighbouring columns: strip r / (2 TN), pair of instructions r / 4 mod TN / 2, the rows h, a pair of each.
        auto sum = [&](int r, int c) {
            auto at = columns.sum(r % 2, r / 2 % 2, c);
            return d[r / (2 * TN)][r / 4 % (TN / 2) * 2 + at.instruction][at.index];
        };
        auto place = [&](int r) {
            int i = r / (2 * TN), j = r / 4 % (TN / 2);
            return longlong2{int64_t(tile.m) * M + row + 16 * i + rows.line(r / 2 % 2),
                             int64_t(tile.n) * N + column + 16 * j + columns.pair_column(t, r % 2)};
        };
        wait_to_write(p.ahead);
        Epilogue<f64> epilogue = part_epilogue<f64>(p, part);
        // Each slice adds up and writes its share of the runs.
        constexpr int SHARE = RUNS / SLICES;
        static_assert(RUNS % SLICES == 0);
        double runs[SHARE][2];
        if constexpr (SLICES == 1) {
#pragma unroll
            for (int r = 0; r < RUNS; ++r) {
#pragma unroll
                for (int c = 0; c < 2; ++c) runs[r][c] = sum(r, c);
            }
        } else {
            auto partial = [&](int from, int r) {
                uint32_t at = (from * RUNS + r) * Shape::SLICE_THREADS + in_slice * 32 + lane;
                return reinterpret_cast<double*>(dynamic_shared + (shared - shared_address(dynamic_shared))) + at * 2;
            };
            named_barrier(1, Shape::MATH);
#pragma unroll
            for (int r = 0; r < RUNS; ++r) store_vector(partial(slice, r), Vector<double, 2>{sum(r, 0), sum(r, 1)});
            named_barrier(1, Shape::MATH);
#pragma unroll
            for (int r = 0; r < SHARE; ++r) {
#pragma unroll
                for (int from = 0; from < SLICES; ++from) {
                    auto pair = load_vector<double, 2>(partial(from, slice * SHARE + r));
#pragma unroll
                    for (int c = 0; c < 2; ++c) runs[r][c] = from == 0 ? pair.at[c] : runs[r][c] + pair.at[c];
                }
            }
        }
        uint32_t first = SLICES == 1 ? 0 : slice * SHARE;
        epilogue.template write_all<2>(runs, [&](int r) { return place(first + r); });
    }
}

}  // namespace tw
