// Softmax and log-softmax: one read and one write of each element where a row fits on chip, else a pass more.
#pragma once

#include "tilework/exponential.h"
#include "tilework/rows.h"

namespace tw {

// TwRows::variant
constexpr uint32_t kLogSoftmax = 1;

template <typename T, typename A> __device__ __forceinline__ A exp_of(A x, A max) {
    if constexpr (sizeof(T) == 2) return exp_difference_coarse(x, max);
    else return exp_difference(x, max);
}

__device__ __forceinline__ float log_of(float x) { return logf(x); }
__device__ __forceinline__ double log_of(double x) { return log(x); }

template <typename T, Team kTeam, int kPacks, bool kLog> __device__ __forceinline__ void softmax_row(const TwRows& p) {
    using A = Wide<T>;
    constexpr int N = kPack<T>;
    const A lowest = -A(INFINITY);
    Row<T, kTeam, kPacks> row(p);
    row.load(lowest);
    A max = all_reduce<kTeam>(row.fold([&](int i) { return row.v[i]; }, Larger()), lowest, p.lanes, 0, Larger());
    if constexpr (kLog) {
        A sum = row.fold([&](int i) { return exp_of<T>(row.v[i] -= max, A(0)); }, Plus());
        A log = log_of(all_reduce<kTeam>(sum, A(0), p.lanes, 1, Plus()));
        row.store([&](int, A (&values)[N]) {
#pragma unroll
            for (int k = 0; k < N; k++) values[k] -= log;
        });
    } else {
        A sum = row.fold([&](int i) { return row.v[i] = exp_of<T>(row.v[i], max); }, Plus());
        A share = A(1) / all_reduce<kTeam>(sum, A(0), p.lanes, 1, Plus());
        row.store([&](int, A (&values)[N]) {
#pragma unroll
            for (int k = 0; k < N; k++) values[k] *= share;
        });
    }
}

// Two bodies, since one with a branch in its middle keeps the registers of both.
template <typename T, Team kTeam, int kPacks> __device__ __forceinline__ void softmax(const TwRows& p) {
    if (p.variant == kLogSoftmax) softmax_row<T, kTeam, kPacks, true>(p);
    else softmax_row<T, kTeam, kPacks, false>(p);
}

// A row that is too long to be held: a block reads it once for maximum and sum, and once more to write.
template <typename T> __device__ __forceinline__ void softmax_long(const TwRows& p) {
    using A = Wide<T>;
    const A lowest = -A(INFINITY);
    int64_t at[2] = {0, 0};
    add_offsets(p.nest, blockIdx.x, at);
    T* out = reinterpret_cast<T*>(p.out) + at[0];
    const T* x = reinterpret_cast<const T*>(p.x) + at[1];

    // The sum is relative to the thread's own maximum; that changes seldom after the first elements.
    A max = lowest, sum = A(0);
    for (uint64_t i = threadIdx.x; i < p.length; i += blockDim.x) {
        A v = widen(x[int64_t(i) * p.x_stride]);
        A larger = Larger()(max, v);
        if (larger != max) {
            sum = max == lowest ? A(0) : sum * exp_of<T>(max, larger);
            max = larger;
        }
        if (v != lowest) sum += exp_of<T>(v, max);
    }
    A all = all_reduce<Team::kBlock>(max, lowest, 0, 0, Larger());
    sum = all_reduce<Team::kBlock>(max == lowest ? A(0) : sum * exp_of<T>(max, all), A(0), 0, 1, Plus());
    A log = log_of(sum), share = A(1) / sum;
    for (uint64_t i = threadIdx.x; i < p.length; i += blockDim.x) {
        A v = widen(x[int64_t(i) * p.x_stride]);
        A result = p.variant == kLogSoftmax ? (v - all) - log : exp_of<T>(v, all) * share;
        out[int64_t(i) * p.out_stride] = store<T>(result);
    }
}

}  // namespace tw
