// What each reduction keeps while it walks: its state, how an element enters, how two states merge, and the result.
//
// A state covers a set of elements; merge(a, b) is called in a fixed order, so that results repeat to the bit. `Op::lanes` states
// run side by side in a thread, which hides latency and keeps float sums short; `step` is told the element's number among
// the reduced, and `inverse`, one over the count including it, where `Op::counts`.
#pragma once

#include <type_traits>

#include "tilework/pack.h"

namespace tw {

template <typename A> constexpr bool kIsFloat = std::is_same_v<A, float> || std::is_same_v<A, double>;

__device__ __forceinline__ float multiply_add(float a, float b, float c) { return fmaf(a, b, c); }
__device__ __forceinline__ double multiply_add(double a, double b, double c) { return fma(a, b, c); }
template <typename A> __device__ __forceinline__ A multiply_add(A a, A b, A c) { return a * b + c; }

template <typename A> __device__ __forceinline__ A lowest() {
    if constexpr (std::is_same_v<A, float>) return __int_as_float(0xff800000);
    else if constexpr (std::is_same_v<A, double>) return __longlong_as_double(0xfff0000000000000);
    else if constexpr (std::is_signed_v<A>) return A(1) << (8 * sizeof(A) - 1);
    else return A(0);
}

// Flipping an element's bits before and after turns the maximum into the minimum: the sign of a float, all bits of an integer.
template <typename T> __device__ __forceinline__ T flip_bits(T x, uint64_t mask) {
    using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, std::conditional_t<sizeof(T) == 4, uint32_t,
                 std::conditional_t<sizeof(T) == 2, uint16_t, uint8_t>>>;
    Bits bits;
    memcpy(&bits, &x, sizeof(T));
    bits ^= Bits(mask);
    memcpy(&x, &bits, sizeof(T));
    return x;
}

template <typename Element> struct Reduction {
    using T = Element;
    using A = Wide<T>;
    using Out = T;
    static constexpr int lanes = kPack<T> < 4 ? kPack<T> : 4;
    static constexpr bool binary = false;
    static constexpr bool flips = false;
    static constexpr bool counts = false;
    static constexpr bool batches = false;
};

// Sum; divided for the mean.
template <typename Element> struct Sum : Reduction<Element> {
    using typename Reduction<Element>::A;
    using State = A;
    static __device__ State begin(uint64_t) { return A(0); }
    static __device__ void step(State& s, A x, A, uint64_t, A) { s += x; }
    static __device__ State merge(State a, State b) { return a + b; }
    static __device__ Element finish(State s, double divisor, uint64_t) {
        if constexpr (kIsFloat<A>) s /= A(divisor);
        return store<Element>(s);
    }
};

template <typename Element> struct Product : Reduction<Element> {
    using typename Reduction<Element>::A;
    using State = A;
    static __device__ State begin(uint64_t) { return A(1); }
    static __device__ void step(State& s, A x, A, uint64_t, A) { s *= x; }
    static __device__ State merge(State a, State b) { return a * b; }
    static __device__ Element finish(State s, double, uint64_t) { return store<Element>(s); }
};

// Sum of products with a second operand.
template <typename Element> struct Dot : Reduction<Element> {
    using typename Reduction<Element>::A;
    using State = A;
    static constexpr bool binary = true;
    static __device__ State begin(uint64_t) { return A(0); }
    static __device__ void step(State& s, A x, A y, uint64_t, A) { s = multiply_add(x, y, s); }
    static __device__ State merge(State a, State b) { return a + b; }
    static __device__ Element finish(State s, double, uint64_t) { return store<Element>(s); }
};

// Euclidean norm.
template <typename Element> struct EuclideanNorm : Reduction<Element> {
    using typename Reduction<Element>::A;
    using State = A;
    static __device__ State begin(uint64_t) { return A(0); }
    static __device__ void step(State& s, A x, A, uint64_t, A) { s = multiply_add(x, x, s); }
    static __device__ State merge(State a, State b) { return a + b; }
    static __device__ Element finish(State s, double, uint64_t) {
        if constexpr (sizeof(A) == 8) return sqrt(s);
        else return store<Element>(__fsqrt_rn(s));
    }
};

// Maximum; NaN wins. The minimum through flipped bits.
template <typename Element> struct Max : Reduction<Element> {
    using typename Reduction<Element>::A;
    using State = A;
    static constexpr bool flips = true;
    static __device__ State begin(uint64_t) { return lowest<A>(); }
    static __device__ A larger(A a, A b) {
        if constexpr (std::is_same_v<A, float>) {
            asm("max.NaN.f32 %0, %0, %1;" : "+f"(a) : "f"(b));
            return a;
        } else if constexpr (std::is_same_v<A, double>) {
            return b > a || b != b ? b : a;
        } else {
            return b > a ? b : a;
        }
    }
    static __device__ void step(State& s, A x, A, uint64_t, A) { s = larger(s, x); }
    static __device__ State merge(State a, State b) { return larger(a, b); }
    static __device__ Element finish(State s, double, uint64_t flip) { return flip_bits(store<Element>(s), flip); }
};

// Number of the first maximum, or of the first NaN. A thread meets its elements in ascending order, so ties keep the earlier.
template <typename Element> struct ArgMax : Reduction<Element> {
    using typename Reduction<Element>::A;
    using Out = uint32_t;
    struct State {
        A value;
        uint32_t at;
        // Alignment of 8-byte values, spelled out so that every word is initialised.
        uint32_t unused[sizeof(A) == 8 ? 1 : 0];
    };
    static constexpr int lanes = 1;
    static constexpr bool flips = true;
    // Until a larger one comes the first element holds the place: none is below the lowest value.
    static __device__ State begin(uint64_t first) { return {lowest<A>(), uint32_t(first)}; }
    static __device__ void step(State& s, A x, A, uint64_t at, A) {
        bool take = x > s.value;
        if constexpr (kIsFloat<A>) take = !(x <= s.value) && s.value == s.value;
        if (take) {
            s.value = x;
            s.at = uint32_t(at);
        }
    }
    static __device__ State merge(State a, State b) {
        bool take = b.value > a.value;
        bool tie = b.value == a.value;
        if constexpr (kIsFloat<A>) {
            bool a_nan = a.value != a.value, b_nan = b.value != b.value;
            take = b_nan ? !a_nan : !a_nan && take;
            tie = a_nan ? b_nan : tie;
        }
        return take || (tie && b.at < a.at) ? b : a;
    }
    static __device__ Out finish(State s, double, uint64_t) { return s.at; }
};

// Variance from (mean, sum of squared deviations, count), merged as Chan, Golub and LeVeque do: no difference of large sums.
template <typename Element> struct Variance : Reduction<Element> {
    using typename Reduction<Element>::A;
    struct State {
        A mean, squares, count;
    };
    static constexpr int lanes = 1;
    static constexpr bool counts = true;
    static constexpr bool batches = true;
    static __device__ State begin(uint64_t) { return {A(0), A(0), A(0)}; }
    static __device__ void step(State& s, A x, A, uint64_t, A inverse) {
        A away = x - s.mean;
        s.mean = multiply_add(away, inverse, s.mean);
        s.squares = multiply_add(away, x - s.mean, s.squares);
        s.count += A(1);
    }
    // N elements at once: their mean, then their deviations from it, then one merge.
    template <int N> static __device__ void batch(State& s, const A (&x)[N]) {
        A sum = A(0), squares = A(0);
#pragma unroll
        for (int i = 0; i < N; i++) sum += x[i];
        A mean = sum * A(1.0 / N);
#pragma unroll
        for (int i = 0; i < N; i++) squares = multiply_add(x[i] - mean, x[i] - mean, squares);
        s = merge(s, {mean, squares, A(N)});
    }
    static __device__ State merge(State a, State b) {
        if (a.count == A(0)) return b;
        if (b.count == A(0)) return a;
        A count = a.count + b.count, share = b.count / count, away = b.mean - a.mean;
        return {multiply_add(away, share, a.mean), multiply_add(away * away, a.count * share, a.squares + b.squares), count};
    }
    static __device__ Element finish(State s, double divisor, uint64_t) { return store<Element>(s.squares / A(divisor)); }
};

}  // namespace tw
