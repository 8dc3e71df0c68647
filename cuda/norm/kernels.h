// RMS and layer normalisation: one read and one write of each element where a row fits on chip, else a pass or two more.
//
// The variance is the mean of squared deviations from the mean, both taken over the row on chip: it costs no traffic, and
// nothing cancels as in E[x^2] - E[x]^2.
#pragma once

#include "tilework/strip.h"

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

// Norms of strips: read for the mean, for the deviations, and to write.
template <typename T> struct NormStrips {
    using A = Wide<T>;
    static constexpr int N = kPack<T>;
    // What part of a row comes to: its mean (0 for the RMS) and the sum of the squared deviations from it.
    struct State {
        A mean, squares;
    };

    static __device__ __forceinline__ State state(const Strip<T>& strip) {
        // A pack's elements side by side, so that no sum grows long.
        auto total = [&](int turn, A mean, auto lift) {
            A sums[N] = {};
            strip.walk(mean, [&](uint64_t, const A (&values)[N]) {
#pragma unroll
                for (int k = 0; k < N; k++) sums[k] += lift(values[k] - mean);
            });
#pragma unroll
            for (int half = N / 2; half > 0; half /= 2)
#pragma unroll
                for (int k = 0; k < half; k++) sums[k] += sums[k + half];
            return all_reduce<Team::kBlock>(sums[0], A(0), 0, turn, Plus());
        };
        State state = {};
        if (strip.p.variant == kLayerNorm) state.mean = total(0, A(0), [](A v) { return v; }) / A(strip.end - strip.begin);
        state.squares = total(1, state.mean, [](A d) { return d * d; });
        return state;
    }

    // The state of a row of those of its strips, of which each thread of the block has one, or none.
    //
    // Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979), for any number of parts.
    static __device__ __forceinline__ State together(const Strip<T>& strip) {
        const TwRows& p = strip.p;
        State state = {};
        A count = A(0);
        if (threadIdx.x < p.strips) {
            state = strip_state<State>(p, strip.row, threadIdx.x);
            count = A(min(p.strip, p.length - threadIdx.x * p.strip));
        }
        A mean = all_reduce<Team::kBlock>(count * state.mean, A(0), 0, 0, Plus()) / A(p.length);
        A apart = state.mean - mean;
        return {mean, all_reduce<Team::kBlock>(state.squares + count * apart * apart, A(0), 0, 1, Plus())};
    }

    static __device__ __forceinline__ void write(const Strip<T>& strip, State row) {
        const TwRows& p = strip.p;
        const T* weight = reinterpret_cast<const T*>(p.weight);
        const T* bias = reinterpret_cast<const T*>(p.bias);
        A scale = inverse_sqrt(row.squares / A(p.length) + A(p.eps));
        // An element of weight or bias, which are as long as a row.
        auto factor = [&](const T* of, int64_t stride, uint64_t at) { return at < strip.end ? widen(of[int64_t(at) * stride]) : A(0); };
        strip.walk(A(0), [&](uint64_t first, A (&values)[N]) {
#pragma unroll
            for (int k = 0; k < N; k++) {
                values[k] = (values[k] - row.mean) * scale;
                if (weight) values[k] *= factor(weight, p.weight_stride, first + k);
                if (bias) values[k] += factor(bias, p.bias_stride, first + k);
            }
            strip.store(first, values);
        });
    }
};

}  // namespace tw
