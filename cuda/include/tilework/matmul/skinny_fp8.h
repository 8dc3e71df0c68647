// A few rows of 8-bit floats times a matrix of them (sm_90a): the kernel of skinny_kernel.h, whose four warps are a warpgroup that
// multiplies a stage where it lies, 64 columns by the rows at a time.
//
// A stage is 128 of k, which is as far as the tensor cores are left to add up by themselves (fp8_kernel.h), so its sums begin at zero.
#pragma once

#include "tilework/matmul/skinny_kernel.h"
#include "tilework/wgmma.h"

namespace tw {

template <typename W, typename X>
constexpr int SKINNY_BYTES<Fp8Pair<W, X>> = 1;

// A thread's sums of blocks of 64 columns by ROWS rows.
template <typename W, typename X, int ROWS, int N>
struct SkinnySums<Fp8Pair<W, X>, K_MAJOR, ROWS, N> {
    static constexpr int BLOCKS = N / 64;
    float d[BLOCKS][ROWS / 2] = {};

    __device__ __forceinline__ void add(uint32_t stage, uint32_t, uint32_t) {
        float part[BLOCKS][ROWS / 2];
        uint64_t rows = wgmma_descriptor(stage + N * 128, K_MAJOR, 128);
#pragma unroll
        for (uint32_t block = 0; block < BLOCKS; ++block) wgmma_pin(part[block]);
        wgmma_fence();
#pragma unroll
        for (uint32_t block = 0; block < BLOCKS; ++block) {
            uint64_t weights = wgmma_descriptor(stage + block * 8192, K_MAJOR, 128);
#pragma unroll
            for (uint32_t step = 0; step < 4; ++step) {
                Wgmma<Fp8Pair<W, X>, ROWS, K_MAJOR, K_MAJOR>::product(part[block], wgmma_descriptor_after(weights, 2 * step),
                                                                      wgmma_descriptor_after(rows, 2 * step), step != 0);
            }
        }
        wgmma_commit();
        wgmma_wait<0>();
#pragma unroll
        for (uint32_t block = 0; block < BLOCKS; ++block) {
            wgmma_pin(part[block]);
#pragma unroll
            for (int i = 0; i < ROWS / 2; ++i) d[block][i] += part[block][i];
        }
    }

    template <int PITCH>
    __device__ __forceinline__ void store(float* to, uint32_t warp, uint32_t lane) const {
#pragma unroll
        for (int block = 0; block < BLOCKS; ++block) {
#pragma unroll
            for (int i = 0; i < ROWS / 2; ++i) {
                int row = 8 * (i / 4) + lane % 4 * 2 + i % 2;
                to[row * PITCH + 64 * block + 16 * warp + lane / 4 + i / 2 % 2 * 8] = d[block][i];
            }
        }
    }
};

// The scales are read while the factors are on the way; a null pointer is a scale of 1.
template <typename Out_>
struct SkinnyScaled {
    using Out = Out_;
    const TwFp8& f;
    float a = 1, b = 1;

    __device__ __forceinline__ explicit SkinnyScaled(const TwFp8& f) : f(f) {}

    __device__ __forceinline__ void begin() {
        if (f.a_scales.pointer) a = *reinterpret_cast<const float*>(f.a_scales.pointer);
        if (f.b_scales.pointer) b = *reinterpret_cast<const float*>(f.b_scales.pointer);
    }

    // These products have no epilogue.
    __device__ __forceinline__ void write(const Epilogue<Out>& epilogue, int64_t i, int64_t j, const float (&sums)[4]) const {
        float values[4];
#pragma unroll
        for (int q = 0; q < 4; ++q) values[q] = sums[q] * a * b;
        if (epilogue.out.vectors && epilogue.n % 4 == 0) return epilogue.template write_plain<4>(i, j, values);
#pragma unroll
        for (int q = 0; q < 4; ++q) {
            if (i < epilogue.m && j + q < epilogue.n) *epilogue.out.at(i, j + q) = rounded<Out>(values[q]);
        }
    }
};

}  // namespace tw
