// How the parts of a tile whose k was split (tilework/matmul/wgmma_kernel.h) are added up, always in the order of the parts.
//
// Each block of the cluster's last axis owns some columns of the tile, in units of eight: four sums of each thread. All lay their sums
// out by units and threads where the stages were, and the copy engine brings each owner its units from the others: the owner's thread
// needs just what the same thread of the others has. With more parts than the cluster has blocks, the sums of each cluster go to
// `p.partials`, and whoever is last there adds those up.
#pragma once

#include "tilework/cluster.h"
#include "tilework/matmul/wgmma_output.h"

namespace tw {

// All threads of the cluster take part in its two barriers; those that multiply call this.
template <typename Out, class Tile>
__device__ __forceinline__ void wgmma_combine(const float (&d)[Tile::N / 2], const WgmmaWarp<Tile>& w, const TwMatmul& p,
                                              const WgmmaWork& work, uint32_t index) {
    constexpr uint32_t UNITS = Tile::N / 8, THREADS = 128 * Tile::CONSUMERS, UNIT = THREADS * 16;
    static_assert(2 * UNITS * UNIT <= Tile::STAGES * Tile::STAGE_BYTES, "own sums, and those of the others, fit where the stages were");
    const WgmmaCluster& cluster = w.cluster;
    uint32_t thread = threadIdx.x - 128, owned = UNITS / cluster.slices, first = cluster.slice * owned;
    // Own sums by units, and then those that arrive, by sender and unit.
    auto own = [&](uint32_t unit) { return unit * UNIT; };
    auto arrived = [&](uint32_t sender, uint32_t unit) { return (UNITS + sender * owned + unit) * UNIT; };
    // No block reads its stages any more.
    cluster_barrier_relaxed();
#pragma unroll
    for (uint32_t unit = 0; unit < UNITS; ++unit) {
        float4 sums = make_float4(d[4 * unit], d[4 * unit + 1], d[4 * unit + 2], d[4 * unit + 3]);
        *reinterpret_cast<float4*>(w.pointer + own(unit) + 16 * thread) = sums;
    }
    tma_store_fence();
    named_barrier(1, THREADS);
    if (thread == 0) {
        mbarrier_arrive_expect(w.exchanged(), (cluster.slices - 1) * owned * UNIT);
        for (uint32_t step = 1; step < cluster.slices; ++step) {
            uint32_t owner = (cluster.slice + step) % cluster.slices, rank = cluster.rank_in(owner);
            bulk_send(remote_shared_address(w.shared + arrived(cluster.slice, 0), rank), w.shared + own(owner * owned), owned * UNIT,
                      remote_shared_address(w.exchanged(), rank));
        }
    }
    mbarrier_wait(w.exchanged(), 0);
    // Nobody leaves before what it sends has arrived.
    __syncwarp();
    cluster_arrive_relaxed();

    Epilogue<Out> epilogue(p, work.outer * p.batch[1] + work.inner);
    int64_t m = int64_t(work.m) * Tile::M + w.consumer * 64 + 16 * w.warp + w.lane / 4;
    int64_t n = int64_t(work.n) * Tile::N + 2 * (w.lane % 4);
    auto finish = [&](uint32_t unit, float4 sums) {
        float up[2] = {sums.x, sums.y}, down[2] = {sums.z, sums.w};
        epilogue.write(m, n + 8 * unit, up);
        epilogue.write(m + 8, n + 8 * unit, down);
    };
    float4* partials = reinterpret_cast<float4*>(p.partials) + uint64_t(work.tile) * p.splits * UNITS * THREADS + thread;
    auto partial = [&](uint32_t part, uint32_t unit) { return partials + (uint64_t(part) * UNITS + unit) * THREADS; };
    auto add = [](float4& sums, float4 x) { sums.x += x.x, sums.y += x.y, sums.z += x.z, sums.w += x.w; };
#pragma unroll 1
    for (uint32_t unit = 0; unit < owned; ++unit) {
        float4 sums = make_float4(0, 0, 0, 0);
        for (uint32_t z = 0; z < cluster.slices; ++z) {
            uint32_t from = z == cluster.slice ? own(first + unit) : arrived(z, unit);
            add(sums, *reinterpret_cast<const float4*>(w.pointer + from + 16 * thread));
        }
        if (p.splits == 1) {
            finish(first + unit, sums);
        } else {
            __stcg(partial(index % p.splits, first + unit), sums);
        }
    }
    if (p.splits != 1) {
        // The counter goes back to zero with the last of them.
        __shared__ uint32_t before;
        __threadfence();
        named_barrier(1, THREADS);
        if (thread == 0) {
            uint32_t* ticket = reinterpret_cast<uint32_t*>(p.tickets) + work.tile * cluster.slices + cluster.slice;
            before = atomicInc(ticket, p.splits - 1);
        }
        named_barrier(1, THREADS);
        if (before == p.splits - 1) {
            __threadfence();
#pragma unroll 1
            for (uint32_t unit = first; unit < first + owned; ++unit) {
                float4 sums = make_float4(0, 0, 0, 0);
#pragma unroll 8
                for (uint32_t part = 0; part < p.splits; ++part) add(sums, __ldcg(partial(part, unit)));
                finish(unit, sums);
            }
        }
    }
    __syncwarp();
    cluster_wait();
}

}  // namespace tw
