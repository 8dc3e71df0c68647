// The two kernels that every elementwise operation has, as templates over the operation.
//
// by_vectors: a thread handles UNROLL vectors of VECTOR consecutive elements of the innermost axis, 16 bytes of the widest operand
// each, and has read all of them before it computes: 48 KB in flight per multiprocessor keep the memory of an H200 busy. Along the
// innermost axis an operand is contiguous (and aligned in every row, which the host has checked) or the same element throughout;
// along the other axes strides are arbitrary. A flat operation has no other axes, and then no division is executed.
//
// by_elements: any strides and alignment; neighbouring threads handle neighbouring elements.
//
// An item's coordinates come from divisions by multiplication (fastdiv.h) in 32 bits; offsets are 64-bit sums of 32-bit strides.
// What does not fit in that, the host splits.
//
// An operation F has: the storage types Out and In0 to In2 (void where there is none), HEAVY for code too long to be unrolled, and
// apply(launch, a, b, c) on Compute<In> values.
#pragma once

#include "tilework/abi.h"
#include "tilework/fastdiv.h"
#include "tilework/vector.h"

namespace tw {

constexpr int THREADS = TW_THREADS;

template <class T>
constexpr int size_of = sizeof(T);
template <>
constexpr int size_of<void> = 0;

constexpr int larger(int a, int b) { return a > b ? a : b; }

template <class F>
constexpr int WIDEST = larger(larger(size_of<typename F::Out>, size_of<typename F::In0>),
                              larger(size_of<typename F::In1>, size_of<typename F::In2>));
// Elements of a vector.
template <class F>
constexpr int VECTOR = 16 / WIDEST<F>;
// Vectors of a thread.
template <class F>
constexpr int UNROLL = F::HEAVY ? TW_VECTORS_HEAVY : TW_VECTORS;
// Elements of a thread, in by_elements.
template <class F>
constexpr int ELEMENTS = F::HEAVY ? TW_ELEMENTS_HEAVY : TW_ELEMENTS;

// The element offsets of one item.
struct Place {
    int64_t out;
    int64_t in[TW_MAX_INPUTS];
};

__device__ __forceinline__ void step(Place& place, const TwElementwise& launch, int axis, uint32_t coordinate) {
    place.out += int64_t(int32_t(coordinate)) * launch.out_strides[axis];
#pragma unroll
    for (int i = 0; i < TW_MAX_INPUTS; ++i) place.in[i] += int64_t(int32_t(coordinate)) * launch.strides[i][axis];
}

// Turns an item's number into its coordinate on axis 0, which is returned, and the offsets from the other axes.
__device__ __forceinline__ uint32_t locate(Place& place, const TwElementwise& launch, uint32_t item) {
    place = {};
    if (launch.rank == 1) return item;
    uint32_t first = divide_in_place(item, launch.lengths[0]);
#pragma unroll 1
    for (int axis = 1; axis + 1 < launch.rank; ++axis) {
        step(place, launch, axis, divide_in_place(item, launch.lengths[axis]));
    }
    step(place, launch, launch.rank - 1, item);
    return first;
}

// One operand's values for one vector, which may be cut off by the end of the row.
template <class S, int N>
__device__ __forceinline__ void read_vector(Vector<S, N>& into, const TwElementwise& launch, int input, int64_t offset,
                                            uint64_t column, int count) {
    const S* from = reinterpret_cast<const S*>(launch.inputs[input]);
    if (from == nullptr) return;
    from += offset;
    if (launch.strides[input][0] == 0) {
        S value = *from;
#pragma unroll
        for (int i = 0; i < N; ++i) into.at[i] = value;
    } else if (count == N) {
        into = load_vector<S, N>(from + column);
    } else {
#pragma unroll
        for (int i = 0; i < N; ++i) {
            if (i < count) into.at[i] = from[column + i];
        }
    }
}

// One operand's values for all vectors of a thread, in a flat operation and away from its end.
template <class S, int N, int U>
__device__ __forceinline__ void read_flat(Vector<S, N> (&into)[U], const TwElementwise& launch, int input, uint32_t item) {
    const S* from = reinterpret_cast<const S*>(launch.inputs[input]);
    if (launch.strides[input][0] != 0) {
#pragma unroll
        for (int u = 0; u < U; ++u) into[u] = load_vector<S, N>(from + uint64_t(item + u * THREADS) * N);
    } else if (from != nullptr) {
        S value = *from;
#pragma unroll
        for (int u = 0; u < U; ++u) {
#pragma unroll
            for (int i = 0; i < N; ++i) into[u].at[i] = value;
        }
    }
}

// The value of an operand in registers: from memory, or the launch's.
template <class S>
__device__ __forceinline__ Compute<S> value(const TwElementwise& launch, int input, S element) {
    return launch.inputs[input] == 0 ? decode<Compute<S>>(launch.values[input]) : load(element);
}

// A stand-in for an operand that an operation does not have.
template <class S>
struct Or {
    using type = S;
};
template <>
struct Or<void> {
    using type = uint8_t;
};

template <class F>
__device__ __forceinline__ void by_vectors(const TwElementwise& launch) {
    using Out = typename F::Out;
    using A = typename F::In0;
    using B = typename Or<typename F::In1>::type;
    using C = typename Or<typename F::In2>::type;
    constexpr int N = VECTOR<F>, U = UNROLL<F>;
    Vector<A, N> a[U];
    Vector<B, N> b[U];
    Vector<C, N> c[U];
    int64_t out[U];
    int counts[U];
    uint32_t first = blockIdx.x * (THREADS * U) + threadIdx.x;
    if (launch.rank == 1 && uint64_t(blockIdx.x + 1) * (THREADS * U * N) <= launch.row) {
        read_flat(a, launch, 0, first);
        if constexpr (size_of<typename F::In1> > 0) read_flat(b, launch, 1, first);
        if constexpr (size_of<typename F::In2> > 0) read_flat(c, launch, 2, first);
#pragma unroll
        for (int u = 0; u < U; ++u) {
            out[u] = uint64_t(first + u * THREADS) * N;
            counts[u] = N;
        }
    } else {
#pragma unroll
        for (int u = 0; u < U; ++u) {
            uint32_t item = first + u * THREADS;
            counts[u] = 0;
            if (item >= launch.items) continue;
            Place place;
            uint64_t column = uint64_t(locate(place, launch, item)) * N;
            uint64_t rest = launch.row - column;
            counts[u] = rest < N ? int(rest) : N;
            out[u] = place.out + column;
            read_vector(a[u], launch, 0, place.in[0], column, counts[u]);
            if constexpr (size_of<typename F::In1> > 0) read_vector(b[u], launch, 1, place.in[1], column, counts[u]);
            if constexpr (size_of<typename F::In2> > 0) read_vector(c[u], launch, 2, place.in[2], column, counts[u]);
        }
    }
#pragma unroll
    for (int u = 0; u < U; ++u) {
        Compute<Out> results[N];
#pragma unroll
        for (int i = 0; i < N; ++i) results[i] = F::apply(launch, a[u].at[i], b[u].at[i], c[u].at[i]);
        Out* to = reinterpret_cast<Out*>(launch.out) + out[u];
        Vector<Out, N> packed = pack<Out>(results);
        if (counts[u] == N) {
            store_vector(to, packed);
        } else {
#pragma unroll
            for (int i = 0; i < N; ++i) {
                if (i < counts[u]) to[i] = packed.at[i];
            }
        }
    }
}

template <class F>
__device__ __forceinline__ void by_elements(const TwElementwise& launch) {
    using Out = typename F::Out;
    using A = typename F::In0;
    using B = typename Or<typename F::In1>::type;
    using C = typename Or<typename F::In2>::type;
    constexpr int E = ELEMENTS<F>;
    A a[E];
    B b[E];
    C c[E];
    int64_t out[E];
    uint32_t first = blockIdx.x * (THREADS * E) + threadIdx.x;
#pragma unroll
    for (int e = 0; e < E; ++e) {
        uint32_t item = first + e * THREADS;
        if (item >= launch.items) continue;
        Place place;
        step(place, launch, 0, locate(place, launch, item));
        out[e] = place.out;
        if (launch.inputs[0] != 0) a[e] = reinterpret_cast<const A*>(launch.inputs[0])[place.in[0]];
        if constexpr (size_of<typename F::In1> > 0) {
            if (launch.inputs[1] != 0) b[e] = reinterpret_cast<const B*>(launch.inputs[1])[place.in[1]];
        }
        if constexpr (size_of<typename F::In2> > 0) {
            if (launch.inputs[2] != 0) c[e] = reinterpret_cast<const C*>(launch.inputs[2])[place.in[2]];
        }
    }
#pragma unroll
    for (int e = 0; e < E; ++e) {
        if (first + e * THREADS >= launch.items) continue;
        reinterpret_cast<Out*>(launch.out)[out[e]] = store<Out>(F::apply(launch, a[e], b[e], c[e]));
    }
}

}  // namespace tw

// The entry points of operation F: NAME_vectors and NAME_elements.
#define TW_ELEMENTWISE(NAME, ...)                                                                              \
    extern "C" __global__ void __launch_bounds__(tw::THREADS)                                                  \
        NAME##_vectors(const __grid_constant__ TwElementwise launch) {                                         \
        tw::by_vectors<__VA_ARGS__>(launch);                                                                   \
    }                                                                                                          \
    extern "C" __global__ void __launch_bounds__(tw::THREADS)                                                  \
        NAME##_elements(const __grid_constant__ TwElementwise launch) {                                        \
        tw::by_elements<__VA_ARGS__>(launch);                                                                  \
    }
