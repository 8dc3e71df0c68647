// The matrix product of Hopper (sm_90a): 16-bit factors, f32 accumulators, persistent blocks.
//
// A block has one producer warpgroup, of which a single thread works, and CONSUMERS warpgroups that multiply (wgmma_tile.h). The
// producer fills a ring of STAGES buffers with boxes of a and b, 64 deep, through the tensor memory accelerator; the consumers
// multiply from there. Each stage has two barriers: `full` counts the bytes that arrive, `empty` the warps that have finished
// reading. The loads never stop between tiles.
//
// In a cluster, blocks above each other need the same columns of b: each loads its share and multicasts it to the others. A stage
// may then be refilled only when the warps of all of them have read it. Blocks along the cluster's last axis share one tile, each
// multiplying a part of k.
//
// The output leaves in pieces of 64 columns through shared memory (wgmma_output.h): a plain product as 16-bit boxes that the
// accelerator stores while the next piece is converted; one with an epilogue, or with an output that the accelerator cannot address,
// as f32 that a loop reads back by rows, so that bias, residual and output are met in the order of memory.
#pragma once

#include "tilework/dependent.h"
#include "tilework/matmul/wgmma_output.h"
#include "tilework/mbarrier.h"
#include "tilework/tma.h"
#include "tilework/wgmma.h"

namespace tw {

// Fills the ring with the factors of this block's work. Only one thread calls it.
template <class Tile, Major A, Major B>
__device__ __forceinline__ void wgmma_produce(const TensorMap& a, const TensorMap& b, const TwMatmul& p, const WgmmaCluster& cluster,
                                              uint32_t shared, uint32_t first, uint32_t step, uint32_t items, uint32_t depth) {
    constexpr int M = Tile::M, N = Tile::N, K = Tile::K;
    uint32_t barriers = shared + Tile::BARRIERS;
    // This block's share of b: columns where it runs along k, else lines of k.
    uint32_t b_from = (B == K_MAJOR ? N : K) / cluster.rows * cluster.row;
    uint16_t peers = cluster.peers();
    auto load_b = [&](uint32_t to, uint32_t arrived, int x, int y, int inner, int outer) {
        if (cluster.rows == 1) {
            tma_load(to, b, arrived, x, y, inner, outer);
        } else {
            tma_load_multicast(to, b, arrived, x, y, inner, outer, peers);
        }
    };
    RingPosition<Tile::STAGES> ring;
    for (uint32_t index = first; index < items; index += step) {
        WgmmaWork work = wgmma_work(p, cluster, index, depth);
        int m = int(work.m) * M, n = int(work.n) * N;
        int a_outer = p.a.batch[0] ? int(work.outer) : 0, a_inner = p.a.batch[1] ? int(work.inner) : 0;
        int b_outer = p.b.batch[0] ? int(work.outer) : 0, b_inner = p.b.batch[1] ? int(work.inner) : 0;
        for (uint32_t block = work.begin; block < work.end; ++block, ring.advance()) {
            int k = int(block) * K;
            uint32_t arrived = barriers + 16 * ring.stage;
            mbarrier_wait(arrived + 8, ring.parity ^ 1);
            mbarrier_arrive_expect(arrived, Tile::STAGE_BYTES);
            uint32_t to = shared + ring.stage * Tile::STAGE_BYTES;
            if constexpr (A == K_MAJOR) {
                tma_load(to, a, arrived, k, m, a_inner, a_outer);
            } else {
#pragma unroll
                for (int i = 0; i < M / 64; ++i) {
                    tma_load(to + i * 8192, a, arrived, m + 64 * i, k, a_inner, a_outer);
                }
            }
            to += Tile::A_BYTES + b_from * 128;
            if constexpr (B == K_MAJOR) {
                load_b(to, arrived, k, n + int(b_from), b_inner, b_outer);
            } else {
#pragma unroll
                for (int i = 0; i < N / 64; ++i) {
                    load_b(to + i * 8192, arrived, n + 64 * i, k + int(b_from), b_inner, b_outer);
                }
            }
        }
    }
}

// `a`, `b` and `out` are the tensor maps of the operands; that of the output is used where `p.store_boxes` is set.
template <typename T, class Tile, Major A, Major B>
__device__ __forceinline__ void wgmma_matmul(const TensorMap& a, const TensorMap& b, const TensorMap& out, const TwMatmul& p) {
    constexpr int N = Tile::N;
    extern __shared__ char dynamic_shared[];
    // The swizzle works on address bits, so the buffers begin at a multiple of an atom.
    uint32_t shared = (shared_address(dynamic_shared) + 1023) & ~1023u;
    char* shared_pointer = dynamic_shared + (shared - shared_address(dynamic_shared));
    uint32_t barriers = shared + Tile::BARRIERS;
    auto full = [&](uint32_t stage) { return barriers + 16 * stage; };
    auto empty = [&](uint32_t stage) { return barriers + 16 * stage + 8; };

    // Equal in all threads of a warp, which the compiler cannot know of threadIdx.
    uint32_t warp = __shfl_sync(~0u, threadIdx.x / 32, 0);
    uint32_t group = warp / 4;
    uint3 size = cluster_shape(), at = cluster_place();
    WgmmaCluster cluster{size.y, size.z, at.y, at.z};

    if (threadIdx.x == 0) {
        tma_prefetch(a);
        tma_prefetch(b);
        if (p.store_boxes) tma_prefetch(out);
        for (int stage = 0; stage < Tile::STAGES; ++stage) {
            mbarrier_init(full(stage), 1);
            mbarrier_init(empty(stage), 4 * Tile::CONSUMERS * cluster.rows);
        }
        mbarrier_init_fence();
    }
    cluster_barrier_relaxed();
    admit_next_kernel();
    wait_for_previous_kernel();

    uint32_t items = wgmma_items(p, cluster);
    uint32_t first = blockIdx.z / cluster.slices;
    uint32_t step = gridDim.z / cluster.slices;
    uint32_t depth = uint32_t((p.k + Tile::K - 1) / Tile::K);

    if (group == 0) {
        if constexpr (Tile::CONSUMERS == 2) registers_release<40>();
        if (threadIdx.x == 0) wgmma_produce<Tile, A, B>(a, b, p, cluster, shared, first, step, items, depth);
        if constexpr (Tile::SPLIT) {
            cluster_barrier_relaxed();
            cluster_barrier();
        }
    } else {
        if constexpr (Tile::CONSUMERS == 2) registers_acquire<232>();
        uint32_t consumer = group - 1;
        uint32_t lane = threadIdx.x % 32;
        uint32_t staging = shared + Tile::STAGES * Tile::STAGE_BYTES + consumer * Tile::STAGING_BYTES;
        bool storing = threadIdx.x % 128 == 0;
        RingPosition<Tile::STAGES> ring;
        uint32_t turn = 0;
        float d[N / 2];

        auto multiply = [&](bool accumulate) {
            mbarrier_wait(full(ring.stage), ring.parity);
            uint32_t stage = shared + ring.stage * Tile::STAGE_BYTES;
            uint64_t a_factor = wgmma_descriptor(stage + consumer * 8192, A, Tile::K);
            uint64_t b_factor = wgmma_descriptor(stage + Tile::A_BYTES, B, Tile::K);
            wgmma_pin(d);
            wgmma_fence();
#pragma unroll
            for (int step = 0; step < Tile::K / WGMMA_K; ++step) {
                auto a_part = wgmma_descriptor_after(a_factor, uint32_t(step * wgmma_descriptor_step(A)));
                auto b_part = wgmma_descriptor_after(b_factor, uint32_t(step * wgmma_descriptor_step(B)));
                Wgmma<T, N, A, B>::product(d, a_part, b_part, step != 0 || accumulate);
            }
            wgmma_commit();
            wgmma_pin(d);
        };
        // Products are still under way for the last IN_FLIGHT stages; those before, now read, go back to the producers.
        auto release = [&](uint32_t back) {
            uint32_t stage = ring.stage >= back ? ring.stage - back : ring.stage + Tile::STAGES - back;
            if (lane < cluster.rows) mbarrier_arrive_at(empty(stage), cluster.first_peer() + lane);
        };
        auto advance = [&](uint32_t multiplied) {
            wgmma_wait<Tile::IN_FLIGHT>();
            if (multiplied >= Tile::IN_FLIGHT) release(Tile::IN_FLIGHT);
            ring.advance();
        };

        for (uint32_t index = first; index < items; index += step) {
            WgmmaWork work = wgmma_work(p, cluster, index, depth);
            for (uint32_t block = work.begin; block < work.end; ++block) {
                multiply(block != work.begin);
                advance(block - work.begin);
            }
            wgmma_wait<0>();
            wgmma_pin(d);
#pragma unroll
            for (uint32_t back = Tile::IN_FLIGHT; back != 0; --back) {
                if (work.end - work.begin >= back) release(back);
            }

            if constexpr (Tile::SPLIT) {
                wgmma_combine<T, Tile>(d, shared_pointer, p, cluster, work, index);
            } else if (p.store_boxes) {
                int m = int(work.m) * Tile::M + int(consumer) * 64, n = int(work.n) * N;
#pragma unroll
                for (int piece = 0; piece < N / 64; ++piece) {
                    // The halves of the staging take turns; the one before the last store's is free.
                    uint32_t half = staging + turn * (Tile::STAGING_BYTES / 2);
                    turn ^= 1;
                    if (storing) tma_store_wait_read<1>();
                    named_barrier(1 + consumer, 128);
                    wgmma_stage_narrow<T>(d + 32 * piece, half, warp % 4, lane);
                    tma_store_fence();
                    named_barrier(1 + consumer, 128);
                    if (storing) tma_store(out, half, n + 64 * piece, m, int(work.inner), int(work.outer));
                }
            } else {
                char* wide = shared_pointer + (staging - shared);
                int64_t m = int64_t(work.m) * Tile::M + consumer * 64, n = int64_t(work.n) * N;
#pragma unroll 1
                for (int piece = 0; piece < N / 64; ++piece) {
                    // Registers have no addresses, so the piece is chosen by a branch.
#pragma unroll
                    for (int i = 0; i < N / 64; ++i) {
                        if (i == piece) wgmma_stage_wide(d + 32 * i, wide, warp % 4, lane);
                    }
                    named_barrier(1 + consumer, 128);
                    // Here, not before the loop: its registers are not needed while sums are copied.
                    Epilogue<T> epilogue(p, work.outer * p.batch[1] + work.inner);
#pragma unroll 1
                    for (uint32_t i = threadIdx.x % 128; i < 64 * 8; i += 128) {
                        uint32_t row = i / 8, eight = i % 8;
                        float values[8];
#pragma unroll
                        for (int j = 0; j < 2; ++j) wgmma_read_wide(wide + wgmma_wide_chunk(row, 2 * eight + j), values + 4 * j);
                        epilogue.write(m + row, n + 64 * piece + 8 * eight, values);
                    }
                    named_barrier(1 + consumer, 128);
                }
            }
        }
        // The staging goes with the block; what was read from it will be written.
        if (storing) tma_store_wait_read<0>();
    }
    // No block may leave while another one still signals its barriers or writes its buffers.
    if (cluster.rows > 1) cluster_barrier_relaxed();
}

}  // namespace tw
