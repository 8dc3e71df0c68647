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
// The output leaves in pieces of 64 columns (wgmma_output.h, wgmma_deferred.h). What an epilogue multiplies by and adds comes through the
// ring too, in stages after those of the tile's factors.
#pragma once

#include "tilework/dependent.h"
#include "tilework/matmul/wgmma_combine.h"
#include "tilework/matmul/wgmma_deferred.h"
#include "tilework/matmul/wgmma_output.h"
#include "tilework/matmul/wgmma_store_wide.h"
#include "tilework/mbarrier.h"
#include "tilework/tma.h"
#include "tilework/wgmma.h"

namespace tw {

// The tensor maps of the operands; those of the epilogue are used where p.boxed says so.
struct WgmmaMaps {
    const TensorMap& a;
    const TensorMap& b;
    const TensorMap& out;
    const TensorMap& multiply;
    const TensorMap& c;
};

// How the products of a tile are added up: by the tensor cores.
template <typename T, Major A, Major B>
struct WgmmaSums {
    // Whether registers are left for an output that is deferred.
    static constexpr bool SPARES = true;

    // What was deferred of the tile before, if anything can be, leaves under the first stages.
    template <class Tile, class... Deferred>
    __device__ __forceinline__ void operator()(float (&d)[Tile::N / 2], WgmmaWarp<Tile>& w, const WgmmaWork& work,
                                               Deferred&... deferred) const {
        auto multiply = [&](bool accumulate) {
            mbarrier_wait(w.full(w.ring.stage), w.ring.parity);
            uint32_t stage = w.buffer(w.ring.stage);
            uint64_t a_factor = wgmma_descriptor(stage + w.consumer * 8192, A, Tile::K);
            uint64_t b_factor = wgmma_descriptor(stage + Tile::A_BYTES, B, Tile::K);
            wgmma_pin(d);
            wgmma_fence();
#pragma unroll
            for (int step = 0; step < WGMMA_ROW / WGMMA_K; ++step) {
                auto a_part = wgmma_descriptor_after(a_factor, uint32_t(step * wgmma_descriptor_step(A)));
                auto b_part = wgmma_descriptor_after(b_factor, uint32_t(step * wgmma_descriptor_step(B)));
                Wgmma<T, Tile::N, A, B>::product(d, a_part, b_part, step != 0 || accumulate);
            }
            wgmma_commit();
            wgmma_pin(d);
        };
        // Products are still under way for the last IN_FLIGHT stages; those before, now read, go back to the producers.
        uint32_t block = work.begin;
        auto stage = [&] {
            multiply(block != work.begin);
            wgmma_wait<Tile::IN_FLIGHT>();
            if (block - work.begin >= Tile::IN_FLIGHT) w.release_before(Tile::IN_FLIGHT);
            w.ring.advance();
            ++block;
        };
        auto stages_over = [&](auto& output) {
            wgmma_for<Tile::PIECES>([&](auto piece) {
                if (block < work.end) stage();
                output.template leave<piece>();
            });
        };
        (stages_over(deferred), ...);
        while (block < work.end) stage();
        wgmma_wait<0>();
        wgmma_pin(d);
#pragma unroll
        for (uint32_t back = Tile::IN_FLIGHT; back != 0; --back) {
            if (work.end - work.begin >= back) w.release_before(back);
        }
    }
};

// What is done to the sums of a tile before the epilogue, and the type of the output: nothing, and that of the factors.
template <typename T, WgmmaEnding ENDING_>
struct WgmmaUnscaled {
    using Out = T;
    static constexpr WgmmaEnding ENDING = ENDING_;
    __device__ __forceinline__ bool applies() { return true; }
    template <int COUNT>
    __device__ __forceinline__ void operator()(float (&)[COUNT], uint32_t, uint32_t, uint32_t) const {}
};

// Has the factors brought to the L2 cache while the kernel before this one ends: each block a share of the boxes of its rows and columns
// of tiles. Small factors alone: large ones take longer than that, and would be in the way of the other kernel.
template <class Tile, Major A, Major B>
__device__ __forceinline__ void wgmma_prefetch(const WgmmaMaps& maps, const TwMatmul& p, const WgmmaCluster& cluster, const WgmmaWork& work) {
    uint64_t bytes = (p.m + p.n) * p.k * (128 / Tile::K);
    if (bytes < (1 << 19) || bytes >= (1 << 23)) return;
    int m = int(work.m) * Tile::M, n = int(work.n) * Tile::N;
    auto outer = [&](const TwMatrix& x) { return x.batch[0] ? int(work.outer) : 0; };
    auto inner = [&](const TwMatrix& x) { return x.batch[1] ? int(work.inner) : 0; };
    for (uint32_t block = work.begin + work.n; block < work.end; block += p.tiles_n) {
        int k = int(block) * Tile::K;
        for (int i = 0; i < (A == K_MAJOR ? 1 : Tile::M / Tile::K); ++i) {
            tma_prefetch_box(maps.a, A == K_MAJOR ? k : m + Tile::K * i, A == K_MAJOR ? m : k, inner(p.a), outer(p.a));
        }
    }
    // A box of b is a cluster's share of it.
    int lines = (B == K_MAJOR ? Tile::N : Tile::K) / int(cluster.rows);
    for (uint32_t block = work.begin + work.m; block < work.end; block += p.tiles_m) {
        int k = int(block) * Tile::K;
        for (int from = 0; from < lines * int(cluster.rows); from += lines) {
            for (int i = 0; i < (B == K_MAJOR ? 1 : (Tile::N + Tile::K - 1) / Tile::K); ++i) {
                tma_prefetch_box(maps.b, B == K_MAJOR ? k : n + Tile::K * i, B == K_MAJOR ? n + from : k + from, inner(p.b), outer(p.b));
            }
        }
    }
}

// Whether one factor alone may be read before the wait.
__device__ __forceinline__ bool wgmma_begins(const TwMatmul& p) { return p.ahead == TW_AHEAD_A || p.ahead == TW_AHEAD_B; }

// Of how many stages it is. Where the kernel before leaves multiprocessors to this one, or one factor is most of what is read, there is time
// for some; else the other factor would come behind what is not needed yet.
template <class Tile>
__device__ __forceinline__ uint32_t wgmma_early_stages(const TwMatmul& p) {
    uint32_t multiprocessors;
    asm("mov.u32 %0, %%nsmid;" : "=r"(multiprocessors));
    bool several = 2 * gridDim.x * gridDim.y * gridDim.z <= multiprocessors || p.tiles_m == 1 || p.tiles_n == 1;
    return several ? min(Tile::STAGES, (48 << 10) / int(Tile::B_BYTES)) : 1;
}

// Fills the ring with what this block's work reads. Only one thread calls it: a second one, for b, made nothing faster.
template <class Tile, Major A, Major B, bool EPILOGUE, bool BEGINS>
__device__ __forceinline__ void wgmma_produce(const WgmmaMaps& maps, const TwMatmul& p, const WgmmaCluster& cluster, uint32_t shared,
                                              uint32_t first, uint32_t step, uint32_t items, uint32_t depth) {
    // K elements are a row of 128 bytes, whichever way a factor runs.
    constexpr int M = Tile::M, N = Tile::N, K = Tile::K;
    constexpr int COLUMNS = B == K_MAJOR ? N : (N + K - 1) / K * K;
    static_assert(COLUMNS * 128 <= Tile::B_BYTES, "a stage holds what is loaded of b");
    uint32_t barriers = shared + Tile::BARRIERS;
    // This block's share of b: columns where it runs along k, else lines of k.
    uint32_t b_from = (B == K_MAJOR ? N : K) / cluster.rows * cluster.row;
    uint16_t peers = cluster.peers();
    // Where a has fewer rows than a tile, its boxes do too; the rows of sums beyond them are made of what was there before, and not written.
    // Columns of b likewise, where the tile says so.
    auto rows = [](Major major, uint64_t length) {
        uint32_t unit = major == K_MAJOR ? 8 : K;
        return (uint32_t(length) + unit - 1) / unit * unit;
    };
    uint32_t a_rows = (A == K_MAJOR || Tile::TRIMS) && p.m < M ? rows(A, p.m) : M;
    uint32_t b_rows = Tile::TRIMS && cluster.rows == 1 && p.n < N ? rows(B, p.n) : COLUMNS;
    uint32_t bytes = (a_rows + b_rows) * 128;
    auto load_b = [&](uint32_t to, uint32_t arrived, int x, int y, int inner, int outer) {
        if (cluster.rows == 1) {
            tma_load(to, maps.b, arrived, x, y, inner, outer);
        } else {
            tma_load_multicast(to, maps.b, arrived, x, y, inner, outer, peers);
        }
    };
    RingPosition<Tile::STAGES> ring;
    // The next stage's barrier, once the stage is free and `bytes` have been announced.
    auto enter = [&](uint32_t bytes) {
        uint32_t arrived = barriers + 16 * ring.stage;
        mbarrier_wait(arrived + 8, ring.parity ^ 1);
        mbarrier_arrive_expect(arrived, bytes);
        return arrived;
    };
    for (uint32_t index = first; index < items; index += step) {
        WgmmaWork work = wgmma_work(p, cluster, index, depth);
        int m = int(work.m) * M, n = int(work.n) * N;
        auto outer = [&](const TwMatrix& x) { return x.batch[0] ? int(work.outer) : 0; };
        auto inner = [&](const TwMatrix& x) { return x.batch[1] ? int(work.inner) : 0; };
        // Copies of a block of k of those factors, bits TW_AHEAD_*, to a stage.
        auto load = [&](auto unrolls, uint32_t block, uint32_t stage, uint32_t factors) {
            [[maybe_unused]] constexpr bool UNROLLS = decltype(unrolls)::value;
            int k = int(block) * K;
            uint32_t arrived = barriers + 16 * stage, to = shared + stage * Tile::STAGE_BYTES;
            if (factors & TW_AHEAD_A) {
                if constexpr (A == K_MAJOR) {
                    tma_load(to, maps.a, arrived, k, m, inner(p.a), outer(p.a));
                } else {
#pragma unroll (UNROLLS ? M / K : 1)
                    for (int i = 0; i < M / K; ++i) {
                        if (Tile::TRIMS && i * K >= a_rows) break;
                        tma_load(to + i * K * 128, maps.a, arrived, m + K * i, k, inner(p.a), outer(p.a));
                    }
                }
            }
            if (factors & TW_AHEAD_B) {
                to += Tile::A_BYTES + b_from * 128;
                if constexpr (B == K_MAJOR) {
                    load_b(to, arrived, k, n + int(b_from), inner(p.b), outer(p.b));
                } else {
#pragma unroll (UNROLLS ? COLUMNS / K : 1)
                    for (int i = 0; i < COLUMNS / K; ++i) {
                        if (Tile::TRIMS && i * K >= b_rows) break;
                        load_b(to + i * K * 128, arrived, n + K * i, k + int(b_from), inner(p.b), outer(p.b));
                    }
                }
            }
        };
        uint32_t block = work.begin;
        if (BEGINS && index == first && wgmma_begins(p)) {
            // The first stages, one factor before the wait and the other after it; by loops, which are less code to fetch.
            uint32_t begun = min(work.end - work.begin, wgmma_early_stages<Tile>(p));
#pragma unroll 1
            for (uint32_t early = 2; early-- > 0;) {
                if (!early) wait_to_read(p.ahead);
#pragma unroll 1
                for (uint32_t stage = 0; stage < begun; ++stage) {
                    if (early) {
                        mbarrier_arrive_expect(barriers + 16 * stage, bytes);
                    } else {
                        ring.advance();
                    }
                    load(std::false_type(), block + stage, stage, early ? p.ahead : TW_AHEAD_ALL - p.ahead);
                }
            }
            block += begun;
        }
        for (; block < work.end; ++block, ring.advance()) {
            enter(bytes);
            load(std::true_type(), block, ring.stage, TW_AHEAD_ALL);
        }
        if constexpr (EPILOGUE) {
            // In the order in which wgmma_finish asks for them.
            auto load_pieces = [&](const TensorMap& map, const TwMatrix& x, int piece) {
                int count = min(Tile::HELD, Tile::PIECES - piece);
                uint32_t arrived = enter(count * M * 128);
                for (int i = 0; i < count; ++i) {
                    uint32_t to = shared + ring.stage * Tile::STAGE_BYTES + i * M * 128;
                    tma_load(to, map, arrived, n + Tile::column(piece + i), m, inner(x), outer(x));
                }
                ring.advance();
            };
            for (int piece = 0; piece < Tile::PIECES; piece += Tile::HELD) {
                if (p.boxed & TW_BOXED_MULTIPLY) load_pieces(maps.multiply, p.multiply, piece);
                if (p.boxed & TW_BOXED_C) load_pieces(maps.c, p.c, piece);
            }
        }
    }
}

// The product as `sums` adds it up, and what `rescale` makes of it.
template <class Tile, Major A, Major B, class Sums, class Rescale>
__device__ __forceinline__ void wgmma_matmul(const WgmmaMaps& maps, const TwMatmul& p, const Sums& sums, Rescale rescale) {
    using Out = typename Rescale::Out;
    constexpr int N = Tile::N;
    extern __shared__ char dynamic_shared[];
    // The swizzle works on address bits, so the buffers begin at a multiple of an atom.
    uint32_t shared = (shared_address(dynamic_shared) + 1023) & ~1023u;
    char* shared_pointer = dynamic_shared + (shared - shared_address(dynamic_shared));

    // Equal in all threads of a warp, which the compiler cannot know of threadIdx.
    uint32_t warp = __shfl_sync(~0u, threadIdx.x / 32, 0);
    uint32_t group = warp / 4;
    uint3 size = cluster_shape(), at = cluster_place();
    WgmmaCluster cluster{size.y, size.z, at.y, at.z};
    WgmmaWarp<Tile> w{shared, shared_pointer, cluster, group - 1, warp % 4, threadIdx.x % 32};

    if (threadIdx.x == 0) {
        tma_prefetch(maps.a);
        tma_prefetch(maps.b);
        if (p.boxed & TW_BOXED_OUT) tma_prefetch(maps.out);
        if (p.boxed & TW_BOXED_MULTIPLY) tma_prefetch(maps.multiply);
        if (p.boxed & TW_BOXED_C) tma_prefetch(maps.c);
        for (int stage = 0; stage < Tile::STAGES; ++stage) {
            mbarrier_init(w.full(stage), 1);
            mbarrier_init(w.empty(stage), 4 * Tile::CONSUMERS * cluster.rows);
        }
        mbarrier_init(w.exchanged(), 1);
        mbarrier_init_fence();
    }
    cluster_barrier_relaxed();
    uint32_t items = wgmma_items(p, cluster);
    uint32_t first = blockIdx.z / cluster.slices;
    uint32_t step = gridDim.z / cluster.slices;
    uint32_t depth = uint32_t((p.k + Tile::K - 1) / Tile::K);
    if (p.ahead != TW_AHEAD_ALL && warp == 1 && elect_one()) wgmma_prefetch<Tile, A, B>(maps, p, cluster, wgmma_work(p, cluster, first, depth));
    // The producer waits by itself when it has begun. Where two warpgroups multiply it has few registers: none to begin with in the largest
    // tile, or beside an epilogue's operands.
    constexpr bool BEGINS = Tile::CONSUMERS == 1 || (Rescale::ENDING != WGMMA_EPILOGUE && N < 256);
    if (!BEGINS || group != 0 || !wgmma_begins(p)) wait_to_read(p.ahead);
    if (!rescale.applies()) return;

    if (group == 0) {
        if constexpr (Tile::CONSUMERS == 2) registers_release<Tile::LOADING_REGISTERS>();
        constexpr bool EPILOGUE = !Tile::SPLIT && Rescale::ENDING == WGMMA_EPILOGUE;
        if (warp == 0 && elect_one()) {
            wgmma_produce<Tile, A, B, EPILOGUE, BEGINS>(maps, p, cluster, shared, first, step, items, depth);
        }
        if constexpr (Tile::SPLIT) {
            cluster_barrier_relaxed();
            cluster_barrier_relaxed();
        }
    } else {
        if constexpr (Tile::CONSUMERS == 2) registers_acquire<Tile::MULTIPLYING_REGISTERS>();
        float d[N / 2];
        constexpr bool DEFERS = Tile::DEFERS && Sums::SPARES && Rescale::ENDING != WGMMA_EPILOGUE && sizeof(Out) == 2;
        WgmmaDeferred<Out, Tile> deferred(w, maps.out);

        for (uint32_t index = first; index < items; index += step) {
            WgmmaWork work = wgmma_work(p, cluster, index, depth);
            if constexpr (DEFERS) {
                sums(d, w, work, deferred);
                // What follows from a warp's place is not to be kept in registers meanwhile: there are few.
                asm volatile("" : "+r"(w.warp), "+r"(w.lane));
            } else {
                sums(d, w, work);
            }
            wait_to_write(p.ahead);
            uint32_t batch = work.outer * p.batch[1] + work.inner;
            rescale(d, work.m * Tile::M + w.consumer * 64, work.n * N, batch);
            if constexpr (DEFERS) {
                // Only where another tile follows; without a stage for each piece nothing would be gained.
                if (p.boxed & TW_BOXED_OUT && index + step < items && depth >= Tile::PIECES) {
                    deferred.take(d, work);
                    continue;
                }
            }
            if constexpr (Tile::SPLIT) {
                wgmma_combine<Out, Rescale::ENDING == WGMMA_PLAIN_BOXES>(d, w, maps.out, p, work, index);
            } else if constexpr (Rescale::ENDING == WGMMA_PLAIN_BOXES) {
                wgmma_store<Out>(d, w, maps.out, work);
            } else if constexpr (sizeof(Out) == 2) {
                if (!(p.boxed & TW_BOXED_OUT)) {
                    wgmma_write<Out>(d, w, p, work);
                } else if constexpr (Rescale::ENDING == WGMMA_EPILOGUE) {
                    wgmma_finish<Out>(d, w, maps.out, p, work);
                } else {
                    wgmma_store<Out>(d, w, maps.out, work);
                }
            } else if (Tile::BOXES_WIDE && p.boxed & TW_BOXED_OUT) {
                if constexpr (Tile::BOXES_WIDE) wgmma_store_wide(d, w, maps.out, p, work);
            } else {
                wgmma_write<Out>(d, w, p, work);
            }
        }
        // The staging goes with the block; what was read from it will be written.
        if (w.stores()) tma_store_wait_read<0>();
    }
    // No block may leave while another one still signals its barriers or writes its buffers.
    if (cluster.rows > 1) cluster_barrier_relaxed();
}

}  // namespace tw
