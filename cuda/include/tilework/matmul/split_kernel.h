// The f32 product of planes that the passes of tilework/matmul/split_pass.h have written (Hopper, sm_90a).
//
// As in wgmma_kernel.h, a block is persistent, one thread of a producer warpgroup fills a ring of stages, and two consumer
// warpgroups multiply from there. What differs:
//
//   A stage holds all planes of 32 of k, which are one run of memory for each factor.
//
//   The tensor cores cut what does not fit below a sum, where ordinary additions round to nearest. So the products of the greatest
//   pieces have sums of their own, `high`, that last for one stage and are then added to a sum in other registers. All other
//   products are smaller by 2^-8 or more, and what is cut from them by as much; their sums, `low`, last for LOW stages. While one
//   of the two is being added, the tensor cores are busy with the other.
//
//   Where tiles are few, the two warpgroups share the rows of one tile and take turns at the stages (SLICED); the second hands
//   its sums to the first at the end.
#pragma once

#include "tilework/cluster.h"
#include "tilework/dependent.h"
#include "tilework/matmul/epilogue.h"
#include "tilework/matmul/schedule.h"
#include "tilework/matmul/split_rescale.h"
#include "tilework/mbarrier.h"
#include "tilework/tma.h"
#include "tilework/wgmma.h"

namespace tw {

// Which planes of a and b are multiplied for `low`: a hexadecimal digit for each product, the first one lowest.
template <SplitScheme SCHEME>
struct SplitProducts;

template <>
struct SplitProducts<SPLIT_F16> {
    using type = f16;
    static constexpr int PLANES = 2;
    static constexpr int COUNT = 2;
    static constexpr uint32_t A = 0x01;
    static constexpr uint32_t B = 0x10;
};

template <>
struct SplitProducts<SPLIT_BF16> {
    using type = bf16;
    static constexpr int PLANES = 3;
    static constexpr int COUNT = 5;
    static constexpr uint32_t A = 0x01102;
    static constexpr uint32_t B = 0x10120;
};

template <SplitScheme SCHEME, int N, bool SLICED>
struct SplitShape {
    static constexpr int M = SLICED ? 64 : 128;
    static constexpr int PLANES = SplitProducts<SCHEME>::PLANES;
    static constexpr uint32_t A_PLANE = M * 64;
    static constexpr uint32_t B_PLANE = N * 64;
    static constexpr uint32_t STAGE_BYTES = (A_PLANE + B_PLANE) * PLANES;
    // The sums that one warpgroup hands to the other.
    static constexpr uint32_t HANDOVER_BYTES = SLICED ? M * N * 4 : 0;
    static constexpr int FITTING = int((227 * 1024 - 2048 - HANDOVER_BYTES) / STAGE_BYTES);
    static constexpr int STAGES = FITTING < 8 ? FITTING : 8;
    static constexpr uint32_t HANDOVER = STAGES * STAGE_BYTES;
    static constexpr uint32_t BARRIERS = HANDOVER + HANDOVER_BYTES;
    static constexpr uint32_t SHARED_BYTES = 1024 + BARRIERS + 2 * 8 * STAGES;
};

constexpr int SPLIT_MATMUL_THREADS = 384;

template <SplitScheme SCHEME, int N, bool SLICED>
__device__ __forceinline__ void split_matmul(const TwSplit& s) {
    const TwMatmul& p = s.product;
    using Products = SplitProducts<SCHEME>;
    using Shape = SplitShape<SCHEME, N, SLICED>;
    using T = typename Products::type;
    constexpr int PLANES = Shape::PLANES;
    constexpr int STAGES = Shape::STAGES;
    constexpr uint32_t LOW = 16;
    // What a consumer's position in the ring moves by.
    constexpr uint32_t TURNS = SLICED ? 2 : 1;
    extern __shared__ char dynamic_shared[];
    uint32_t shared = (shared_address(dynamic_shared) + 1023) & ~1023u;
    uint32_t barriers = shared + Shape::BARRIERS;
    auto full = [&](uint32_t stage) { return barriers + 16 * stage; };
    auto empty = [&](uint32_t stage) { return barriers + 16 * stage + 8; };

    uint32_t warp = __shfl_sync(~0u, threadIdx.x / 32, 0);
    uint32_t group = warp / 4;
    if (threadIdx.x == 0) {
        for (int stage = 0; stage < STAGES; ++stage) {
            mbarrier_init(full(stage), 1);
            mbarrier_init(empty(stage), SLICED ? 4 : 8);
        }
        mbarrier_init_fence();
    }
    __syncthreads();
    wait_for_previous_kernel();
    if (split_verdict(s).scheme != SCHEME) return;

    uint32_t tiles = p.tiles_m * p.tiles_n * p.batch[0] * p.batch[1];
    uint32_t depth = s.depth;

    if (group == 0) {
        registers_release<24>();
        if (warp == 0 && elect_one()) {
            uint32_t stage = 0, parity = 1;
            for (uint32_t index = blockIdx.x; index < tiles; index += gridDim.x) {
                Tile tile = tile_at(index, p.tiles_m, p.tiles_n, p.group);
                auto from = [&](int which, uint32_t block, uint32_t plane) {
                    const TwSplitFactor& x = s.factors[which];
                    uint32_t outer = x.matrices[0] > 1 ? tile.batch / p.batch[1] : 0;
                    uint32_t inner = x.matrices[1] > 1 ? tile.batch % p.batch[1] : 0;
                    uint64_t matrix = uint64_t(outer) * x.matrices[1] + inner;
                    return reinterpret_cast<const char*>(x.planes[SCHEME]) + (matrix * x.blocks + block) * depth * (PLANES * plane);
                };
                const char* a = from(0, tile.m, Shape::A_PLANE);
                const char* b = from(1, tile.n, Shape::B_PLANE);
                for (uint32_t block = 0; block < depth; ++block) {
                    mbarrier_wait(empty(stage), parity);
                    mbarrier_arrive_expect(full(stage), Shape::STAGE_BYTES);
                    uint32_t to = shared + stage * Shape::STAGE_BYTES;
                    bulk_load(to, a, PLANES * Shape::A_PLANE, full(stage));
                    bulk_load(to + PLANES * Shape::A_PLANE, b, PLANES * Shape::B_PLANE, full(stage));
                    a += PLANES * Shape::A_PLANE;
                    b += PLANES * Shape::B_PLANE;
                    if (++stage == STAGES) stage = 0, parity ^= 1;
                }
            }
        }
        return;
    }
    registers_acquire<240>();
    uint32_t consumer = group - 1;
    uint32_t lane = threadIdx.x % 32;
    // The place of the next stage in two rounds of the ring, of which the second has the other parity. The depth is even.
    uint32_t at = SLICED ? consumer : 0;
    uint32_t blocks = SLICED ? depth / 2 : depth;
    float sum[N / 2], low[N / 2], high[N / 2];
    auto stage_of = [&] { return at >= STAGES ? at - STAGES : at; };
    auto a_descriptor = [&](uint32_t stage) {
        return split_descriptor(shared + stage * Shape::STAGE_BYTES + (SLICED ? 0 : consumer * 64 * 64));
    };
    auto b_descriptor = [&](uint32_t stage) {
        return split_descriptor(shared + stage * Shape::STAGE_BYTES + PLANES * Shape::A_PLANE);
    };
    // Starts the products for `low` of the next stage.
    auto start_low = [&](bool accumulate) {
        mbarrier_wait(full(stage_of()), at >= STAGES);
        uint64_t a = a_descriptor(stage_of()), b = b_descriptor(stage_of());
        wgmma_pin(low);
        wgmma_fence();
#pragma unroll
        for (int product = 0; product < Products::COUNT; ++product) {
#pragma unroll
            for (int half = 0; half < SPLIT_K / WGMMA_K; ++half) {
                uint32_t a_plane = Products::A >> 4 * product & 15, b_plane = Products::B >> 4 * product & 15;
                Wgmma<T, N, K_MAJOR, K_MAJOR>::product(low, a + (a_plane * Shape::A_PLANE >> 4) + half * SPLIT_DESCRIPTOR_STEP,
                                                       b + (b_plane * Shape::B_PLANE >> 4) + half * SPLIT_DESCRIPTOR_STEP,
                                                       product != 0 || half != 0 || accumulate);
            }
        }
        wgmma_commit();
        wgmma_pin(low);
    };
    // Starts those for `high`; the stage is the one that start_low has waited for.
    auto start_high = [&] {
        uint64_t a = a_descriptor(stage_of()), b = b_descriptor(stage_of());
        wgmma_pin(high);
        wgmma_fence();
#pragma unroll
        for (int half = 0; half < SPLIT_K / WGMMA_K; ++half) {
            Wgmma<T, N, K_MAJOR, K_MAJOR>::product(high, a + half * SPLIT_DESCRIPTOR_STEP, b + half * SPLIT_DESCRIPTOR_STEP, half != 0);
        }
        wgmma_commit();
        wgmma_pin(high);
    };
    auto add = [&](float(&part)[N / 2]) {
        wgmma_pin(part);
#pragma unroll
        for (int i = 0; i < N / 2; ++i) sum[i] += part[i];
    };
    for (uint32_t index = blockIdx.x; index < tiles; index += gridDim.x) {
        Tile tile = tile_at(index, p.tiles_m, p.tiles_n, p.group);
#pragma unroll
        for (int i = 0; i < N / 2; ++i) sum[i] = 0;
        for (uint32_t block = 0; block < blocks; block += LOW) {
            uint32_t count = min(LOW, blocks - block);
            start_low(false);
#pragma unroll 1
            for (uint32_t i = 1; i < count; ++i) {
                start_high();
                uint32_t done = stage_of();
                at += TURNS;
                if (at >= 2 * STAGES) at -= 2 * STAGES;
                start_low(true);
                wgmma_wait<1>();
                if (lane == 0) mbarrier_arrive(empty(done));
                add(high);
            }
            start_high();
            wgmma_wait<0>();
            if (lane == 0) mbarrier_arrive(empty(stage_of()));
            at += TURNS;
            if (at >= 2 * STAGES) at -= 2 * STAGES;
            add(high);
            add(low);
        }

        if constexpr (SLICED) {
            float* handover = reinterpret_cast<float*>(dynamic_shared + (shared + Shape::HANDOVER - shared_address(dynamic_shared)));
            handover += threadIdx.x % 128;
            if (consumer == 1) {
#pragma unroll
                for (int i = 0; i < N / 2; ++i) handover[128 * i] = sum[i];
            }
            named_barrier(1, 256);
            if (consumer == 0) {
#pragma unroll
                for (int i = 0; i < N / 2; ++i) sum[i] += handover[128 * i];
            }
            named_barrier(2, 256);
            if (consumer == 1) continue;
        }

        // Asked for anew: what the thread's place follows from would be kept through the loop, and there is no register for it.
        uint32_t thread;
        asm volatile("mov.u32 %0, %%laneid;" : "=r"(thread));
        uint32_t m = tile.m * Shape::M + (SLICED ? 0 : consumer * 64) + 16 * (warp % 4) + thread / 4;
        uint32_t n = tile.n * N + 2 * (thread % 4);
        split_rescale<SCHEME>(s, split_verdict(s).small, sum, m, n, tile.batch);
        Epilogue<float> epilogue(p, tile.batch);
        auto place = [&](int i) { return longlong2{int64_t(m) + 8 * (i % 2), int64_t(n) + 8 * (i / 2)}; };
        epilogue.template write_all<2>(reinterpret_cast<const float(&)[N / 4][2]>(sum), place);
    }
}

}  // namespace tw
