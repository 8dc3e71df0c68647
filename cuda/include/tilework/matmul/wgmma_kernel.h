// The matrix product of Hopper (sm_90a): 16-bit factors, f32 accumulators, one persistent block per SM.
//
// A block has one producer warpgroup, of which a single thread works, and CONSUMERS warpgroups, each of which owns 64 rows of the
// block's tile of 64 CONSUMERS x N. The producer fills a ring of STAGES buffers with boxes of a and b, 64 deep, through the
// tensor memory accelerator; the consumers multiply from there. Each stage has two barriers: `full` counts the bytes that
// arrive, `empty` the warps that have finished reading. While the consumers write one tile out, the producer is already loading
// for the next, so the loads never stop between tiles.
//
// In a cluster of two, the blocks compute tiles one above the other, so they need the same columns of b: each loads half of them
// and multicasts it to both. A stage may then be refilled only when the warps of both blocks have read it. N must then be a
// multiple of 128, for the halves to be whole boxes.
//
// The output leaves in chunks of 64 columns through shared memory: a plain product as 16-bit boxes that the accelerator stores
// while the next chunk is converted; one with an epilogue, or with an output that the accelerator cannot address, as f32 that a
// loop reads back by rows, so that bias, residual and output are met in the order of memory.
#pragma once

#include "tilework/cluster.h"
#include "tilework/dependent.h"
#include "tilework/matmul/epilogue.h"
#include "tilework/matmul/schedule.h"
#include "tilework/mbarrier.h"
#include "tilework/stmatrix.h"
#include "tilework/tma.h"
#include "tilework/wgmma.h"

namespace tw {

template <int CONSUMERS, int N>
struct WgmmaShape {
    static constexpr int M = 64 * CONSUMERS;
    static constexpr int K = WGMMA_ROW;
    static constexpr int THREADS = 128 * (CONSUMERS + 1);
    static constexpr uint32_t A_BYTES = M * K * 2;
    static constexpr uint32_t B_BYTES = N * K * 2;
    static constexpr uint32_t STAGE_BYTES = A_BYTES + B_BYTES;
    // For each consumer a chunk of 64 x 64 in f32, or two in 16 bits.
    static constexpr uint32_t STAGING_BYTES = 64 * 64 * 4;
    // Of 227 KiB, what the staging, the barriers and the alignment of the buffers leave, but no more than eight stages.
    static constexpr int FITTING = int((227 * 1024 - 1024 - 1024 - CONSUMERS * STAGING_BYTES) / STAGE_BYTES);
    static constexpr int STAGES = FITTING < 8 ? FITTING : 8;
    static constexpr uint32_t BARRIERS = STAGES * STAGE_BYTES + CONSUMERS * STAGING_BYTES;
    static constexpr uint32_t SHARED_BYTES = 1024 + BARRIERS + 2 * 8 * STAGES;
};

// Writes 64 x 64 accumulators, 32 a thread, as 16-bit values in rows of 128 bytes with the accelerator's swizzle.
template <typename T>
__device__ __forceinline__ void wgmma_stage_narrow(const float* d, uint32_t staging, uint32_t warp, uint32_t lane) {
    uint32_t row = 16 * warp + lane % 16;
#pragma unroll
    for (int pair = 0; pair < 4; ++pair) {
        // Register pair i of the eight is the thread's share of matrix i.
        Narrow values[8];
#pragma unroll
        for (int i = 0; i < 8; ++i) values[i] = d[8 * pair + i];
        auto words = bit_cast<uint4>(pack<T>(values));
        uint32_t chunk = 2 * pair + lane / 16;
        store_matrices(staging + row * 128 + ((chunk ^ (row & 7)) << 4), words);
    }
}

// The 16-byte chunk c of row r of a 64 x 64 block of f32, swizzled so that neither writers nor readers queue for a bank.
__device__ __forceinline__ uint32_t wgmma_wide_chunk(uint32_t row, uint32_t chunk) {
    return row * 256 + ((chunk ^ (row & 7)) << 4);
}

// Writes 64 x 64 accumulators, 32 a thread, as they are.
__device__ __forceinline__ void wgmma_stage_wide(const float* d, char* staging, uint32_t warp, uint32_t lane) {
#pragma unroll
    for (int i = 0; i < 32; i += 2) {
        uint32_t row = 16 * warp + lane / 4 + 8 * ((i >> 1) & 1);
        uint32_t column = 8 * (i >> 2) + 2 * (lane % 4);
        char* to = staging + wgmma_wide_chunk(row, column / 4) + 4 * (column % 4);
        *reinterpret_cast<float2*>(to) = make_float2(d[i], d[i + 1]);
    }
}

// `a`, `b` and `out` are the tensor maps of the operands; that of the output is used where `p.store_boxes` is set.
template <typename T, int CONSUMERS, int N, Major A, Major B>
__device__ __forceinline__ void wgmma_matmul(const TensorMap& a, const TensorMap& b, const TensorMap& out, const TwMatmul& p) {
    using Shape = WgmmaShape<CONSUMERS, N>;
    extern __shared__ char dynamic_shared[];
    // The swizzle works on address bits, so the buffers begin at a multiple of an atom.
    uint32_t shared = (shared_address(dynamic_shared) + 1023) & ~1023u;
    uint32_t barriers = shared + Shape::BARRIERS;
    auto full = [&](uint32_t stage) { return barriers + 16 * stage; };
    auto empty = [&](uint32_t stage) { return barriers + 16 * stage + 8; };
    auto a_buffer = [&](uint32_t stage) { return shared + stage * Shape::STAGE_BYTES; };
    auto b_buffer = [&](uint32_t stage) { return shared + stage * Shape::STAGE_BYTES + Shape::A_BYTES; };

    // Equal in all threads of a warp, which the compiler cannot know of threadIdx.
    uint32_t warp = __shfl_sync(~0u, threadIdx.x / 32, 0);
    uint32_t group = warp / 4;
    uint32_t rank = cluster_rank();
    uint32_t cluster = cluster_size();

    if (threadIdx.x == 0) {
        tma_prefetch(a);
        tma_prefetch(b);
        if (p.store_boxes) tma_prefetch(out);
        for (int stage = 0; stage < Shape::STAGES; ++stage) {
            mbarrier_init(full(stage), 1);
            mbarrier_init(empty(stage), 4 * CONSUMERS * cluster);
        }
        mbarrier_init_fence();
    }
    cluster_barrier_relaxed();
    wait_for_previous_kernel();

    // A cluster's tile is `cluster` tiles high; it may reach below the matrix, where loads are zero and stores do nothing.
    uint32_t rows = (p.tiles_m + cluster - 1) / cluster;
    uint32_t tiles = rows * p.tiles_n * p.batch[0] * p.batch[1];
    uint32_t first = blockIdx.x / cluster;
    uint32_t step = gridDim.x / cluster;
    uint32_t depth = uint32_t((p.k + Shape::K - 1) / Shape::K);

    if (group == 0) {
        if constexpr (CONSUMERS == 2) registers_release<40>();
        if (threadIdx.x == 0) {
            RingPosition<Shape::STAGES> ring;
            for (uint32_t index = first; index < tiles; index += step) {
                Tile tile = tile_at(index, rows, p.tiles_n, p.group);
                int m = int(tile.m * cluster + rank) * Shape::M;
                int n = int(tile.n) * N;
                int outer = int(tile.batch / p.batch[1]);
                int inner = int(tile.batch % p.batch[1]);
                int a_outer = p.a.batch[0] ? outer : 0, a_inner = p.a.batch[1] ? inner : 0;
                int b_outer = p.b.batch[0] ? outer : 0, b_inner = p.b.batch[1] ? inner : 0;
                for (uint32_t block = 0; block < depth; ++block, ring.advance()) {
                    int k = int(block) * Shape::K;
                    mbarrier_wait(empty(ring.stage), ring.parity ^ 1);
                    uint32_t arrived = full(ring.stage);
                    mbarrier_arrive_expect(arrived, Shape::STAGE_BYTES);
                    uint32_t to = a_buffer(ring.stage);
                    if constexpr (A == K_MAJOR) {
                        tma_load(to, a, arrived, k, m, a_inner, a_outer);
                    } else {
#pragma unroll
                        for (int i = 0; i < CONSUMERS; ++i) {
                            tma_load(to + i * 8192, a, arrived, m + 64 * i, k, a_inner, a_outer);
                        }
                    }
                    to = b_buffer(ring.stage);
                    if (cluster == 1) {
                        if constexpr (B == K_MAJOR) {
                            tma_load(to, b, arrived, k, n, b_inner, b_outer);
                        } else {
#pragma unroll
                            for (int i = 0; i < N / 64; ++i) {
                                tma_load(to + i * 8192, b, arrived, n + 64 * i, k, b_inner, b_outer);
                            }
                        }
                    } else {
                        int half = int(rank) * (N / 2);
                        to += half * 128;
                        if constexpr (B == K_MAJOR) {
                            tma_load_multicast(to, b, arrived, k, n + half, b_inner, b_outer, 3);
                        } else {
#pragma unroll
                            for (int i = 0; i < N / 128; ++i) {
                                tma_load_multicast(to + i * 8192, b, arrived, n + half + 64 * i, k, b_inner, b_outer, 3);
                            }
                        }
                    }
                }
            }
        }
    } else {
        if constexpr (CONSUMERS == 2) registers_acquire<232>();
        uint32_t consumer = group - 1;
        uint32_t lane = threadIdx.x % 32;
        uint32_t staging = shared + Shape::STAGES * Shape::STAGE_BYTES + consumer * Shape::STAGING_BYTES;
        char* wide_staging = dynamic_shared + (staging - shared_address(dynamic_shared));
        bool storing = threadIdx.x % 128 == 0;
        RingPosition<Shape::STAGES> ring;
        uint32_t turn = 0;
        float d[N / 2];
        for (uint32_t index = first; index < tiles; index += step) {
            Tile tile = tile_at(index, rows, p.tiles_n, p.group);
            uint32_t previous = 0;
            for (uint32_t block = 0; block < depth; ++block, ring.advance()) {
                mbarrier_wait(full(ring.stage), ring.parity);
                uint64_t a_factor = wgmma_descriptor(a_buffer(ring.stage) + consumer * 8192, A, Shape::K);
                uint64_t b_factor = wgmma_descriptor(b_buffer(ring.stage), B, Shape::K);
                wgmma_pin(d);
                wgmma_fence();
#pragma unroll
                for (int step = 0; step < Shape::K / WGMMA_K; ++step) {
                    Wgmma<T, N, A, B>::product(d, a_factor + step * wgmma_descriptor_step(A),
                                               b_factor + step * wgmma_descriptor_step(B), step != 0 || block != 0);
                }
                wgmma_commit();
                wgmma_pin(d);
                // The products of this stage run on while the previous one, now read, goes back to the producers.
                wgmma_wait<1>();
                if (block != 0 && lane < cluster) mbarrier_arrive_at(empty(previous), lane);
                previous = ring.stage;
            }
            wgmma_wait<0>();
            wgmma_pin(d);
            if (lane < cluster) mbarrier_arrive_at(empty(previous), lane);

            uint32_t m = (tile.m * cluster + rank) * Shape::M + consumer * 64;
            uint32_t n = tile.n * N;
            if (p.store_boxes) {
                int outer = int(tile.batch / p.batch[1]);
                int inner = int(tile.batch % p.batch[1]);
#pragma unroll
                for (int chunk = 0; chunk < N / 64; ++chunk) {
                    // The halves of the staging take turns; the one before the last store's is free.
                    uint32_t half = staging + turn * (Shape::STAGING_BYTES / 2);
                    turn ^= 1;
                    if (storing) tma_store_wait_read<1>();
                    named_barrier(1 + consumer, 128);
                    wgmma_stage_narrow<T>(d + 32 * chunk, half, warp % 4, lane);
                    tma_store_fence();
                    named_barrier(1 + consumer, 128);
                    if (storing) tma_store(out, half, int(n) + 64 * chunk, int(m), inner, outer);
                }
            } else {
                Epilogue<T> epilogue(p, tile.batch);
#pragma unroll 1
                for (int chunk = 0; chunk < N / 64; ++chunk) {
                    // Registers have no addresses, so the chunk is chosen by a branch.
#pragma unroll
                    for (int i = 0; i < N / 64; ++i) {
                        if (i == chunk) wgmma_stage_wide(d + 32 * i, wide_staging, warp % 4, lane);
                    }
                    named_barrier(1 + consumer, 128);
#pragma unroll 1
                    for (uint32_t i = threadIdx.x % 128; i < 64 * 8; i += 128) {
                        uint32_t row = i / 8, eight = i % 8;
                        float values[8];
#pragma unroll
                        for (int j = 0; j < 2; ++j) {
                            *reinterpret_cast<float4*>(values + 4 * j) =
                                *reinterpret_cast<float4*>(wide_staging + wgmma_wide_chunk(row, 2 * eight + j));
                        }
                        epilogue.write(int64_t(m) + row, int64_t(n) + 64 * chunk + 8 * eight, values);
                    }
                    named_barrier(1 + consumer, 128);
                }
            }
        }
        // The staging goes with the block; what was read from it will be written.
        if (storing) tma_store_wait_read<0>();
    }
    // No block may leave while another one still signals its barriers or writes its buffers.
    if (cluster > 1) cluster_barrier();
}

}  // namespace tw
