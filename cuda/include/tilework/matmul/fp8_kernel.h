// The product of 8-bit floats of Hopper (sm_90a): the kernel of wgmma_kernel.h with 128 of k in a stage and sums of other kinds.
//
// The tensor cores keep 13 bits behind the point of a sum of 8-bit products: what lies further below the greatest addend is cut off.
// So their sums are short ones, of 128 of k, which ordinary additions put together in f32 (PRECISE); where blocks of the factors have
// scales, a short sum is multiplied by those of its blocks on the way (BLOCKS). FAST leaves everything to the tensor cores.
//
// A short sum has registers of its own, beside those of all sums. Up to 128 columns there are two: while one is added, the tensor
// cores are busy with the other. A wider tile has one, of half its columns if there are 256, which it does one after the other: while
// one warpgroup adds, the other has the tensor cores.
//
// Both factors run along k in memory: the instruction knows no other order.
#pragma once

#include "tilework/matmul/wgmma_kernel.h"

namespace tw {

enum Fp8Kind { FP8_FAST, FP8_PRECISE, FP8_BLOCKS };

// The sides of a block that has a scale: of k in both factors, and columns of b.
constexpr int FP8_BLOCK = 128;

template <int CONSUMERS, int N, bool SPLIT = false>
struct Fp8Tile : WgmmaTile<CONSUMERS, N, SPLIT> {
    static constexpr int K = FP8_BLOCK;
    static constexpr int IN_FLIGHT = 1;
};

// Keeps what follows from a warp's place from being computed before its sums: small products are short of that time, and tiles with
// two short sums of registers. (Those of 256 columns have fewer to spare for the place itself.)
template <class Tile>
__device__ __forceinline__ void fp8_forget(WgmmaWarp<Tile>& w) {
    if constexpr (Tile::N <= 128) asm volatile("" : "+r"(w.shared), "+r"(w.consumer), "+r"(w.warp), "+r"(w.lane));
}

// The scales of a tile's blocks, fetched one block of k ahead. Of the four lanes that share two rows each fetches one: of the first row,
// of the second, of the first 128 columns and of the second.
struct Fp8Scales {
    const float* next;
    int step;
    float fetched;

    template <class Tile>
    __device__ __forceinline__ Fp8Scales(const TwFp8& f, const WgmmaWarp<Tile>& w, const WgmmaWork& work) {
        const TwMatmul& p = f.product;
        uint32_t which = w.lane % 4;
        bool of_a = which < 2;
        const TwMatrix& x = of_a ? f.a_scales : f.b_scales;
        // Rows and columns beyond the output are not written, but their scales must not be read either.
        int m = int(work.m) * Tile::M + int(w.consumer) * 64 + 16 * int(w.warp) + int(w.lane) / 4 + 8 * int(which);
        int n = int(work.n) * Tile::N / FP8_BLOCK + int(which) - 2;
        int64_t line = of_a ? min(m, int(p.m) - 1) * x.row : min(n, (int(p.n) - 1) / FP8_BLOCK) * x.column;
        step = int(of_a ? x.column : x.row);
        next = reinterpret_cast<const float*>(x.pointer) + int64_t(work.outer) * x.batch[0] + int64_t(work.inner) * x.batch[1] + line +
               int64_t(work.begin) * step;
        fetch();
    }

    __device__ __forceinline__ void fetch() {
        fetched = *next;
        next += step;
    }
};

template <typename TA, typename TB, Fp8Kind KIND>
struct Fp8Sums {
    static constexpr bool SPARES = false;

    const TwFp8& f;

    // What a short sum's rows are multiplied by: the scales of the `half` of 128 columns, of which `fetched` is this lane's.
    static __device__ __forceinline__ float2 factors(float fetched, int half) {
        if constexpr (KIND != FP8_BLOCKS) return make_float2(1, 1);
        float column = __shfl_sync(~0u, fetched, 2 + half, 4);
        return make_float2(__shfl_sync(~0u, fetched, 0, 4) * column, __shfl_sync(~0u, fetched, 1, 4) * column);
    }

    // sums += part, times what belongs to the rows.
    template <int COUNT>
    static __device__ __forceinline__ void add(float* sums, float (&part)[COUNT], float2 by) {
        wgmma_pin(part);
        if constexpr (KIND == FP8_BLOCKS) {
#pragma unroll
            for (int i = 0; i < COUNT; ++i) sums[i] = fmaf(part[i], i % 4 < 2 ? by.x : by.y, sums[i]);
        } else {
#pragma unroll
            for (int i = 0; i < COUNT; ++i) sums[i] += part[i];
        }
    }

    // Waits for the next stage.
    template <class Tile>
    static __device__ __forceinline__ void enter(const WgmmaWarp<Tile>& w) {
        mbarrier_wait(w.full(w.ring.stage), w.ring.parity);
    }

    // Starts the products of the stage for COLUMNS columns from number `column` on.
    template <class Tile, int COLUMNS>
    static __device__ __forceinline__ void multiply(float (&part)[COLUMNS / 2], const WgmmaWarp<Tile>& w, uint32_t column = 0) {
        uint32_t stage = w.buffer(w.ring.stage);
        uint64_t a = wgmma_descriptor(stage + w.consumer * 8192, K_MAJOR, Tile::K);
        uint64_t b = wgmma_descriptor(stage + Tile::A_BYTES + column * 128, K_MAJOR, Tile::K);
        wgmma_pin(part);
        wgmma_fence();
#pragma unroll
        for (uint32_t step = 0; step < 4; ++step) {
            Wgmma<Fp8Pair<TA, TB>, COLUMNS, K_MAJOR, K_MAJOR>::product(part, wgmma_descriptor_after(a, 2 * step),
                                                                       wgmma_descriptor_after(b, 2 * step), step != 0);
        }
        wgmma_commit();
        wgmma_pin(part);
    }

    template <class Tile>
    __device__ __forceinline__ void operator()(float (&d)[Tile::N / 2], WgmmaWarp<Tile>& w, const WgmmaWork& work) const {
        constexpr int N = Tile::N;
#pragma unroll
        for (int i = 0; i < N / 2; ++i) d[i] = 0;
        if constexpr (KIND == FP8_BLOCKS) {
            Fp8Scales scales(f, w, work);
            over(d, w, work, [&](uint32_t block) {
                float now = scales.fetched;
                if (block + 1 < work.end) scales.fetch();
                return now;
            });
        } else {
            over(d, w, work, [](uint32_t) { return 1.0f; });
        }
        fp8_forget(w);
    }

    // `fetch` gives this lane's scale of a block, each once.
    template <class Tile, class Fetch>
    static __device__ __forceinline__ void over(float (&d)[Tile::N / 2], WgmmaWarp<Tile>& w, const WgmmaWork& work, Fetch fetch) {
        constexpr int N = Tile::N;
        if constexpr (N > 128) {
            constexpr int COLUMNS = N == 256 ? 128 : N;
            static_assert(KIND == FP8_PRECISE || COLUMNS == FP8_BLOCK, "the columns of a short sum have one scale");
            float part[COLUMNS / 2];
            for (uint32_t block = work.begin; block < work.end; ++block) {
                float fetched = fetch(block);
                enter(w);
#pragma unroll
                for (int half = 0; half < N / COLUMNS; ++half) {
                    multiply<Tile, COLUMNS>(part, w, half * COLUMNS);
                    float2 by = factors(fetched, half);
                    wgmma_wait<0>();
                    if ((half + 1) * COLUMNS == N) w.release_before(0);
                    add(d + half * COLUMNS / 2, part, by);
                }
                w.ring.advance();
            }
        } else {
            float even[N / 2], odd[N / 2];
            float2 by_even, by_odd = {};
            auto start = [&](float(&part)[N / 2], float2& by, uint32_t block) {
                float fetched = fetch(block);
                enter(w);
                multiply<Tile, N>(part, w);
                by = factors(fetched, 0);
                w.ring.advance();
            };
            // While the other's products are under way, or after all.
            auto finish = [&](float(&part)[N / 2], float2 by, bool last) {
                if (last) {
                    wgmma_wait<0>();
                } else {
                    wgmma_wait<1>();
                }
                w.release_before(last ? 1 : 2);
                add(d, part, by);
            };
            start(even, by_even, work.begin);
            uint32_t block = work.begin + 1;
#pragma unroll 1
            for (; block + 1 < work.end; block += 2) {
                start(odd, by_odd, block);
                finish(even, by_even, false);
                start(even, by_even, block + 1);
                finish(odd, by_odd, false);
            }
            if (block < work.end) {
                start(odd, by_odd, block);
                finish(even, by_even, false);
                finish(odd, by_odd, true);
            } else {
                finish(even, by_even, true);
            }
        }
    }
};

template <typename TA, typename TB>
struct Fp8Sums<TA, TB, FP8_FAST> {
    static constexpr bool SPARES = true;

    const TwFp8& f;

    template <class Tile, class... Deferred>
    __device__ __forceinline__ void operator()(float (&d)[Tile::N / 2], WgmmaWarp<Tile>& w, const WgmmaWork& work,
                                               Deferred&... deferred) const {
        WgmmaSums<Fp8Pair<TA, TB>, K_MAJOR, K_MAJOR>()(d, w, work, deferred...);
        fp8_forget(w);
    }
};

// The scales that are for all of a factor.
template <typename Out_, Fp8Kind KIND>
struct Fp8Rescale {
    using Out = Out_;
    static constexpr WgmmaEnding ENDING = WGMMA_PLAIN;
    const TwFp8& f;

    __device__ __forceinline__ bool applies() { return true; }

    template <int COUNT>
    __device__ __forceinline__ void operator()(float (&sums)[COUNT], uint32_t, uint32_t, uint32_t) const {
        if constexpr (KIND != FP8_BLOCKS) {
            auto scale = [](const TwMatrix& x) { return x.pointer ? *reinterpret_cast<const float*>(x.pointer) : 1.0f; };
            float a = scale(f.a_scales), b = scale(f.b_scales);
#pragma unroll
            for (int i = 0; i < COUNT; ++i) sums[i] = sums[i] * a * b;
        }
    }
};

}  // namespace tw
