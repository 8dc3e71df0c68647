// What every matrix product does with its accumulators: out = activation(product + bias) + residual, rounded once.
//
// Bias, residual and output may have any strides; runs of columns are read and written as vectors where the operand allows it.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <type_traits>

#include "tilework/abi.h"
#include "tilework/platform.h"

namespace tw {

// The type that products of T are summed in. Sums of integers wrap, so unsigned arithmetic is exact for the signed ones too.
template <typename T>
struct Accumulator {
    using type = T;
};
template <>
struct Accumulator<__nv_bfloat16> {
    using type = float;
};
template <>
struct Accumulator<__half> {
    using type = float;
};
template <>
struct Accumulator<uint8_t> {
    using type = uint32_t;
};
template <>
struct Accumulator<int32_t> {
    using type = uint32_t;
};
template <>
struct Accumulator<int64_t> {
    using type = unsigned long long;
};

// N elements that are moved together, in one access of up to 16 bytes.
template <typename T, int N>
struct alignas(sizeof(T) * N < 16 ? sizeof(T) * N : 16) Vector {
    T values[N];
};

template <typename Acc, typename T>
__device__ __forceinline__ Acc widen(T value) {
    return Acc(value);
}
template <>
__device__ __forceinline__ float widen(__nv_bfloat16 value) {
    return __bfloat162float(value);
}
template <>
__device__ __forceinline__ float widen(__half value) {
    return __half2float(value);
}

template <typename T, typename Acc>
__device__ __forceinline__ T narrow(Acc value) {
    return T(value);
}
template <>
__device__ __forceinline__ __nv_bfloat16 narrow(float value) {
    return __float2bfloat16_rn(value);
}
template <>
__device__ __forceinline__ __half narrow(float value) {
    return __float2half_rn(value);
}

// NaN stays NaN. The host asks for relu alone on integers, where an unsigned accumulator carries T's bits.
template <typename T, typename Acc>
__device__ __forceinline__ Acc activate(Acc x, uint32_t activation) {
    if constexpr (std::is_integral_v<Acc>) {
        return std::is_signed_v<T> && activation == 1 && std::make_signed_t<T>(x) < 0 ? Acc(0) : x;
    } else {
        switch (activation) {
            case 1: return x < Acc(0) ? Acc(0) : x;
            case 2: return Acc(0.5) * x * (Acc(1) + erf(x * Acc(0.70710678118654752440)));
            case 3: return x / (Acc(1) + exp(-x));
            default: return x;
        }
    }
}

// One operand of the epilogue in the matrix of one batch index.
template <typename T>
struct EpilogueOperand {
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

    // The first `count` of N elements from (i, j) on, as accumulators.
    template <typename Acc, int N>
    __device__ __forceinline__ void read(int64_t i, int64_t j, int count, Acc (&values)[N]) const {
        const T* from = at(i, j);
        if (vectors && count == N) {
            auto vector = *reinterpret_cast<const Vector<T, N>*>(from);
#pragma unroll
            for (int c = 0; c < N; ++c) values[c] = widen<Acc>(vector.values[c]);
        } else if (column == 0) {
            Acc value = widen<Acc>(*from);
#pragma unroll
            for (int c = 0; c < N; ++c) values[c] = value;
        } else {
#pragma unroll
            for (int c = 0; c < N; ++c) values[c] = c < count ? widen<Acc>(from[c * column]) : Acc(0);
        }
    }
};

template <typename T>
struct Epilogue {
    using Acc = typename Accumulator<T>::type;

    EpilogueOperand<T> out;
    EpilogueOperand<const T> bias;
    EpilogueOperand<const T> residual;
    int64_t m;
    int64_t n;
    uint32_t activation;

    __device__ __forceinline__ Epilogue(const TwMatmul& p, uint32_t batch)
        : out(p.out, batch / p.batch[1], batch % p.batch[1]),
          bias(p.bias, batch / p.batch[1], batch % p.batch[1]),
          residual(p.residual, batch / p.batch[1], batch % p.batch[1]),
          m(p.m),
          n(p.n),
          activation(p.activation) {}

    // Whether there is nothing to do but to write vectors of N elements.
    template <int N>
    __device__ __forceinline__ bool is_plain() const {
        return !bias.base && !residual.base && activation == 0 && out.vectors && n % N == 0;
    }

    // What `write` does where `is_plain` holds.
    template <int N>
    __device__ __forceinline__ void write_plain(int64_t i, int64_t j, const Acc* products) const {
        if (i >= m || j >= n) return;
        Vector<T, N> vector;
#pragma unroll
        for (int c = 0; c < N; ++c) vector.values[c] = narrow<T>(products[c]);
        *reinterpret_cast<Vector<T, N>*>(out.at(i, j)) = vector;
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
            for (int q = 0; q < COUNT; ++q) {
#pragma unroll
                for (int c = 0; c < N; ++c) values[c] = q == 0 || q == r ? products[q][c] : values[c];
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
#pragma unroll
        for (int c = 0; c < N; ++c) values[c] = products[c];
        if (bias.base) {
            Acc more[N];
            bias.template read<Acc>(i, j, count, more);
#pragma unroll
            for (int c = 0; c < N; ++c) values[c] += more[c];
        }
        if (activation) {
#pragma unroll
            for (int c = 0; c < N; ++c) values[c] = activate<T>(values[c], activation);
        }
        if (residual.base) {
            Acc more[N];
            residual.template read<Acc>(i, j, count, more);
#pragma unroll
            for (int c = 0; c < N; ++c) values[c] += more[c];
        }
        T* to = out.at(i, j);
        if (out.vectors && count == N) {
            Vector<T, N> vector;
#pragma unroll
            for (int c = 0; c < N; ++c) vector.values[c] = narrow<T>(values[c]);
            *reinterpret_cast<Vector<T, N>*>(to) = vector;
        } else {
#pragma unroll
            for (int c = 0; c < N; ++c) {
                if (c < count) to[c * out.column] = narrow<T>(values[c]);
            }
        }
    }
};

}  // namespace tw
