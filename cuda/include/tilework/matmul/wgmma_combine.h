// How the parts of a tile whose k was split (tilework/matmul/wgmma_kernel.h) are added up, always in the order of the parts.
//
// Each block of the cluster's last axis owns some columns of the tile, in units of eight: four sums of each thread. All lay their sums
// out by units and threads where the stages were, and the copy engine brings each owner its units from the others: the owner's thread
// needs just what the same thread of the others has. With more parts than the cluster has blocks, the sums of each cluster go to
// `p.partials`, and whoever is last there adds those up. What an owner has added up it stages by rows, to write runs of columns.
#pragma once

#include "tilework/cluster.h"
#include "tilework/matmul/wgmma_output.h"

namespace tw {

// The owned columns of a tile on their way out: staged in units, then written. PLAIN ones are 16-bit and leave as a box of the owned
// columns.
template <typename Out, bool PLAIN, class Tile>
struct WgmmaOwned {
    const WgmmaWarp<Tile>& w;
    uint32_t first;
    uint32_t owned;

    __device__ __forceinline__ void stage(uint32_t unit, float4 sums) const {
        uint32_t row = 16 * w.warp + w.lane / 4;
        float up[2] = {sums.x, sums.y}, down[2] = {sums.z, sums.w};
        auto put = [&](uint32_t row, const float (&pair)[2]) {
            if constexpr (PLAIN) {
                Narrow values[2] = {pair[0], pair[1]};
                uint32_t line = 16 * owned, place = row * line + 16 * unit + 4 * (w.lane % 4);
                // The accelerator's swizzle for lines of 128, 64 or 32 bytes; one of 16 bytes has none.
                place ^= (place >> 3) & (line - 16);
                *reinterpret_cast<uint32_t*>(staging() + place) = bit_cast<uint32_t>(pack<Out>(values));
            } else {
                char* to = staging() + wgmma_wide_chunk(row, 2 * unit + w.lane % 4 / 2) + 8 * (w.lane % 2);
                *reinterpret_cast<float2*>(to) = make_float2(pair[0], pair[1]);
            }
        };
        put(row, up);
        put(row + 8, down);
    }

    __device__ __forceinline__ void write(const TensorMap& out, const TwMatmul& p, const WgmmaWork& work) const {
        uint32_t m = work.m * Tile::M + w.consumer * 64, n = work.n * Tile::N + 8 * first;
        if constexpr (PLAIN) {
            tma_store_fence();
            w.await_group();
            if (w.stores()) tma_store(out, w.staging(), int(n), int(m), int(work.inner), int(work.outer));
        } else {
            w.await_group();
            Epilogue<Out> epilogue(p, work.outer * p.batch[1] + work.inner);
#pragma unroll 1
            for (uint32_t i = threadIdx.x % 128; i < 64 * owned; i += 128) {
                uint2 place = wgmma_place<Tile>(p, i, owned);
                uint32_t row = place.x, eight = place.y;
                float run[8];
#pragma unroll
                for (int j = 0; j < 2; ++j) wgmma_read_wide(staging() + wgmma_wide_chunk(row, 2 * eight + j), run + 4 * j);
                wgmma_write_eight(epilogue, int64_t(m) + row, int64_t(n) + 8 * eight, run);
            }
        }
    }

    __device__ __forceinline__ char* staging() const { return w.pointer + (w.staging() - w.shared); }
};

// All threads of the cluster take part in its two barriers; those that multiply call this.
template <typename Out, bool PLAIN, class Tile>
__device__ __forceinline__ void wgmma_combine(const float (&d)[Tile::N / 2], const WgmmaWarp<Tile>& w, const TensorMap& out,
                                              const TwMatmul& p, const WgmmaWork& work, uint32_t index) {
    constexpr uint32_t UNITS = Tile::N / 8, THREADS = 128 * Tile::CONSUMERS, UNIT = THREADS * 16;
    static_assert(2 * UNITS * UNIT <= Tile::STAGES * Tile::STAGE_BYTES, "own sums, and those of the others, fit where the stages were");
    const WgmmaCluster& cluster = w.cluster;
    uint32_t thread = threadIdx.x - 128, owned = UNITS / cluster.slices, first = cluster.slice * owned;
    WgmmaOwned<Out, PLAIN, Tile> leaving{w, first, owned};
    // Own sums by units, and then those that arrive, by sender and unit.
    auto own = [&](uint32_t unit) { return unit * UNIT; };
    auto arrived = [&](uint32_t sender, uint32_t unit) { return (UNITS + sender * owned + unit) * UNIT; };
    auto lay_out = [&](bool mine) {
#pragma unroll
        for (uint32_t unit = 0; unit < UNITS; ++unit) {
            if ((unit - first < owned) != mine) continue;
            float4 sums = make_float4(d[4 * unit], d[4 * unit + 1], d[4 * unit + 2], d[4 * unit + 3]);
            *reinterpret_cast<float4*>(w.pointer + own(unit) + 16 * thread) = sums;
        }
    };
    // No block reads its stages any more.
    cluster_barrier_relaxed();
    lay_out(false);
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
    // Each thread reads back what it has written.
    lay_out(true);
    mbarrier_wait(w.exchanged(), 0);
    // Nobody leaves before what it sends has arrived.
    __syncwarp();
    cluster_arrive_relaxed();

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
            leaving.stage(unit, sums);
        } else {
            __stcg(partial(index % p.splits, first + unit), sums);
        }
    }
    bool last = p.splits == 1;
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
        last = before == p.splits - 1;
        if (last) {
            __threadfence();
#pragma unroll 1
            for (uint32_t unit = 0; unit < owned; ++unit) {
                float4 sums = make_float4(0, 0, 0, 0);
#pragma unroll 8
                for (uint32_t part = 0; part < p.splits; ++part) add(sums, __ldcg(partial(part, first + unit)));
                leaving.stage(unit, sums);
            }
        }
    }
    if (last) leaving.write(out, p, work);
    __syncwarp();
    cluster_wait();
}

}  // namespace tw
