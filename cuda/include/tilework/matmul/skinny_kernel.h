// The product of a few rows with a matrix (sm_90a): what counts is that the matrix, the weights, comes from memory at full speed.
//
// A block owns 128 columns. The blocks of a cluster share k: they take turns at its stages of 128 bytes, so that what they read at a
// time lies together. The tensor memory accelerator fills a ring of stages ahead of the arithmetic; a thread of those that read a
// stage refills it as soon as all of them have. The weights are the wide factor of the tensor cores' product and the few rows its
// narrow one, so hardly anything is multiplied for nothing: four warps have 32 columns each. Exact f32 has no tensor cores: there each
// of eight warps has all columns, four a lane, at every eighth group of four k. For sixteen rows that reads too much from shared
// memory, so a lane has eight of 64 columns, and two warps a stage. (8-bit floats: skinny_fp8.h.)
//
// At the end each block sends every other one of its cluster the sums that it is to finish. They are added in order of rank, so
// the result is the same in every run.
#pragma once

#include "tilework/cluster.h"
#include "tilework/dependent.h"
#include "tilework/matmul/epilogue.h"
#include "tilework/mbarrier.h"
#include "tilework/mma.h"
#include "tilework/tma.h"
#include "tilework/wgmma_descriptor.h"

namespace tw {

// Bytes of an element of the factors.
template <typename T>
constexpr int SKINNY_BYTES = sizeof(T);

// N columns of weights, 128 or 64.
template <typename T, int ROWS, int N_ = 128>
struct SkinnyShape {
    static constexpr bool IS_F32 = SKINNY_BYTES<T> == 4;
    static constexpr int N = N_;
    // What is in flight on a multiprocessor should be some 80 KiB: more is slower.
    static constexpr int STAGES = (ROWS <= 16 ? 5 : 4) * (128 / N);
    // Elements along k of a stage.
    static constexpr int K = 128 / SKINNY_BYTES<T>;
    // Warps with tensor cores share the columns of a stage, f32 ones its depth. Two are enough for 64 columns, and take turns with the others.
    static constexpr int WARPS = IS_F32 && N == 128 ? 8 : 4;
    static constexpr int TURNS = IS_F32 && N == 64 ? 2 : 1;
    static constexpr int READERS = WARPS / TURNS;
    static constexpr int THREADS = 32 * WARPS;
    static constexpr uint32_t WEIGHT_BYTES = N * 128;
    static constexpr uint32_t STAGE_BYTES = WEIGHT_BYTES + (ROWS + 7) / 8 * 1024;
    // A row of sums; the padding spreads writers over the banks.
    static constexpr int PITCH = N + 4;
    static constexpr uint32_t RECEIVED = STAGES * STAGE_BYTES;
    static constexpr uint32_t BARRIERS = RECEIVED + ROWS * N * 4 + 8 * 16;
    static constexpr uint32_t SHARED_BYTES = 1024 + BARRIERS + 16 * STAGES + 16;
    static_assert((IS_F32 ? WARPS : 1) * ROWS * PITCH * 4 <= STAGES * STAGE_BYTES, "the sums fit where the ring was");
    static_assert(STAGES % TURNS == 0, "a stage has the same readers in every round");
};

__device__ __forceinline__ float4 load_shared(uint32_t at) {
    float4 x;
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(x.x), "=f"(x.y), "=f"(x.z), "=f"(x.w) : "r"(at));
    return x;
}

// The 16 bytes of 8 elements from (l, k) on; a row of 128 bytes runs along k, or along l in blocks of 64.
__device__ __forceinline__ uint32_t skinny_chunk(Major major, uint32_t l, uint32_t k) {
    return major == K_MAJOR ? l * 128 + (((k / 8) ^ (l & 7)) << 4) : l / 64 * 8192 + k * 128 + (((l % 64 / 8) ^ (k & 7)) << 4);
}

// The sums of a warp of 16-bit products: 32 columns, as two tiles of 16, by ROWS rows.
template <typename T, Major W, int ROWS, int N = 128>
struct SkinnySums {
    static constexpr int COUNT = ROWS / 8;
    float d[2][COUNT][4] = {};

    __device__ __forceinline__ void add(uint32_t stage, uint32_t part, uint32_t lane) {
        uint32_t rows = stage + 128 * 128;
#pragma unroll
        for (int k = 0; k < 64; k += 32) {
            uint32_t x[COUNT][4], w[2][2][4];
#pragma unroll
            for (int j = 0; j < COUNT; ++j) load_matrices<false>(x[j], rows + skinny_chunk(K_MAJOR, 8 * j + lane % 8, k + lane / 8 * 8));
#pragma unroll
            for (int i = 0; i < 2; ++i) {
#pragma unroll
                for (int h = 0; h < 2; ++h) {
                    uint32_t n = part * 32 + 16 * i;
                    uint32_t at = W == K_MAJOR ? skinny_chunk(W, n + lane % 16, k + 16 * h + lane / 16 * 8)
                                               : skinny_chunk(W, n + lane / 8 % 2 * 8, k + 16 * h + lane % 8 + lane / 16 * 8);
                    load_matrices<W == MN_MAJOR>(w[i][h], stage + at);
                }
            }
#pragma unroll
            for (int h = 0; h < 2; ++h) {
#pragma unroll
                for (int i = 0; i < 2; ++i) {
#pragma unroll
                    for (int j = 0; j < COUNT; ++j) mma<T>(d[i][j], w[i][h], x[j][2 * h], x[j][2 * h + 1]);
                }
            }
        }
    }

    template <int PITCH>
    __device__ __forceinline__ void store(float* to, uint32_t part, uint32_t lane) const {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
#pragma unroll
            for (int j = 0; j < COUNT; ++j) {
#pragma unroll
                for (int r = 0; r < 4; ++r) {
                    to[(8 * j + lane % 4 * 2 + r % 2) * PITCH + part * 32 + 16 * i + lane / 4 + 8 * (r / 2)] = d[i][j][r];
                }
            }
        }
    }
};

// A row's products of four k with some columns: w[i][k] is of column i.
template <int COLUMNS>
__device__ __forceinline__ void skinny_multiply(float (&sums)[COLUMNS], const float (&w)[COLUMNS][4], float4 x) {
#pragma unroll
    for (int i = 0; i < COLUMNS; ++i) sums[i] = ::fma(w[i][0], x.x, sums[i]);
#pragma unroll
    for (int i = 0; i < COLUMNS; ++i) sums[i] = ::fma(w[i][1], x.y, sums[i]);
#pragma unroll
    for (int i = 0; i < COLUMNS; ++i) sums[i] = ::fma(w[i][2], x.z, sums[i]);
#pragma unroll
    for (int i = 0; i < COLUMNS; ++i) sums[i] = ::fma(w[i][3], x.w, sums[i]);
}

// Those of f32: 128 columns, four a lane, by ROWS rows, at four k of each stage.
template <Major W, int ROWS>
struct SkinnySums<float, W, ROWS, 128> {
    float sums[ROWS][4] = {};

    __device__ __forceinline__ void add(uint32_t stage, uint32_t part, uint32_t lane) {
        // w[i][k]: column i of the lane's four.
        float w[4][4];
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            if constexpr (W == K_MAJOR) {
                float4 x = load_shared(stage + (lane + 32 * i) * 128 + ((part ^ (lane & 7)) << 4));
                w[i][0] = x.x, w[i][1] = x.y, w[i][2] = x.z, w[i][3] = x.w;
            } else {
                uint32_t k = 4 * part + i;
                float4 x = load_shared(stage + lane / 8 * 4096 + k * 128 + (((lane & 7) ^ (k & 7)) << 4));
                w[0][i] = x.x, w[1][i] = x.y, w[2][i] = x.z, w[3][i] = x.w;
            }
        }
#pragma unroll
        for (int m = 0; m < ROWS; ++m) {
            float4 x = load_shared(stage + 128 * 128 + m * 128 + ((part ^ (m & 7)) << 4));
            skinny_multiply(sums[m], w, x);
        }
    }

    template <int PITCH>
    __device__ __forceinline__ void store(float* to, uint32_t warp, uint32_t lane) const {
        to += warp * (ROWS * PITCH);
#pragma unroll
        for (int m = 0; m < ROWS; ++m) {
#pragma unroll
            for (int i = 0; i < 4; ++i) to[m * PITCH + (W == K_MAJOR ? lane + 32 * i : 4 * lane + i)] = sums[m][i];
        }
    }
};

// Those of f32 for sixteen rows: 64 columns, eight a lane. The four lanes of the same columns have four k each of every stage.
template <Major W>
struct SkinnySums<float, W, 16, 64> {
    float sums[16][8] = {};

    __device__ __forceinline__ void add(uint32_t stage, uint32_t part, uint32_t lane) {
        uint32_t octet = lane % 8, group = 4 * part + lane / 8;
        // w[i][k]: column i of the lane's eight.
        float w[8][4];
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            if constexpr (W == K_MAJOR) {
                float4 x = load_shared(stage + (octet + 8 * i) * 128 + ((group ^ octet) << 4));
                w[i][0] = x.x, w[i][1] = x.y, w[i][2] = x.z, w[i][3] = x.w;
            } else {
                uint32_t k = 4 * group + i % 4;
                float4 x = load_shared(stage + i / 4 * 4096 + k * 128 + ((octet ^ (k & 7)) << 4));
                int first = i / 4 * 4;
                w[first][i % 4] = x.x, w[first + 1][i % 4] = x.y, w[first + 2][i % 4] = x.z, w[first + 3][i % 4] = x.w;
            }
        }
#pragma unroll
        for (int m = 0; m < 16; ++m) {
            float4 x = load_shared(stage + 64 * 128 + m * 128 + ((group ^ (m & 7)) << 4));
            skinny_multiply(sums[m], w, x);
        }
    }

    // Of two lanes each gives the other the rows that it does not keep.
    template <int KEPT>
    __device__ __forceinline__ void share(uint32_t lane, uint32_t other) {
        bool upper = lane & other;
#pragma unroll
        for (int m = 0; m < KEPT; ++m) {
#pragma unroll
            for (int i = 0; i < 8; ++i) {
                float given = upper ? sums[m][i] : sums[m + KEPT][i], kept = upper ? sums[m + KEPT][i] : sums[m][i];
                sums[m][i] = kept + __shfl_xor_sync(~0u, given, other);
            }
        }
    }

    template <int PITCH>
    __device__ __forceinline__ void store(float* to, uint32_t warp, uint32_t lane) {
        share<8>(lane, 16);
        share<4>(lane, 8);
        to += (warp * 16 + lane / 16 * 8 + lane / 8 % 2 * 4) * PITCH;
        uint32_t octet = lane % 8;
#pragma unroll
        for (int m = 0; m < 4; ++m) {
#pragma unroll
            for (int i = 0; i < 8; ++i) {
                to[m * PITCH + (W == K_MAJOR ? octet + 8 * i : i / 4 * 32 + 4 * octet + i % 4)] = sums[m][i];
            }
        }
    }
};

// Finishes sums by the epilogue.
template <typename T>
struct SkinnyFinish {
    using Out = T;

    __device__ __forceinline__ void begin() {}

    __device__ __forceinline__ void write(const Epilogue<T>& epilogue, int64_t i, int64_t j, const float (&sums)[4]) const {
        epilogue.write(i, j, sums);
    }
};

// `finish` is told when memory can be read, and writes sums of four columns.
template <typename T, Major W, int ROWS, int N, class Finish>
__device__ __forceinline__ void skinny_matmul(const TensorMap& weights, const TensorMap& rows, const TwMatmul& p, Finish finish) {
    using Shape = SkinnyShape<T, ROWS, N>;
    constexpr int STAGES = Shape::STAGES, WARPS = Shape::WARPS, TURNS = Shape::TURNS, READERS = Shape::READERS, PITCH = Shape::PITCH;
    extern __shared__ char dynamic_shared[];
    // What a shuffle has brought the compiler keeps; else it would find the place and the lane anew for each stage, which takes 20 clocks.
    uint32_t shared = __shfl_sync(~0u, (shared_address(dynamic_shared) + 1023) & ~1023u, 0);
    auto full = [&](uint32_t stage) { return shared + Shape::BARRIERS + 16 * stage; };
    auto empty = [&](uint32_t stage) { return shared + Shape::BARRIERS + 16 * stage + 8; };
    uint32_t received = shared + Shape::BARRIERS + 16 * STAGES;
    uint32_t lane = __shfl_sync(~0u, threadIdx.x % 32, threadIdx.x % 32), warp = __shfl_sync(~0u, threadIdx.x / 32, 0);
    uint32_t rank = cluster_rank(), cluster = cluster_size();
    uint32_t index = blockIdx.x / cluster;
    uint32_t batch = index / p.tiles_n;
    int64_t first = int64_t(index % p.tiles_n) * N;

    // Groups of four columns that this block finishes, of all that the cluster computes.
    uint32_t groups = uint32_t(p.m) * (N / 4);
    uint32_t share = (groups + cluster - 1) / cluster;
    uint32_t mine = groups > rank * share ? min(share, groups - rank * share) : 0;
    uint32_t depth = uint32_t((p.k + Shape::K - 1) / Shape::K);
    uint32_t count = depth > rank ? (depth - rank + cluster - 1) / cluster : 0;

    if (threadIdx.x == 0) {
        tma_prefetch(weights);
        tma_prefetch(rows);
        for (int stage = 0; stage < STAGES; ++stage) {
            mbarrier_init(full(stage), 1);
            mbarrier_init(empty(stage), Shape::READERS);
        }
        mbarrier_init(received, 1);
        mbarrier_init_fence();
        mbarrier_arrive_expect(received, mine * cluster * 16);
    }
    __syncthreads();
    if (cluster > 1) cluster_arrive_relaxed();

    SkinnySums<T, W, ROWS, N> sums;
    int outer = int(batch / p.batch[1]), inner = int(batch % p.batch[1]);
    int x_outer = p.a.batch[0] ? outer : 0, x_inner = p.a.batch[1] ? inner : 0;
    int w_outer = p.b.batch[0] ? outer : 0, w_inner = p.b.batch[1] ? inner : 0;
    auto load_weights = [&](uint32_t block, uint32_t stage) {
        uint32_t arrived = full(stage), to = shared + stage * Shape::STAGE_BYTES;
        int k = int(block * cluster + rank) * Shape::K;
        mbarrier_arrive_expect(arrived, Shape::WEIGHT_BYTES + ROWS * 128);
        if constexpr (W == K_MAJOR) {
            tma_load(to, weights, arrived, k, int(first), w_inner, w_outer);
        } else {
            // A line of 128 bytes has as many columns as a stage is deep.
#pragma unroll
            for (int i = 0; i < N; i += Shape::K) tma_load(to + i * 128, weights, arrived, int(first) + i, k, w_inner, w_outer);
        }
    };
    auto load_rows = [&](uint32_t block, uint32_t stage) {
        uint32_t to = shared + stage * Shape::STAGE_BYTES + Shape::WEIGHT_BYTES;
        tma_load(to, rows, full(stage), int(block * cluster + rank) * Shape::K, 0, x_inner, x_outer);
    };
    auto load = [&](uint32_t block, uint32_t stage) {
        load_weights(block, stage);
        load_rows(block, stage);
    };
    uint32_t turn = TURNS == 1 ? 0 : warp / READERS, reader = warp % READERS;
    // A thread of those that take turns at the same stages fills them. It is elected by a branch of its own, by which the compiler knows that
    // it is alone.
    auto begin = [&](auto load) {
        if (reader == 0) {
            if (elect_one()) {
#pragma unroll 1
                for (uint32_t block = turn; block < min(count, uint32_t(STAGES)); block += TURNS) load(block, block);
            }
        }
        __syncwarp();
    };
    bool ahead = p.ahead == TW_AHEAD_ALL;
    if (p.ahead == TW_AHEAD_B) {
        begin(load_weights);
        wait_for_previous_kernel();
        begin(load_rows);
    } else {
        if (ahead) {
            admit_next_kernel();
        } else {
            wait_for_previous_kernel();
        }
        begin(load);
    }
    finish.begin();
    RingPosition<STAGES / TURNS> ring;
    uint32_t last = 0, last_parity = 0;
    for (uint32_t block = turn; block < count; block += TURNS) {
        uint32_t stage = ring.stage * TURNS + turn;
        // The stage before this one is filled again, by its readers in turn: filling takes a third as long as reading.
        if (reader == (TURNS == 1 ? 0 : block / TURNS % READERS) && block >= TURNS) {
            if (block - TURNS + STAGES < count) {
                if (elect_one()) {
                    mbarrier_wait(empty(last), last_parity);
                    load(block - TURNS + STAGES, last);
                }
            } else if (!ahead) {
                // All is asked for: what the next kernel asks for before it waits no longer takes memory's time from this one.
                admit_next_kernel();
            }
        }
        __syncwarp();
        mbarrier_wait(full(stage), ring.parity);
        sums.add(shared + stage * Shape::STAGE_BYTES, reader, lane);
        __syncwarp();
        if (lane == 0) mbarrier_arrive(empty(stage));
        last = stage, last_parity = ring.parity;
        ring.advance();
    }
    // All stages have been read: the sums take their place.
    __syncthreads();
    sums.template store<PITCH>(reinterpret_cast<float*>(dynamic_shared + (shared - shared_address(dynamic_shared))), warp, lane);
    __syncthreads();

    Epilogue<typename Finish::Out> epilogue(p, batch);
    auto write = [&](uint32_t group, float4 sum) {
        float sums[4] = {sum.x, sum.y, sum.z, sum.w};
        finish.write(epilogue, group / (N / 4), first + group % (N / 4) * 4, sums);
    };
    auto add = [](float4& sum, float4 x) { sum = make_float4(sum.x + x.x, sum.y + x.y, sum.z + x.z, sum.w + x.w); };
    wait_to_write(p.ahead);
    // Only now must the others have begun.
    if (cluster > 1) cluster_wait();
    for (uint32_t group = threadIdx.x; group < groups; group += Shape::THREADS) {
        uint32_t place = (group / (N / 4) * PITCH + group % (N / 4) * 4) * 4;
        float4 sum = load_shared(shared + place);
        if constexpr (Shape::IS_F32) {
#pragma unroll
            for (int other = 1; other < WARPS; ++other) add(sum, load_shared(shared + other * (ROWS * PITCH * 4) + place));
        }
        if (cluster == 1) {
            write(group, sum);
        } else {
            uint32_t owner = group / share;
            send_floats(shared + Shape::RECEIVED + (rank * share + group - owner * share) * 16, received, owner, sum);
        }
    }
    if (cluster == 1 || mine == 0) return;
    mbarrier_wait(received, 0);
    for (uint32_t i = threadIdx.x; i < mine; i += Shape::THREADS) {
        float4 sum = load_shared(shared + Shape::RECEIVED + i * 16);
        for (uint32_t other = 1; other < cluster; ++other) add(sum, load_shared(shared + Shape::RECEIVED + (other * share + i) * 16));
        write(rank * share + i, sum);
    }
}

}  // namespace tw
