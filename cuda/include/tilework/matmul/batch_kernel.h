// Batches of f32 products of at most 64 rows, columns and depth, by fused multiply-adds on Hopper (sm_90a).
//
// Reading such matrices takes about as long as multiplying them, so both have to go on all the time. Each of four warps, one for each
// scheduler of a multiprocessor, computes whole products by itself, 8 x 16 sums a lane, and waits for nobody but the copies of its own
// factors: a warp that loads fills a ring of STAGES buffers for it, 16 deep, and is ahead in the next product while this one is
// multiplied and written. Factors are read as they lie: the tensor memory accelerator leaves lines of 16 k of one that runs along k,
// with a swizzle of 64 bytes, and lines of 64 rows or columns of another.
//
// The order of the multiply-adds is that of tilework/matmul/simt_ring_kernel.h: of the three registers that each reads, one is what the
// instruction before has read. Warps that run each for itself fetch the loop each for itself, so it has to be short.
#pragma once

#include "tilework/cluster.h"
#include "tilework/dependent.h"
#include "tilework/matmul/epilogue.h"
#include "tilework/mbarrier.h"
#include "tilework/shared_vector.h"
#include "tilework/tma.h"
#include "tilework/wgmma_descriptor.h"

namespace tw {

template <Major A_, Major B_>
struct BatchShape {
    static constexpr Major A = A_, B = B_;
    // The most rows, columns and depth, and the depth of a stage and of what is unrolled.
    static constexpr int SIDE = 64, K = 16, UNROLLED = 8;
    static constexpr int STAGES = 3;
    // Warps that multiply, and as many that load.
    static constexpr int WARPS = 4;
    static constexpr int THREADS = 2 * 32 * WARPS;
    static constexpr uint32_t FACTOR_BYTES = SIDE * K * 4;
    static constexpr uint32_t STAGE_BYTES = 2 * FACTOR_BYTES;
    static constexpr uint32_t BARRIERS = WARPS * STAGES * STAGE_BYTES;
};

// The part of the block's shared memory that is one warp's.
template <class Shape>
struct BatchRing {
    uint32_t shared, warp;

    __device__ __forceinline__ uint32_t stage(uint32_t i) const { return shared + (warp * Shape::STAGES + i) * Shape::STAGE_BYTES; }
    __device__ __forceinline__ uint32_t full(uint32_t i) const { return shared + Shape::BARRIERS + (warp * Shape::STAGES + i) * 16; }
    __device__ __forceinline__ uint32_t empty(uint32_t i) const { return full(i) + 8; }

    // The products of the warp are every so many from this one on.
    __device__ __forceinline__ uint32_t first() const { return warp * gridDim.x + blockIdx.x; }
    __device__ __forceinline__ uint32_t next(uint32_t index) const { return index + Shape::WARPS * gridDim.x; }
};

// One thread: starts the copies of the products of a warp.
template <class Shape>
__device__ __forceinline__ void batch_load(const BatchRing<Shape>& buffers, const TensorMap& a, const TensorMap& b, const TwMatmul& p,
                                           uint32_t products, uint32_t depth) {
    RingPosition<Shape::STAGES> ring;
    wait_to_read(p.ahead);
    for (uint32_t index = buffers.first(); index < products; index = buffers.next(index)) {
        int outer = int(index / p.batch[1]), inner = int(index % p.batch[1]);
        // An axis that is broadcast has one matrix.
        int a_outer = p.a.batch[0] ? outer : 0, a_inner = p.a.batch[1] ? inner : 0;
        int b_outer = p.b.batch[0] ? outer : 0, b_inner = p.b.batch[1] ? inner : 0;
#pragma unroll 1
        for (uint32_t block = 0; block < depth; ++block, ring.advance()) {
            int k = int(block) * Shape::K;
            uint32_t full = buffers.full(ring.stage), to = buffers.stage(ring.stage);
            mbarrier_wait(buffers.empty(ring.stage), ring.parity ^ 1);
            mbarrier_arrive_expect(full, Shape::STAGE_BYTES);
            tma_load(to, a, full, Shape::A == K_MAJOR ? k : 0, Shape::A == K_MAJOR ? 0 : k, a_inner, a_outer);
            tma_load(to + Shape::FACTOR_BYTES, b, full, Shape::B == K_MAJOR ? k : 0, Shape::B == K_MAJOR ? 0 : k, b_inner, b_outer);
        }
    }
}

// How a lane finds its elements of a stage. Of 8 x 4 lanes, the one at (g, t) has eight rows and four groups of four columns.
template <class Shape>
struct BatchLane {
    static constexpr int ROWS = 8, GROUPS = 4;
    // What is read along k at a time.
    static constexpr int STEP = 2;
    uint32_t g, t;
    uint32_t a_place, b_place;

    __device__ __forceinline__ explicit BatchLane(uint32_t lane) : g(lane % 8), t(lane / 8) {
        // Chunk c of line l of 64 bytes lies at c ^ (l / 2 mod 4).
        a_place = Shape::A == K_MAJOR ? g * 64 + (g / 2 % 4) * 16 : g * 16;
        b_place = Shape::FACTOR_BYTES + (Shape::B == K_MAJOR ? t * 256 + t % 2 * 32 : t * 16);
    }

    // Row i: along k, lanes have neighbouring lines, along m neighbouring runs of four, so that they meet no bank twice.
    __device__ __forceinline__ uint32_t row(int i) const { return Shape::A == K_MAJOR ? 8 * i + g : i / 4 * 32 + 4 * g + i % 4; }
    // The first column of group q.
    __device__ __forceinline__ uint32_t column(int q) const { return 16 * q + 4 * t; }

    // Its rows at the k of step `step` of those unrolled, which are number `piece` of the stage.
    __device__ __forceinline__ void fetch_a(uint32_t stage, uint32_t piece, int step, float (&x)[STEP][ROWS]) const {
        if constexpr (Shape::A == K_MAJOR) {
            uint32_t chunk = piece * (Shape::UNROLLED / 4) ^ uint32_t(step * STEP / 4);
            uint32_t from = stage + (a_place ^ chunk * 16) + step * STEP % 4 * 4;
#pragma unroll
            for (int i = 0; i < ROWS; ++i) {
                auto two = load_shared_two(from + i * 512);
                x[0][i] = two.at[0], x[1][i] = two.at[1];
            }
        } else {
            uint32_t from = stage + a_place + piece * (Shape::UNROLLED * 256) + step * STEP * 256;
#pragma unroll
            for (int k = 0; k < STEP; ++k) {
#pragma unroll
                for (int i = 0; i < ROWS; i += 4) {
                    auto four = load_shared_four(from + k * 256 + i * 32);
#pragma unroll
                    for (int c = 0; c < 4; ++c) x[k][i + c] = four.at[c];
                }
            }
        }
    }

    // Its columns of group q there.
    __device__ __forceinline__ void fetch_b(uint32_t stage, uint32_t piece, int step, int q, float (&y)[STEP][4]) const {
        if constexpr (Shape::B == K_MAJOR) {
#pragma unroll
            for (int c = 0; c < 4; ++c) {
                uint32_t chunk = piece * (Shape::UNROLLED / 4) ^ uint32_t(step * STEP / 4 ^ c / 2);
                auto two = load_shared_two(stage + (b_place ^ chunk * 16) + step * STEP % 4 * 4 + c * 64 + q * 1024);
                y[0][c] = two.at[0], y[1][c] = two.at[1];
            }
        } else {
            uint32_t from = stage + b_place + piece * (Shape::UNROLLED * 256) + step * STEP * 256;
#pragma unroll
            for (int k = 0; k < STEP; ++k) {
                auto four = load_shared_four(from + k * 256 + q * 64);
#pragma unroll
                for (int c = 0; c < 4; ++c) y[k][c] = four.at[c];
            }
        }
    }
};

// Writes a lane's sums of product `index`; run r is row r / GROUPS of the lane's, group r mod GROUPS.
template <class Lane, int RUNS>
__device__ __forceinline__ void batch_write(const TwMatmul& p, uint32_t index, const Lane& lane, const float (&sums)[RUNS][4]) {
    constexpr int GROUPS = Lane::GROUPS;
    Epilogue<f32> epilogue(p, index);
    if (!epilogue.template is_plain<4>()) {
        epilogue.template write_all<4>(sums, [&](int r) { return longlong2{lane.row(r / GROUPS), lane.column(r % GROUPS)}; });
        return;
    }
    // An address for each row, not for each run.
#pragma unroll
    for (int i = 0; i < RUNS / GROUPS; ++i) {
        if (lane.row(i) >= p.m) continue;
        float* to = epilogue.out.at(lane.row(i), lane.column(0));
#pragma unroll
        for (int q = 0; q < GROUPS; ++q) {
            Vector<float, 4> run;
#pragma unroll
            for (int c = 0; c < 4; ++c) run.at[c] = sums[i * GROUPS + q][c];
            if (lane.column(q) < p.n) store_vector(to + 16 * q, run);
        }
    }
}

template <class Shape>
__device__ __forceinline__ void batch_matmul(const TensorMap& a, const TensorMap& b, const TwMatmul& p) {
    using Lane = BatchLane<Shape>;
    constexpr int ROWS = Lane::ROWS, GROUPS = Lane::GROUPS, STEP = Lane::STEP;
    constexpr int STEPS = Shape::UNROLLED / STEP, PIECES = Shape::K / Shape::UNROLLED;
    extern __shared__ char dynamic_shared[];
    // The swizzle works on address bits, so the buffers begin at a multiple of its span.
    uint32_t shared = (shared_address(dynamic_shared) + 1023) & ~1023u;
    // Equal in all threads of a warp, which the compiler cannot know of threadIdx.
    uint32_t warp = __shfl_sync(~0u, threadIdx.x / 32, 0), lane = threadIdx.x % 32;
    BatchRing<Shape> buffers = {shared, warp % Shape::WARPS};
    if (threadIdx.x == 0) {
        tma_prefetch(a);
        tma_prefetch(b);
    }
    if (warp < Shape::WARPS && lane < Shape::STAGES) {
        mbarrier_init(buffers.full(lane), 1);
        // Every lane that reads arrives for itself: racecheck does not follow one that arrives for its warp.
        mbarrier_init(buffers.empty(lane), 32);
        mbarrier_init_fence();
    }
    __syncthreads();
    uint32_t products = p.batch[0] * p.batch[1], depth = uint32_t((p.k + Shape::K - 1) / Shape::K);
    if (warp >= Shape::WARPS) {
        registers_release<40>();
        if (elect_one()) batch_load(buffers, a, b, p, products, depth);
        return;
    }
    registers_acquire<216>();

    uint32_t first = buffers.first(), stage = buffers.stage(0);
    if (first >= products) return;
    wait_to_read(p.ahead);
    mbarrier_wait(buffers.full(0), 0);
    Lane of(lane);
    float x[2][STEP][ROWS], y[2][STEP][4];
    of.fetch_a(stage, 0, 0, x[0]);
    of.fetch_b(stage, 0, 0, 0, y[0]);
    RingPosition<Shape::STAGES> ring;
    for (uint32_t index = first; index < products; index = buffers.next(index)) {
        float sums[ROWS * GROUPS][4];
#pragma unroll
        for (int r = 0; r < ROWS * GROUPS; ++r) {
#pragma unroll
            for (int c = 0; c < 4; ++c) sums[r][c] = 0;
        }
#pragma unroll 1
        for (uint32_t block = 0; block < depth; ++block) {
            uint32_t empty = buffers.empty(ring.stage), next = stage;
            ring.advance();
            bool more = block + 1 < depth || buffers.next(index) < products;
#pragma unroll 1
            for (uint32_t piece = 0; piece < PIECES; ++piece) {
                uint32_t next_piece = piece;
#pragma unroll
                for (int step = 0; step < STEPS; ++step) {
                    if (step + 1 == STEPS) {
                        next_piece = (piece + 1) % PIECES;
                        if (next_piece == 0) {
                            // The next stage's first elements come while this one's last are multiplied; after the last, nothing does.
                            if (more) mbarrier_wait(buffers.full(ring.stage), ring.parity);
                            next = buffers.stage(ring.stage);
                        }
                    }
                    of.fetch_a(next, next_piece, (step + 1) % STEPS, x[(step + 1) % 2]);
#pragma unroll
                    for (int q = 0; q < GROUPS; ++q) {
                        if (q + 1 < GROUPS) {
                            of.fetch_b(stage, piece, step, q + 1, y[(q + 1) % 2]);
                        } else {
                            of.fetch_b(next, next_piece, (step + 1) % STEPS, 0, y[(q + 1) % 2]);
                        }
#pragma unroll
                        for (int k = 0; k < STEP; ++k) {
#pragma unroll
                            for (int c = 0; c < 4; ++c) {
#pragma unroll
                                for (int turn = 0; turn < ROWS; ++turn) {
                                    int i = c % 2 ? ROWS - 1 - turn : turn;
                                    float& sum = sums[i * GROUPS + q][c];
                                    asm volatile("fma.rn.f32 %0, %1, %2, %0;" : "+f"(sum) : "f"(x[step % 2][k][i]), "f"(y[q % 2][k][c]));
                                }
                            }
                        }
                    }
                }
            }
            stage = next;
            mbarrier_arrive(empty);
        }
        wait_to_write(p.ahead);
        batch_write(p, index, of, sums);
    }
}

}  // namespace tw
