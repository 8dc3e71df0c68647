// How the sums of tilework/matmul/wgmma_kernel.h leave the registers: through shared memory, in pieces of 64 rows, or as partial
// sums to the block that adds them up.
#pragma once

#include "tilework/cluster.h"
#include "tilework/matmul/epilogue.h"
#include "tilework/matmul/wgmma_schedule.h"
#include "tilework/matmul/wgmma_tile.h"
#include "tilework/shared_address.h"
#include "tilework/stmatrix.h"

namespace tw {

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

__device__ __forceinline__ void wgmma_read_wide(const char* chunk, float* to) {
    *reinterpret_cast<float4*>(to) = *reinterpret_cast<const float4*>(chunk);
}

// Adds up the parts of a tile whose k was split, always in the order of the parts, and finishes it. Each block of the cluster's
// last axis gets some rows of the tile: all blocks write theirs into that one's shared memory, where the stages were. With more
// parts than the cluster has blocks, the sums of each cluster go to `p.partials`, and whoever is last there adds those up.
//
// All threads of the cluster take part in its barriers; those that multiply call this one.
template <typename T, class Tile>
__device__ __forceinline__ void wgmma_combine(const float (&d)[Tile::N / 2], char* shared, const TwMatmul& p,
                                              const WgmmaCluster& cluster, const WgmmaWork& work, uint32_t index) {
    constexpr int N = Tile::N, M = Tile::M, THREADS = 128 * Tile::CONSUMERS;
    uint32_t thread = threadIdx.x - 128, lane = thread % 32, warp = thread / 32 % 4, consumer = thread / 128;
    uint32_t rows = M / cluster.slices;
    uint32_t slot = rows * N * 4;
    // No block reads its stages any more.
    cluster_barrier_relaxed();
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        uint32_t row = consumer * 64 + 16 * warp + 8 * half + lane / 4;
        uint32_t owner = cluster.rank_in(row / rows);
        uint32_t within = row % rows;
        uint32_t to = remote_shared_address(shared_address(shared) + cluster.slice * slot + within * (4 * N), owner);
#pragma unroll
        for (int i = 2 * half; i < N / 2; i += 4) {
            uint32_t chunk = 2 * (i >> 2) + lane % 4 / 2;
            store_remote(to + ((chunk ^ (within & 3)) << 4) + 8 * (lane % 2), d[i], d[i + 1]);
        }
    }
    cluster_barrier();

    Epilogue<T> epilogue(p, work.outer * p.batch[1] + work.inner);
    int64_t m = int64_t(work.m) * M + cluster.slice * rows;
    int64_t n = int64_t(work.n) * N;
    float* partials = reinterpret_cast<float*>(p.partials) + (uint64_t(work.tile) * p.splits * M + cluster.slice * rows) * N;
    uint64_t part = uint64_t(M) * N;
    auto eights = [&](auto each) {
        for (uint32_t i = thread; i < rows * (N / 8); i += THREADS) {
            uint32_t row = i / (N / 8), eight = i % (N / 8);
            each(row, eight);
        }
    };
    eights([&](uint32_t row, uint32_t eight) {
        float sums[8];
#pragma unroll
        for (int j = 0; j < 8; ++j) sums[j] = 0;
        for (uint32_t z = 0; z < cluster.slices; ++z) {
            float values[8];
#pragma unroll
            for (int j = 0; j < 2; ++j) {
                wgmma_read_wide(shared + z * slot + row * (4 * N) + (((2 * eight + j) ^ (row & 3)) << 4), values + 4 * j);
            }
#pragma unroll
            for (int j = 0; j < 8; ++j) sums[j] += values[j];
        }
        if (p.splits == 1) {
            epilogue.write(m + row, n + 8 * eight, sums);
        } else {
            auto to = reinterpret_cast<float4*>(partials + index % p.splits * part + row * N + 8 * eight);
            __stcg(to, make_float4(sums[0], sums[1], sums[2], sums[3]));
            __stcg(to + 1, make_float4(sums[4], sums[5], sums[6], sums[7]));
        }
    });
    if (p.splits == 1) return;

    // The counter goes back to zero with the last of them.
    __shared__ uint32_t before;
    __threadfence();
    named_barrier(1, THREADS);
    if (thread == 0) {
        uint32_t* ticket = reinterpret_cast<uint32_t*>(p.tickets) + work.tile * cluster.slices + cluster.slice;
        before = atomicInc(ticket, p.splits - 1);
    }
    named_barrier(1, THREADS);
    if (before != p.splits - 1) return;
    __threadfence();
    eights([&](uint32_t row, uint32_t eight) {
        float sums[8];
#pragma unroll
        for (int j = 0; j < 8; ++j) sums[j] = 0;
#pragma unroll 4
        for (uint32_t s = 0; s < p.splits; ++s) {
            auto from = reinterpret_cast<const float4*>(partials + s * part + row * N + 8 * eight);
            float4 low = __ldcg(from), high = __ldcg(from + 1);
            sums[0] += low.x, sums[1] += low.y, sums[2] += low.z, sums[3] += low.w;
            sums[4] += high.x, sums[5] += high.y, sums[6] += high.z, sums[7] += high.w;
        }
        epilogue.write(m + row, n + 8 * eight, sums);
    });
}

}  // namespace tw
