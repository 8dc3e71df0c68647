// The product of one row with a matrix: every element of the matrix is read once, so reading is all that counts.
//
// A matrix whose columns run along memory is read by a warp for each column, the lanes along k. One whose rows do is read in strips
// of 64 bytes, four threads across and 64 down k. Partial sums are added in a fixed order.
#pragma once

#include "tilework/matmul/epilogue.h"

namespace tw {

constexpr int ROW_THREADS = 256;
constexpr int ROW_WARPS = ROW_THREADS / 32;

// The sum of x over the lanes whose numbers differ in bits FROM and up; equal in all of them.
template <int FROM, typename Acc>
__device__ __forceinline__ Acc row_sum_lanes(Acc x) {
#pragma unroll
    for (int bit = 16; bit >= FROM; bit /= 2) x += __shfl_xor_sync(~0u, x, bit);
    return x;
}

// out[j] = sum over k of a[k] b[k, j], where b's neighbours along k are the nearer ones: a warp for each column.
template <typename T>
__device__ __forceinline__ void row_by_columns(const TwMatmul& p) {
    using Acc = Accumulator<T>;
    constexpr int V = 16 / sizeof(T);
    uint32_t batch = blockIdx.x / p.tiles_n;
    int64_t column = int64_t(blockIdx.x % p.tiles_n) * ROW_WARPS + threadIdx.x / 32;
    if (column >= int64_t(p.n)) return;
    EpilogueOperand<const T> a(p.a, batch / p.batch[1], batch % p.batch[1]);
    EpilogueOperand<const T> b(p.b, batch / p.batch[1], batch % p.batch[1]);
    const T* x = a.base;
    const T* y = b.base + column * b.column;
    int64_t length = p.k, lane = threadIdx.x % 32, done = 0;
    Acc sums[V] = {};
    if (a.column == 1 && p.a.aligned && b.row == 1 && p.b.aligned) {
        done = length / V * V;
#pragma unroll 4
        for (int64_t k = lane * V; k < done; k += 32 * V) {
            auto xs = load_vector<T, V>(x + k);
            auto ys = load_vector<T, V>(y + k);
#pragma unroll
            for (int i = 0; i < V; ++i) sums[i] += accumulator(xs.at[i]) * accumulator(ys.at[i]);
        }
    }
#pragma unroll 4
    for (int64_t k = done + lane; k < length; k += 32) sums[0] += accumulator(x[k * a.column]) * accumulator(y[k * b.row]);
#pragma unroll
    for (int i = 1; i < V; ++i) sums[0] += sums[i];
    Acc total[1] = {row_sum_lanes<1>(sums[0])};
    if (lane == 0) Epilogue<T>(p, batch).write(0, column, total);
}

// The same where b's neighbours along j are the nearer ones: a block for each strip of 64 bytes.
template <typename T>
__device__ __forceinline__ void row_by_strips(const TwMatmul& p) {
    using Acc = Accumulator<T>;
    constexpr int V = 16 / sizeof(T);
    __shared__ Acc partial[ROW_WARPS][4 * V];
    uint32_t batch = blockIdx.x / p.tiles_n;
    int64_t strip = int64_t(blockIdx.x % p.tiles_n) * (4 * V);
    int64_t column = strip + threadIdx.x % 4 * V;
    EpilogueOperand<const T> a(p.a, batch / p.batch[1], batch % p.batch[1]);
    EpilogueOperand<const T> b(p.b, batch / p.batch[1], batch % p.batch[1]);
    int64_t present = int64_t(p.n) - column;
    Acc sums[V] = {};
    if (present >= V && b.vectors) {
        const T* y = b.base + column;
        auto add = [&](T x, const Vector<T, V>& ys) {
#pragma unroll
            for (int i = 0; i < V; ++i) sums[i] += accumulator(x) * accumulator(ys.at[i]);
        };
        // Reads in batches, so that many are under way at once.
        constexpr int BATCH = 8, STEP = ROW_THREADS / 4;
        int64_t k = threadIdx.x / 4;
        for (; k + (BATCH - 1) * STEP < int64_t(p.k); k += BATCH * STEP) {
            T xs[BATCH];
            Vector<T, V> ys[BATCH];
#pragma unroll
            for (int i = 0; i < BATCH; ++i) {
                xs[i] = a.base[(k + i * STEP) * a.column];
                ys[i] = load_vector<T, V>(y + (k + i * STEP) * b.row);
            }
#pragma unroll
            for (int i = 0; i < BATCH; ++i) add(xs[i], ys[i]);
        }
        for (; k < int64_t(p.k); k += STEP) add(a.base[k * a.column], load_vector<T, V>(y + k * b.row));
    } else {
        const T* y = b.base + column * b.column;
        for (int64_t k = threadIdx.x / 4; k < int64_t(p.k); k += ROW_THREADS / 4) {
            Acc x = accumulator(a.base[k * a.column]);
#pragma unroll
            for (int i = 0; i < V; ++i) {
                if (i < present) sums[i] += x * accumulator(y[k * b.row + i * b.column]);
            }
        }
    }
    // The lanes of a warp, then the warps.
#pragma unroll
    for (int i = 0; i < V; ++i) {
        sums[i] = row_sum_lanes<4>(sums[i]);
        if (threadIdx.x % 32 < 4) partial[threadIdx.x / 32][threadIdx.x % 4 * V + i] = sums[i];
    }
    __syncthreads();
    if (threadIdx.x < 4 * V) {
        Acc total[1] = {};
#pragma unroll
        for (int warp = 0; warp < ROW_WARPS; ++warp) total[0] += partial[warp][threadIdx.x];
        Epilogue<T>(p, batch).write(0, strip + threadIdx.x, total);
    }
}

}  // namespace tw
