// The product of f64 factors on Hopper's tensor cores (sm_90a).
//
// One thread of the first four warps fills a ring of STAGES buffers with boxes of both factors, 16 deep, through the tensor memory
// accelerator; eight warps multiply, each WM x WN of the block's tile. While a warp multiplies one strip of 16 rows by its columns, the
// next strip's fragments are on the way, and the next step's columns beside it.
//
// A line of a box is 128 bytes, with the accelerator's swizzle: 16 elements along k, or along m or n of one k (blocks of 16 follow one
// another). An instruction asks each thread for single elements, but it does not matter which k or which rows and columns of
// the tile its indices stand for, as long as both factors agree on k. So they are dealt out such that a thread reads pairs of
// neighbours, and that the eight threads that are served together meet eight different chunks of a line.
#pragma once

#include "tilework/cluster.h"
#include "tilework/dependent.h"
#include "tilework/matmul/epilogue.h"
#include "tilework/matmul/schedule.h"
#include "tilework/mbarrier.h"
#include "tilework/tma.h"
#include "tilework/wgmma_descriptor.h"

namespace tw {

template <int M_, int N_, int WM_, int WN_>
struct DmmaShape {
    static constexpr int M = M_, N = N_, WM = WM_, WN = WN_;
    static constexpr int K = 16;
    static constexpr int WARPS_N = N / WN;
    static constexpr int MATH = 32 * WARPS_N * (M / WM);
    static constexpr int PRODUCERS = 128;
    static_assert(MATH == 256, "the registers are dealt out for this many");
    static constexpr uint32_t A_BYTES = M * K * 8;
    static constexpr uint32_t STAGE_BYTES = A_BYTES + N * K * 8;
    // As many stages as fit beside the alignment and the barriers.
    static constexpr int STAGES = int((227 * 1024 - 2048) / STAGE_BYTES);
    static constexpr uint32_t BARRIERS = STAGES * STAGE_BYTES;
    static constexpr uint32_t SHARED_BYTES = 1024 + BARRIERS + 16 * STAGES;
};

// d += a * b, 16 x 8, 8 deep.
__device__ __forceinline__ void dmma(double* d, const double* a, const double* b) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f64.f64.f64.f64 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+d"(d[0]), "+d"(d[1]), "+d"(d[2]), "+d"(d[3])
        : "d"(a[0]), "d"(a[1]), "d"(a[2]), "d"(a[3]), "d"(b[0]), "d"(b[1]));
}

__device__ __forceinline__ Vector<double, 2> load_shared_pair(uint32_t at) {
    Vector<double, 2> x;
    asm volatile("ld.shared.v2.f64 {%0, %1}, [%2];" : "=d"(x.at[0]), "=d"(x.at[1]) : "r"(at) : "memory");
    return x;
}

// Where a thread, g = lane / 4 and t = lane mod 4, finds its elements of a factor. K_MAJOR: pairs along k of the lines `line` (and others
// at fixed distances); MN_MAJOR: pairs of lines of one k. The k of an instruction's slots t and t + 4 are 2 t and 2 t + 1.
template <Major MAJOR>
struct DmmaPlace {
    // Of the two loads that make a step of 8 of k: K_MAJOR of step 0 and 1, MN_MAJOR of the even and the odd k.
    uint32_t offset[2];

    __device__ __forceinline__ DmmaPlace(uint32_t first, uint32_t line, uint32_t g, uint32_t t) {
#pragma unroll
        for (uint32_t i = 0; i < 2; ++i) {
            offset[i] = MAJOR == K_MAJOR ? (first + line) * 128 + (((t + 4 * i) ^ (line & 7)) << 4)
                                         : first / 16 * 2048 + (2 * t + i) * 128 + ((g ^ (2 * t + i)) << 4);
        }
    }
};

// One thread: starts the copies of all blocks of k of the block's tiles.
template <typename Shape, Major A, Major B>
__device__ __forceinline__ void dmma_load(uint32_t shared, const TensorMap& a, const TensorMap& b, const TwMatmul& p, uint32_t tiles,
                                          uint32_t depth) {
    RingPosition<Shape::STAGES> ring;
    for (uint32_t index = blockIdx.x; index < tiles; index += gridDim.x) {
        Tile tile = tile_at(index, p.tiles_m, p.tiles_n, p.group);
        int m = int(tile.m) * Shape::M, n = int(tile.n) * Shape::N;
        int outer = int(tile.batch / p.batch[1]), inner = int(tile.batch % p.batch[1]);
        int a_outer = p.a.batch[0] ? outer : 0, a_inner = p.a.batch[1] ? inner : 0;
        int b_outer = p.b.batch[0] ? outer : 0, b_inner = p.b.batch[1] ? inner : 0;
        for (uint32_t block = 0; block < depth; ++block, ring.advance()) {
            int k = int(block) * Shape::K;
            uint32_t arrived = shared + Shape::BARRIERS + 16 * ring.stage;
            mbarrier_wait(arrived + 8, ring.parity ^ 1);
            mbarrier_arrive_expect(arrived, Shape::STAGE_BYTES);
            uint32_t to = shared + ring.stage * Shape::STAGE_BYTES;
            if constexpr (A == K_MAJOR) {
                tma_load(to, a, arrived, k, m, a_inner, a_outer);
            } else {
#pragma unroll 1
                for (int i = 0; i < Shape::M / 16; ++i) tma_load(to + i * 2048, a, arrived, m + 16 * i, k, a_inner, a_outer);
            }
            to += Shape::A_BYTES;
            if constexpr (B == K_MAJOR) {
                tma_load(to, b, arrived, k, n, b_inner, b_outer);
            } else {
#pragma unroll 1
                for (int i = 0; i < Shape::N / 16; ++i) tma_load(to + i * 2048, b, arrived, n + 16 * i, k, b_inner, b_outer);
            }
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
            mbarrier_init(empty(stage), Shape::MATH / 32);
        }
        mbarrier_init_fence();
    }
    __syncthreads();
    wait_for_previous_kernel();

    uint32_t tiles = p.tiles_m * p.tiles_n * p.batch[0] * p.batch[1];
    uint32_t depth = uint32_t((p.k + Shape::K - 1) / Shape::K);
    if (warp < Shape::PRODUCERS / 32) {
        registers_release<40>();
        if (threadIdx.x == 0) dmma_load<Shape, A, B>(shared, a, b, p, tiles, depth);
        return;
    }
    registers_acquire<232>();
    uint32_t thread = threadIdx.x - Shape::PRODUCERS;
    uint32_t row = thread / 32 / Shape::WARPS_N * Shape::WM, column = thread / 32 % Shape::WARPS_N * Shape::WN;
    uint32_t g = lane / 4, t = lane % 4;
    // The row that index g of an instruction stands for (and g + 8: K_MAJOR 8 rows on, MN_MAJOR the next).
    uint32_t a_line = A == K_MAJOR ? g >> 1 | (g & 1) << 2 : 2 * g;
    // Columns go by pairs of instructions: index i of the first stands for column 2 s, of the second for 2 s + 1.
    auto b_pair = [](uint32_t i) { return B == K_MAJOR ? (i & 4) | (i & 1) << 1 | (i >> 1 & 1) : i; };
    DmmaPlace<A> a_place(row, a_line, g, t);
    DmmaPlace<B> b_even(column, 2 * b_pair(g), g, t), b_odd(column, 2 * b_pair(g) + 1, g, t);
    double x[2][4], y[2][TN][2];
    auto fetch_a = [&](uint32_t stage, int step, int i, double (&to)[4]) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            auto pair = A == K_MAJOR ? load_shared_pair(stage + a_place.offset[step] + (16 * i + 8 * h) * 128)
                                     : load_shared_pair(stage + a_place.offset[h] + i * 2048 + step * 1024);
            // Slots: row g then row g + 8 of the first k, then of the second.
#pragma unroll
            for (int c = 0; c < 2; ++c) to[A == K_MAJOR ? 2 * c + h : 2 * h + c] = pair.at[c];
        }
    };
    auto fetch_b = [&](uint32_t stage, int step, double (&to)[TN][2]) {
        stage += Shape::A_BYTES;
#pragma unroll
        for (int j = 0; j < TN; j += 2) {
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                auto pair = B == K_MAJOR ? load_shared_pair(stage + (h ? b_odd : b_even).offset[step] + j * 1024)
                                         : load_shared_pair(stage + b_even.offset[h] + j * 1024 + step * 1024);
#pragma unroll
                for (int c = 0; c < 2; ++c) to[B == K_MAJOR ? j + h : j + c][B == K_MAJOR ? c : h] = pair.at[c];
            }
        }
    };

    // Blocks of k that this block still has to do.
    uint64_t left = uint64_t((tiles - blockIdx.x + gridDim.x - 1) / gridDim.x) * depth;
    RingPosition<Shape::STAGES> ring;
    uint32_t stage = shared;
    mbarrier_wait(full(0), 0);
    fetch_b(stage, 0, y[0]);
    fetch_a(stage, 0, 0, x[0]);
    for (uint32_t index = blockIdx.x; index < tiles; index += gridDim.x) {
        // Run r: strip r / (2 TN), pair of columns r / 4 mod TN / 2, row g or g + 8, index 2 t or 2 t + 1.
        constexpr int RUNS = 2 * TM * TN;
        double d[TM][TN][4] = {};
#pragma unroll 1
        for (uint32_t block = 0; block < depth; ++block) {
            uint32_t read = empty(ring.stage);
            ring.advance();
            --left;
#pragma unroll
            for (int step = 0; step < 2; ++step) {
                uint32_t next = stage;
                if (step == 1) {
                    // The next block's first elements come while this one's last are multiplied; after the last block, nothing does.
                    if (left) mbarrier_wait(full(ring.stage), ring.parity);
                    next = shared + ring.stage * Shape::STAGE_BYTES;
                }
                fetch_b(next, step ^ 1, y[step ^ 1]);
#pragma unroll
                for (int i = 0; i < TM; ++i) {
                    if (i + 1 < TM) {
                        fetch_a(stage, step, i + 1, x[(i + 1) % 2]);
                    } else {
                        fetch_a(next, step ^ 1, 0, x[0]);
                    }
#pragma unroll
                    for (int j = 0; j < TN; ++j) dmma(d[i][j], x[i % 2], y[step][j]);
                }
                stage = next;
            }
            __syncwarp();
            if (lane == 0) mbarrier_arrive(read);
        }
        double runs[RUNS][2];
#pragma unroll
        for (int r = 0; r < RUNS; ++r) {
#pragma unroll
            for (int c = 0; c < 2; ++c) runs[r][c] = d[r / (2 * TN)][r / 4 % (TN / 2) * 2 + c][r % 4];
        }
        Tile tile = tile_at(index, p.tiles_m, p.tiles_n, p.group);
        Epilogue<f64> epilogue(p, tile.batch);
        epilogue.template write_all<2>(runs, [&](int r) {
            int i = r / (2 * TN), j = r / 4 % (TN / 2) * 2, h = r / 2 % 2, c = r % 2;
            uint32_t line = a_line + (A == K_MAJOR ? 8 * h : h);
            return longlong2{int64_t(tile.m) * M + row + 16 * i + line, int64_t(tile.n) * N + column + 8 * j + 2 * b_pair(2 * t + c)};
        });
    }
}

}  // namespace tw
