// Softmax and log-softmax: one read and one write of each element where a row fits on chip, else a pass more.
#pragma once

#include "tilework/exponential.h"
#include "tilework/strip.h"

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

// Softmax of strips: read once for maximum and sum, and once more to write.
template <typename T> struct SoftmaxStrips {
    using A = Wide<T>;
    // What part of a row comes to: its maximum, and the sum of the exponentials relative to that.
    struct State {
        A max, sum;
    };

    static __device__ __forceinline__ State state(const Strip<T>& strip) {
        const A lowest = -A(INFINITY);
        // Relative to the thread's own maximum, which changes seldom after the first elements.
        State state = {lowest, A(0)};
        strip.walk(lowest, [&](uint64_t, const A (&values)[kPack<T>]) {
            A larger = state.max;
#pragma unroll
            for (A v : values) larger = Larger()(larger, v);
            if (larger != state.max) {
                state.sum = state.max == lowest ? A(0) : state.sum * exp_of<T>(state.max, larger);
                state.max = larger;
            }
#pragma unroll
            for (A v : values)
                if (v != lowest) state.sum += exp_of<T>(v, state.max);
        });
        return of_threads(state);
    }

    static __device__ __forceinline__ State together(const Strip<T>& strip) {
        State state = {-A(INFINITY), A(0)};
        if (threadIdx.x < strip.p.strips) state = strip_state<State>(strip.p, strip.row, threadIdx.x);
        return of_threads(state);
    }

    static __device__ __forceinline__ void write(const Strip<T>& strip, State row) {
        A log = log_of(row.sum), share = A(1) / row.sum;
        bool logarithm = strip.p.variant == kLogSoftmax;
        strip.walk(A(0), [&](uint64_t first, A (&values)[kPack<T>]) {
#pragma unroll
            for (A& v : values) v = logarithm ? (v - row.max) - log : exp_of<T>(v, row.max) * share;
            strip.store(first, values);
        });
    }

    // The state of the threads of a block together.
    static __device__ __forceinline__ State of_threads(State state) {
        const A lowest = -A(INFINITY);
        A max = all_reduce<Team::kBlock>(state.max, lowest, 0, 0, Larger());
        A sum = state.max == lowest ? A(0) : state.sum * exp_of<T>(state.max, max);
        return {max, all_reduce<Team::kBlock>(sum, A(0), 0, 1, Plus())};
    }
};

}  // namespace tw
