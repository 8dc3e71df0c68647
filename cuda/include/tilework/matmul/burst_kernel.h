// Batches of 16-bit products whose matrices have at most 64 rows, columns and depth (sm_80 and later): both factors fit in shared
// memory at once, so a block computes one product and asks for all that it reads in one burst. Eight blocks share a
// multiprocessor and fill each other's waits.
#pragma once

#include "tilework/cp_async.h"
#include "tilework/dependent.h"
#include "tilework/matmul/epilogue.h"
#include "tilework/mma.h"
#include "tilework/shared_address.h"
#include "tilework/wgmma_descriptor.h"

namespace tw {

// A factor of the block's product: l is m of a or n of b. MAJOR says which of l and k has a stride of 1.
template <typename T, Major MAJOR>
struct BurstFactor {
    const T* base;
    // The stride across the direction of stride 1.
    int64_t across;
    int l_count, k_count;

    __device__ __forceinline__ BurstFactor(const TwMatmul& p, const TwMatrix& x, int64_t l_stride, int64_t k_stride, uint64_t l_count)
        : base(reinterpret_cast<const T*>(x.pointer) + int64_t(blockIdx.x / p.batch[1]) * x.batch[0] +
               int64_t(blockIdx.x % p.batch[1]) * x.batch[1]),
          across(MAJOR == K_MAJOR ? l_stride : k_stride),
          l_count(int(l_count)),
          k_count(int(p.k)) {}

    // Starts the copy of 16 bytes of line `line` (l, or k where that is across) from element `x` of it on.
    __device__ __forceinline__ void copy(uint32_t to, int line, int x) const {
        constexpr int V = 16 / sizeof(T);
        int left = line < (MAJOR == K_MAJOR ? l_count : k_count) ? (MAJOR == K_MAJOR ? k_count : l_count) - x : 0;
        uint32_t bytes = left >= V ? 16 : left > 0 ? left * int(sizeof(T)) : 0;
        copy_async<16>(to, base + line * across + x, bytes);
    }
};

// Writes 64 x 64 sums from shared memory, N columns a thread: fetch(row, column, values) reads them.
template <typename T, int N, int THREADS, typename Fetch>
__device__ __forceinline__ void burst_write(const TwMatmul& p, Fetch fetch) {
    Epilogue<T> epilogue(p, blockIdx.x);
    constexpr int LANES = 64 / N, STEP = THREADS / LANES;
    int row = threadIdx.x / LANES, column = threadIdx.x % LANES * N;
    float values[N];
    if (epilogue.template is_plain<N>()) {
#pragma unroll
        for (int i = 0; i < 64 / STEP; ++i) {
            fetch(row + i * STEP, column, values);
            epilogue.template write_plain<N>(row + i * STEP, column, values);
        }
    } else {
#pragma unroll 1
        for (int i = 0; i < 64 / STEP; ++i) {
            fetch(row + i * STEP, column, values);
            epilogue.write(row + i * STEP, column, values);
        }
    }
}

// Four warps of 32 x 32 each.
constexpr int BURST_MMA_THREADS = 128;
constexpr uint32_t BURST_MMA_FACTOR = 64 * 128;
constexpr uint32_t BURST_MMA_SHARED = 2 * BURST_MMA_FACTOR;

// Rows of 128 bytes whose 16-byte chunks are swizzled, so that eight rows at the same chunk lie in different banks.
__device__ __forceinline__ uint32_t burst_chunk(uint32_t row, uint32_t chunk) { return row * 128 + ((chunk ^ (row & 7)) << 4); }

template <typename T, Major A, Major B>
__device__ __forceinline__ void burst_mma(const TwMatmul& p) {
    extern __shared__ __align__(128) char dynamic_shared[];
    uint32_t shared = shared_address(dynamic_shared);
    uint32_t lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    BurstFactor<T, A> a(p, p.a, p.a.row, p.a.column, p.m);
    BurstFactor<T, B> b(p, p.b, p.b.column, p.b.row, p.n);
    wait_to_read(p.ahead);
    int chunk = threadIdx.x % 8;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
        int line = threadIdx.x / 8 + 16 * j;
        a.copy(shared + burst_chunk(line, chunk), line, chunk * 8);
        b.copy(shared + BURST_MMA_FACTOR + burst_chunk(line, chunk), line, chunk * 8);
    }
    copy_async_commit();
    uint32_t warp_m = warp / 2 * 32, warp_n = warp % 2 * 32;
    float d[2][4][4] = {};
    copy_async_wait<0>();
    __syncthreads();
#pragma unroll 2
    for (int k = 0; k < 4; ++k) {
        uint32_t x[2][4], y[2][4];
#pragma unroll
        for (int r = 0; r < 2; ++r) {
            uint32_t row = warp_m + 16 * r, column = warp_n + 16 * r;
            uint32_t a_at = A == K_MAJOR ? burst_chunk(row + lane % 16, 2 * k + lane / 16)
                                         : burst_chunk(16 * k + lane % 8 + lane / 16 * 8, row / 8 + lane / 8 % 2);
            load_matrices<A == MN_MAJOR>(x[r], shared + a_at);
            uint32_t b_at = B == K_MAJOR ? burst_chunk(column + lane % 8 + lane / 16 * 8, 2 * k + lane / 8 % 2)
                                         : burst_chunk(16 * k + lane % 16, column / 8 + lane / 16);
            load_matrices<B == MN_MAJOR>(y[r], shared + BURST_MMA_FACTOR + b_at);
        }
#pragma unroll
        for (int r = 0; r < 2; ++r) {
#pragma unroll
            for (int j = 0; j < 4; ++j) mma<T>(d[r][j], x[r], y[j / 2][j % 2 * 2], y[j / 2][j % 2 * 2 + 1]);
        }
    }
    // The sums take the place of the factors, as rows of 64 floats in swizzled chunks.
    __syncthreads();
    auto place = [&](uint32_t row, uint32_t column) {
        return reinterpret_cast<float*>(dynamic_shared + row * 256 + ((column / 4 ^ (row & 7)) << 4) + column % 4 * 4);
    };
#pragma unroll
    for (int r = 0; r < 2; ++r) {
#pragma unroll
        for (int j = 0; j < 4; ++j) {
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                *reinterpret_cast<float2*>(place(warp_m + 16 * r + lane / 4 + 8 * h, warp_n + 8 * j + lane % 4 * 2)) =
                    make_float2(d[r][j][2 * h], d[r][j][2 * h + 1]);
            }
        }
    }
    __syncthreads();
    wait_to_write(p.ahead);
    burst_write<T, 8, BURST_MMA_THREADS>(p, [&](int row, int column, float (&values)[8]) {
        *reinterpret_cast<float4*>(values) = *reinterpret_cast<float4*>(place(row, column));
        *reinterpret_cast<float4*>(values + 4) = *reinterpret_cast<float4*>(place(row, column + 4));
    });
}

}  // namespace tw
