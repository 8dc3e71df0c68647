// How the parts of a tile whose k was split (tilework/matmul/wgmma_kernel.h) are added up, always in the order of the parts.
//
// Each block of the cluster's last axis owns some columns of the tile, in units of eight: four sums of each thread. The others send
// theirs into the owner's shared memory, where the stages were, laid out by threads: the owner's thread needs just what the same
// thread of the others has. With more parts than the cluster has blocks, the sums of each cluster go to `p.partials`, and whoever
// is last there adds those up.
#pragma once

#include "tilework/cluster.h"
#include "tilework/matmul/wgmma_output.h"

namespace tw {

// Calls each(o) for the units that this block owns; the compiler knows each o.
template <class Tile, typename Each>
__device__ __forceinline__ void wgmma_each_owned(const WgmmaCluster& cluster, Each each) {
    uint32_t owned = Tile::N / 8 / cluster.slices;
#pragma unroll
    for (uint32_t o = 0; o < Tile::N / 8; ++o) {
        if (o / owned == cluster.slice) each(o);
    }
}

// Finishes and writes the units that this block owns, from the registers.
template <typename Out, class Tile>
__device__ __forceinline__ void wgmma_write_owned(const float (&d)[Tile::N / 2], const WgmmaWarp<Tile>& w, const TwMatmul& p,
                                                  const WgmmaWork& work) {
    Epilogue<Out> epilogue(p, work.outer * p.batch[1] + work.inner);
    int64_t m = int64_t(work.m) * Tile::M + w.consumer * 64 + 16 * w.warp + w.lane / 4;
    int64_t n = int64_t(work.n) * Tile::N + 2 * (w.lane % 4);
    if (epilogue.template is_plain<2>()) {
        wgmma_each_owned<Tile>(w.cluster, [&](uint32_t o) {
            epilogue.template write_plain<2>(m, n + 8 * o, d + 4 * o);
            epilogue.template write_plain<2>(m + 8, n + 8 * o, d + 4 * o + 2);
        });
        return;
    }
    uint32_t owned = Tile::N / 8 / w.cluster.slices;
#pragma unroll 1
    for (uint32_t o = w.cluster.slice * owned; o < (w.cluster.slice + 1) * owned; ++o) {
        float up[2] = {}, down[2] = {};
        // Registers have no addresses.
#pragma unroll
        for (uint32_t i = 0; i < Tile::N / 8; ++i) {
            if (i == o) up[0] = d[4 * i], up[1] = d[4 * i + 1], down[0] = d[4 * i + 2], down[1] = d[4 * i + 3];
        }
        epilogue.write(m, n + 8 * o, up);
        epilogue.write(m + 8, n + 8 * o, down);
    }
}

// All threads of the cluster take part in its two barriers; those that multiply call this.
template <typename Out, class Tile>
__device__ __forceinline__ void wgmma_combine(const float (&parts)[Tile::N / 2], WgmmaWarp<Tile>& w, const TensorMap& out, const TwMatmul& p,
                                              const WgmmaWork& work, uint32_t index) {
    constexpr uint32_t UNITS = Tile::N / 8, THREADS = 128 * Tile::CONSUMERS;
    // Not in the registers that products are summed in: writing to those would make the products wait for each other.
    float d[Tile::N / 2];
#pragma unroll
    for (int i = 0; i < Tile::N / 2; ++i) d[i] = parts[i];
    const WgmmaCluster& cluster = w.cluster;
    uint32_t thread = threadIdx.x - 128, owned = UNITS / cluster.slices;
    // Where this thread's sums of unit `within` of the owner's are, in what block `from` sends.
    auto slot = [&](uint32_t from, uint32_t within) { return ((from * owned + within) * THREADS + thread) * 16; };
    // No block reads its stages any more.
    cluster_barrier_relaxed();
#pragma unroll
    for (uint32_t o = 0; o < UNITS; ++o) {
        uint32_t owner = o / owned;
        if (owner == cluster.slice) continue;
        uint32_t to = remote_shared_address(w.shared + slot(cluster.slice, o % owned), cluster.rank_in(owner));
        store_remote(to, make_float4(d[4 * o], d[4 * o + 1], d[4 * o + 2], d[4 * o + 3]));
    }
    cluster_barrier();

    wgmma_each_owned<Tile>(cluster, [&](uint32_t o) {
        float4 sum = make_float4(0, 0, 0, 0);
        for (uint32_t z = 0; z < cluster.slices; ++z) {
            float4 part = make_float4(d[4 * o], d[4 * o + 1], d[4 * o + 2], d[4 * o + 3]);
            if (z != cluster.slice) part = *reinterpret_cast<const float4*>(w.pointer + slot(z, o % owned));
            sum.x += part.x, sum.y += part.y, sum.z += part.z, sum.w += part.w;
        }
        d[4 * o] = sum.x, d[4 * o + 1] = sum.y, d[4 * o + 2] = sum.z, d[4 * o + 3] = sum.w;
    });

    if (p.splits != 1) {
        float4* partials = reinterpret_cast<float4*>(p.partials) + uint64_t(work.tile) * p.splits * UNITS * THREADS + thread;
        auto place = [&](uint32_t part, uint32_t o) { return partials + (uint64_t(part) * UNITS + o) * THREADS; };
        wgmma_each_owned<Tile>(cluster, [&](uint32_t o) {
            __stcg(place(index % p.splits, o), make_float4(d[4 * o], d[4 * o + 1], d[4 * o + 2], d[4 * o + 3]));
        });
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
        wgmma_each_owned<Tile>(cluster, [&](uint32_t o) {
            float4 sum = make_float4(0, 0, 0, 0);
#pragma unroll 8
            for (uint32_t part = 0; part < p.splits; ++part) {
                float4 x = __ldcg(place(part, o));
                sum.x += x.x, sum.y += x.y, sum.z += x.z, sum.w += x.w;
            }
            d[4 * o] = sum.x, d[4 * o + 1] = sum.y, d[4 * o + 2] = sum.z, d[4 * o + 3] = sum.w;
        });
    }

    if constexpr (sizeof(Out) == 2) {
        // Boxes have 64 columns.
        if (p.boxed & TW_BOXED_OUT && owned % 8 == 0 && is_plain<Out>(p)) {
#pragma unroll
            for (int piece = 0; piece < Tile::PIECES; ++piece) {
                if (8 * piece / owned == cluster.slice) wgmma_store_piece<Out>(d + 32 * piece, w, out, work, piece);
            }
            return;
        }
    }
    wgmma_write_owned<Out>(d, w, p, work);
}

}  // namespace tw
