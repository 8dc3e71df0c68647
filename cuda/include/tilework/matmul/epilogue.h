// What every matrix product does with its accumulators: out = activation(alpha * product + bias) * multiply + beta * c, all in
// the accumulators' type and rounded to the output's once. A product that only has to be written skips all of it.
//
// The operands and the output may have any strides; runs of columns are read and written as vectors where the operand allows it.
#pragma once

#include <type_traits>

#include "tilework/abi.h"
#include "tilework/scalar.h"
#include "tilework/vector.h"

namespace tw {

// The type that products of T are summed in. Sums of integers wrap, so unsigned arithmetic is exact for the signed ones too.
template <typename T>
struct AccumulatorOf {
    using type = T;
};
template <>
struct AccumulatorOf<bf16> {
    using type = float;
};
template <>
struct AccumulatorOf<f16> {
    using type = float;
};
template <>
struct AccumulatorOf<u8> {
    using type = uint32_t;
};
template <>
struct AccumulatorOf<i32> {
    using type = uint32_t;
};
template <>
struct AccumulatorOf<i64> {
    using type = uint64_t;
};
template <typename T>
using Accumulator = typename AccumulatorOf<T>::type;

template <typename T>
__device__ __forceinline__ Accumulator<T> accumulator(T value) {
    if constexpr (std::is_class_v<T>) {
        return widen(value);
    } else {
        return Accumulator<T>(value);
    }
}

template <typename T>
__device__ __forceinline__ T rounded(Accumulator<T> value) {
    if constexpr (std::is_class_v<T>) {
        return narrow<T>(value);
    } else {
        return T(value);
    }
}

// The host asks for it on floating-point types alone.
template <typename T>
__device__ __forceinline__ Accumulator<T> activate(Accumulator<T> x, uint32_t activation) {
    if constexpr (std::is_floating_point_v<Accumulator<T>>) {
        switch (activation) {
            case 1: return relu(Compute<T>(x));
            case 2: return gelu(Compute<T>(x));
            case 3: return silu(Compute<T>(x));
            case 4: return sigmoid(Compute<T>(x));
        }
    }
    return x;
}

// x * y + z: one rounding for floating-point types, wrapping for integers.
template <typename Acc>
__device__ __forceinline__ Acc multiply_add(Acc x, Acc y, Acc z) {
    if constexpr (std::is_floating_point_v<Acc>) {
        return fused(x, y, z);
    } else {
        return x * y + z;
    }
}

// One operand of the epilogue in the matrix of one batch index.
template <typename T>
struct EpilogueOperand {
    using Plain = std::remove_const_t<T>;

    T* base;
    int64_t row;
    int64_t column;
    // Whether N consecutive columns from a multiple of N are one aligned vector.
    bool vectors;

    __device__ __forceinline__ EpilogueOperand(const TwMatrix& matrix, uint32_t outer, uint32_t inner)
        : base(reinterpret_cast<T*>(matrix.pointer)),
          row(matrix.row),
          column(matrix.column),
          vectors(matrix.column == 1 && matrix.aligned) {
        if (base) base += int64_t(outer) * matrix.batch[0] + int64_t(inner) * matrix.batch[1];
    }

    __device__ __forceinline__ T* at(int64_t i, int64_t j) const { return base + i * row + j * column; }

    // Calls combine(c, element) for the first `count` of N elements from (i, j) on.
    template <int N, typename Combine>
    __device__ __forceinline__ void each(int64_t i, int64_t j, int count, Combine combine) const {
        const Plain* from = at(i, j);
        if (vectors && count == N) {
            auto vector = load_vector<Plain, N>(from);
#pragma unroll
            for (int c = 0; c < N; ++c) combine(c, accumulator(vector.at[c]));
        } else if (column == 0) {
            auto value = accumulator(*from);
#pragma unroll
            for (int c = 0; c < N; ++c) combine(c, value);
        } else {
#pragma unroll
            for (int c = 0; c < N; ++c) {
                if (c < count) combine(c, accumulator(from[c * column]));
            }
        }
    }
};

template <typename T>
struct Epilogue {
    using Acc = Accumulator<T>;

    EpilogueOperand<T> out;
    EpilogueOperand<const T> bias;
    EpilogueOperand<const T> multiply;
    EpilogueOperand<const T> c;
    Acc alpha;
    Acc beta;
    int64_t m;
    int64_t n;
    uint32_t activation;

    __device__ __forceinline__ Epilogue(const TwMatmul& p, uint32_t batch)
        : out(p.out, batch / p.batch[1], batch % p.batch[1]),
          bias(p.bias, batch / p.batch[1], batch % p.batch[1]),
          multiply(p.multiply, batch / p.batch[1], batch % p.batch[1]),
          c(p.c, batch / p.batch[1], batch % p.batch[1]),
          alpha(decode<Acc>(p.alpha)),
          beta(decode<Acc>(p.beta)),
          m(p.m),
          n(p.n),
          activation(p.activation) {}

    // Whether there is nothing to do but to write vectors of N elements.
    template <int N>
    __device__ __forceinline__ bool is_plain() const {
        return !bias.base && !multiply.base && !c.base && activation == 0 && alpha == Acc(1) && out.vectors && n % N == 0;
    }

    // What `write` does where `is_plain` holds.
    template <int N>
    __device__ __forceinline__ void write_plain(int64_t i, int64_t j, const Acc* products) const {
        if (i >= m || j >= n) return;
        Vector<T, N> vector;
#pragma unroll
        for (int q = 0; q < N; ++q) vector.at[q] = rounded<T>(products[q]);
        store_vector(out.at(i, j), vector);
    }

    // Writes what a thread holds of a tile, products[r] being N columns from place(r) on.
    template <int N, int COUNT, typename Place>
    __device__ __forceinline__ void write_all(const Acc (&products)[COUNT][N], Place place) const {
        if (is_plain<N>()) {
#pragma unroll
            for (int r = 0; r < COUNT; ++r) write_plain<N>(place(r).x, place(r).y, products[r]);
            return;
        }
#pragma unroll 1
        for (int r = 0; r < COUNT; ++r) {
            // Registers have no addresses: the run is chosen by selects, so that the code of the epilogue is there once.
            Acc values[N];
#pragma unroll
            for (int s = 0; s < COUNT; ++s) {
#pragma unroll
                for (int q = 0; q < N; ++q) values[q] = s == 0 || s == r ? products[s][q] : values[q];
            }
            write(place(r).x, place(r).y, values);
        }
    }

    // Finishes the products of N columns from (i, j) on, and writes those that are inside the output. j is a multiple of N.
    template <int N>
    __device__ __forceinline__ void write(int64_t i, int64_t j, const Acc (&products)[N]) const {
        if (i >= m || j >= n) return;
        int count = n - j < N ? int(n - j) : N;
        Acc values[N];
        // Fused explicitly, so that the compiler cannot fuse in one way of reading the bias and not in another.
        if (bias.base) {
            bias.template each<N>(i, j, count, [&](int q, Acc x) { values[q] = multiply_add(alpha, products[q], x); });
        } else {
#pragma unroll
            for (int q = 0; q < N; ++q) values[q] = alpha * products[q];
        }
        if (activation) {
#pragma unroll
            for (int q = 0; q < N; ++q) values[q] = activate<T>(values[q], activation);
        }
        if (multiply.base) multiply.template each<N>(i, j, count, [&](int q, Acc x) { values[q] *= x; });
        if (c.base) c.template each<N>(i, j, count, [&](int q, Acc x) { values[q] = multiply_add(beta, x, values[q]); });
        T* to = out.at(i, j);
        if (out.vectors && count == N) {
            Vector<T, N> vector;
#pragma unroll
            for (int q = 0; q < N; ++q) vector.at[q] = rounded<T>(values[q]);
            store_vector(to, vector);
        } else {
#pragma unroll
            for (int q = 0; q < N; ++q) {
                if (q < count) to[q * out.column] = rounded<T>(values[q]);
            }
        }
    }
};

}  // namespace tw
