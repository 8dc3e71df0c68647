// How plain sums of tilework/matmul/wgmma_kernel.h leave the registers in f32: in pieces of 32 columns, boxes that the accelerator stores
// while the next piece is staged.
//
// A staged line is 128 bytes with the accelerator's swizzle: 32 columns of a row; or 32 rows of a column, where the output runs that way.
#pragma once

#include "tilework/matmul/wgmma_output.h"

namespace tw {

// Lines of columns. Neighbouring rows would meet in their banks, so those of odd number write their columns in another order.
__device__ __forceinline__ void wgmma_stage_rows(const float* d, char* staging, uint32_t warp, uint32_t lane) {
    uint32_t eighth = lane / 4, pair = lane % 4;
    bool odd = eighth % 2;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float *even_from = d + 4 * i + 2 * half, *odd_from = d + 4 * (i ^ 2) + 2 * half;
            uint32_t chunk = (2 * i + pair / 2) ^ (odd ? 4 : 0) ^ eighth;
            char* to = staging + (16 * warp + 8 * half + eighth) * 128 + (chunk << 4) + pair % 2 * 8;
            *reinterpret_cast<float2*>(to) = make_float2(odd ? odd_from[0] : even_from[0], odd ? odd_from[1] : even_from[1]);
        }
    }
}

// Lines of rows, those of the first 32 before the others.
__device__ __forceinline__ void wgmma_stage_columns(const float* d, char* staging, uint32_t warp, uint32_t lane) {
#pragma unroll
    for (int i = 0; i < 16; ++i) {
        uint32_t row = 16 * (warp % 2) + 8 * (i / 2 % 2) + lane / 4, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
        uint32_t chunk = row / 4 ^ column % 8;
        *reinterpret_cast<float*>(staging + warp / 2 * 4096 + column * 128 + (chunk << 4) + row % 4 * 4) = d[i];
    }
}

template <class Tile, bool BY_COLUMNS>
__device__ __forceinline__ void wgmma_store_lines(const float (&d)[Tile::N / 2], WgmmaWarp<Tile>& w, const TensorMap& out,
                                                  const WgmmaWork& work) {
    int m = int(work.m) * Tile::M + int(w.consumer) * 64, n = int(work.n) * Tile::N;
#pragma unroll
    for (int piece = 0; piece < Tile::N / 32; ++piece) {
        uint32_t half = w.staging() + w.turn * (Tile::STAGING_BYTES / 2);
        w.turn ^= 1;
        if (w.stores()) tma_store_wait_read<BY_COLUMNS ? 2 : 1>();
        w.await_group();
        char* staging = w.pointer + (half - w.shared);
        if constexpr (BY_COLUMNS) {
            wgmma_stage_columns(d + 16 * piece, staging, w.warp, w.lane);
        } else {
            wgmma_stage_rows(d + 16 * piece, staging, w.warp, w.lane);
        }
        tma_store_fence();
        w.await_group();
        if (!w.stores()) continue;
        if constexpr (BY_COLUMNS) {
            tma_store(out, half, m, n + 32 * piece, int(work.inner), int(work.outer));
            tma_store(out, half + 4096, m + 32, n + 32 * piece, int(work.inner), int(work.outer));
        } else {
            tma_store(out, half, n + 32 * piece, m, int(work.inner), int(work.outer));
        }
    }
}

template <class Tile>
__device__ __forceinline__ void wgmma_store_wide(const float (&d)[Tile::N / 2], WgmmaWarp<Tile>& w, const TensorMap& out,
                                                 const TwMatmul& p, const WgmmaWork& work) {
    if constexpr (Tile::BY_COLUMNS) {
        if (p.out.column != 1) return wgmma_store_lines<Tile, true>(d, w, out, work);
    }
    wgmma_store_lines<Tile, false>(d, w, out, work);
}

}  // namespace tw
