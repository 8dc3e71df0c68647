// The product of f32 factors as TF32 on Hopper's tensor cores (sm_90a): the kernel of wgmma_kernel.h with 32 of k in a stage.
//
// The copy engine rounds the factors to TF32 on their way to shared memory (tensor maps of type TFLOAT32). The instruction reads from there
// what runs along k alone, but takes its rows of a from registers too: so a may run along m, each thread reading its elements, and
// b runs along k. Where b does not but a does, the transpose is computed, and the output written by columns. Where neither does, each
// stage's b is turned in place.
//
// A stage's rows of a have registers of their own, and so has the next stage's, which are read while the tensor cores multiply.
#pragma once

#include "tilework/matmul/wgmma_kernel.h"

namespace tw {

template <int CONSUMERS, int N, bool SPLIT = false>
struct Tf32Tile : WgmmaTile<CONSUMERS, N, SPLIT> {
    static constexpr int K = 32;
    static constexpr int LOADING_REGISTERS = 72;
    static constexpr int MULTIPLYING_REGISTERS = 216;
    static constexpr bool TRIMS = true;
    static constexpr bool BOXES_WIDE = !SPLIT;
    static constexpr bool BY_COLUMNS = true;
};

// A thread's elements of the rows of a in a stage.
struct Tf32Rows {
    uint32_t at[4][4];
};

// Where they lie. The stage has lines of 32 rows for one k, swizzled as the copy engine writes them, 32 lines a block.
//
// A lane with k = 0 or 1 modulo 4 would meet its neighbour's bank, and so would 2 and 3: so the odd ones read k + 4 first, and then k.
struct Tf32Place {
    uint32_t offset;
    bool odd;

    template <class Tile>
    explicit __device__ __forceinline__ Tf32Place(const WgmmaWarp<Tile>& w) {
        uint32_t row = 16 * (w.warp % 2) + w.lane / 4, k = w.lane % 4;
        odd = k % 2;
        if (odd) k += 4;
        offset = (2 * w.consumer + w.warp / 2) * 4096 + k * 128 + ((row / 4 ^ k) << 4) + row % 4 * 4;
    }

    __device__ __forceinline__ void read(Tf32Rows& rows, uint32_t stage) const {
        // Eight rows on is another chunk, four of k on another line and chunk.
        uint32_t first = stage + offset, places[4] = {first, first ^ 32, first ^ 0x240, first ^ 0x260};
#pragma unroll
        for (int step = 0; step < 4; ++step) {
            uint32_t x[4];
#pragma unroll
            for (int i = 0; i < 4; ++i) asm volatile("ld.shared.u32 %0, [%1];" : "=r"(x[i]) : "r"(places[i] + 1024 * step));
#pragma unroll
            for (int i = 0; i < 4; ++i) rows.at[step][i] = odd ? x[i ^ 2] : x[i];
        }
    }
};

// The turning of a stage's b, from lines of 32 columns for one k to lines of k for one column, swizzled, 32 lines a block, in place. All
// warps that multiply take part: one swaps the elements (l, l ^ j) of a block with their mirror images, for all l and eight j at a time.
// What it meets then is in different banks.
template <class Tile>
struct Tf32Turn {
    static constexpr int BLOCKS = Tile::N / 32 / Tile::CONSUMERS;
    uint32_t from;
    uint32_t to;

    explicit __device__ __forceinline__ Tf32Turn(const WgmmaWarp<Tile>& w) {
        uint32_t diagonal = w.lane * 128 + ((w.lane / 4 ^ w.lane % 8) << 4) + w.lane % 4 * 4;
        from = diagonal ^ w.warp << 5;
        to = diagonal ^ w.warp << 10;
    }

    __device__ __forceinline__ void operator()(const WgmmaWarp<Tile>& w, uint32_t b) const {
        uint32_t first = b + w.consumer * (BLOCKS * 4096);
        uint32_t x[BLOCKS][8];
#pragma unroll
        for (int block = 0; block < BLOCKS; ++block) {
#pragma unroll
            for (uint32_t j = 0; j < 8; ++j) {
                asm volatile("ld.shared.u32 %0, [%1];" : "=r"(x[block][j]) : "r"(first + block * 4096 + (from ^ j << 2)) : "memory");
            }
        }
        __syncwarp();
#pragma unroll
        for (int block = 0; block < BLOCKS; ++block) {
#pragma unroll
            for (uint32_t j = 0; j < 8; ++j) {
                asm volatile("st.shared.u32 [%0], %1;" ::"r"(first + block * 4096 + (to ^ j << 7 ^ j << 4)), "r"(x[block][j]) : "memory");
            }
        }
        // The tensor cores read what all warps have turned.
        tma_store_fence();
        named_barrier(3, 128 * Tile::CONSUMERS);
    }
};

// Sums of products whose a runs along m.
template <Major B>
struct Tf32Sums {
    static constexpr bool SPARES = false;

    template <class Tile>
    __device__ __forceinline__ void operator()(float (&d)[Tile::N / 2], WgmmaWarp<Tile>& w, const WgmmaWork& work) const {
        Tf32Place place(w);
        Tf32Turn<Tile> turn(w);
        Tf32Rows even, odd;
        // Reads the rows of the next stage, and starts its products.
        auto start = [&](Tf32Rows& rows, bool accumulate) {
            mbarrier_wait(w.full(w.ring.stage), w.ring.parity);
            uint32_t stage = w.buffer(w.ring.stage);
            place.read(rows, stage);
            if constexpr (B == MN_MAJOR) turn(w, stage + Tile::A_BYTES);
            uint64_t b = wgmma_descriptor(stage + Tile::A_BYTES, K_MAJOR, Tile::K);
            wgmma_pin(d);
            wgmma_fence();
#pragma unroll
            for (uint32_t step = 0; step < 4; ++step) {
                Wgmma<Tf32, Tile::N, K_MAJOR, K_MAJOR>::product(d, rows.at[step], wgmma_descriptor_after(b, 2 * step),
                                                                step != 0 || accumulate);
            }
            wgmma_commit();
            wgmma_pin(d);
            w.ring.advance();
        };
        // The products of the stage before are done: its registers and its buffer are free.
        auto finish = [&](bool any) {
            wgmma_wait<1>();
            if (any) w.release_before(2);
        };
        for (uint32_t block = work.begin;;) {
            start(even, block != work.begin);
            finish(block != work.begin);
            if (++block == work.end) break;
            start(odd, true);
            finish(true);
            if (++block == work.end) break;
        }
        wgmma_wait<0>();
        wgmma_pin(d);
        w.release_before(1);
    }
};

}  // namespace tw
