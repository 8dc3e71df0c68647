// RMS and layer normalisation: one read and one write of each element where a row fits on chip, else a pass or two more.
//
// The variance is the mean of squared deviations from the mean, both taken over the row on chip: it costs no traffic, and
// nothing cancels as in E[x^2] - E[x]^2.
#pragma once

#include "tilework/rows.h"

namespace tw {

// TwRows::variant
constexpr uint32_t kLayerNorm = 1;

__device__ __forceinline__ float inverse_sqrt(float x) { return __frsqrt_rn(x); }
__device__ __forceinline__ double inverse_sqrt(double x) { return 1.0 / sqrt(x); }
__device__ __forceinline__ float multiply_add(float a, float b, float c) { return fmaf(a, b, c); }
__device__ __forceinline__ double multiply_add(double a, double b, double c) { return fma(a, b, c); }

// Weight and bias, a pack of each at a time. The first is asked for before the sums, whose latency hides its own; each of the others
// when the one before it has been used.
template <typename T, Team kTeam, int kPacks> struct Factors {
    static constexpr int N = kPack<T>;
    using A = Wide<T>;

    const Row<T, kTeam, kPacks>& row;
    const T* weight;
    const T* bias;
    bool packed;
    uint4 weight_words, bias_words;

    __device__ __forceinline__ explicit Factors(const Row<T, kTeam, kPacks>& row)
        : row(row),
          weight(reinterpret_cast<const T*>(row.p.weight)),
          bias(reinterpret_cast<const T*>(row.p.bias)),
          packed(row.p.packed & 4) {
        load(0);
    }

    __device__ __forceinline__ void load(int j) {
        if (!packed || !row.has(j, 0)) return;
        if (weight) weight_words = load_shared_words(weight + row.first(j));
        if (bias) bias_words = load_shared_words(bias + row.first(j));
    }

    // Scales and shifts the values of pack j.
    __device__ __forceinline__ void apply(int j, A (&values)[N]) {
        if (packed) {
            if (weight) {
                Pack<T> pack = unpack<T>(weight_words);
#pragma unroll
                for (int k = 0; k < N; k++) values[k] *= widen(pack.at[k]);
            }
            if (bias) {
                Pack<T> pack = unpack<T>(bias_words);
#pragma unroll
                for (int k = 0; k < N; k++) values[k] += widen(pack.at[k]);
            }
            if (j + 1 < kPacks) load(j + 1);
        } else {
#pragma unroll
            for (int k = 0; k < N; k++) {
                if (!row.has(j, k)) continue;
                int64_t at = int64_t(row.first(j) + k);
                if (weight) values[k] *= widen(weight[at * row.p.weight_stride]);
                if (bias) values[k] += widen(bias[at * row.p.bias_stride]);
            }
        }
    }
};

template <typename T, Team kTeam, int kPacks> __device__ __forceinline__ void norm(const TwRows& p) {
    using A = Wide<T>;
    constexpr int N = kPack<T>;
    Row<T, kTeam, kPacks> row(p);
    row.load(A(0));
    Factors<T, kTeam, kPacks> factors(row);
    A mean = A(0);
    if (p.variant == kLayerNorm) {
        A sum = row.fold([&](int i) { return row.v[i]; }, Plus());
        mean = all_reduce<kTeam>(sum, A(0), p.lanes, 0, Plus()) / A(p.length);
#pragma unroll
        for (int i = 0; i < kPacks * N; i++) row.v[i] = row.has(i / N, i % N) ? row.v[i] - mean : A(0);
    }
    A squares = row.fold([&](int i) { return row.v[i] * row.v[i]; }, Plus());
    // Turn 0 either way where it is the first: a cluster's first turn waits for its blocks to have started.
    squares = p.variant == kLayerNorm ? all_reduce<kTeam>(squares, A(0), p.lanes, 1, Plus())
                                      : all_reduce<kTeam>(squares, A(0), p.lanes, 0, Plus());
    A scale = inverse_sqrt(squares / A(p.length) + A(p.eps));

    row.store([&](int j, A (&values)[N]) {
#pragma unroll
        for (int k = 0; k < N; k++) values[k] *= scale;
        factors.apply(j, values);
    });
}

// A row that is too long to be held: a block reads it for the mean, for the deviations, and to write.
template <typename T> __device__ __forceinline__ void norm_long(const TwRows& p) {
    using A = Wide<T>;
    int64_t at[2] = {0, 0};
    add_offsets(p.nest, blockIdx.x, at);
    T* out = reinterpret_cast<T*>(p.out) + at[0];
    const T* x = reinterpret_cast<const T*>(p.x) + at[1];
    const T* weight = reinterpret_cast<const T*>(p.weight);
    const T* bias = reinterpret_cast<const T*>(p.bias);

    // Four sums side by side, so that none grows long.
    auto total = [&](int turn, auto lift) {
        A sums[4] = {};
        for (uint64_t i = threadIdx.x; i < p.length; i += 4 * blockDim.x) {
#pragma unroll
            for (int u = 0; u < 4; u++) {
                uint64_t at = i + u * blockDim.x;
                if (at < p.length) sums[u] += lift(widen(x[int64_t(at) * p.x_stride]));
            }
        }
        return all_reduce<Team::kBlock>((sums[0] + sums[2]) + (sums[1] + sums[3]), A(0), 0, turn, Plus());
    };
    A mean = A(0);
    if (p.variant == kLayerNorm) mean = total(0, [](A v) { return v; }) / A(p.length);
    A squares = total(1, [&](A v) { return (v - mean) * (v - mean); });
    A scale = inverse_sqrt(squares / A(p.length) + A(p.eps));
    for (uint64_t i = threadIdx.x; i < p.length; i += blockDim.x) {
        A result = (widen(x[int64_t(i) * p.x_stride]) - mean) * scale;
        if (weight) result *= widen(weight[int64_t(i) * p.weight_stride]);
        if (bias) result += widen(bias[int64_t(i) * p.bias_stride]);
        out[int64_t(i) * p.out_stride] = store<T>(result);
    }
}

}  // namespace tw
